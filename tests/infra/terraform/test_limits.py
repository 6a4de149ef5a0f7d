"""What AWS refuses is refused here, also where the emulator takes it: each mistake alone, in an otherwise right configuration."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.terraform.kinds import KINDS, RECORDED
from tests.support.terraform.kinds.changes import CHANGES
from tests.support.terraform.kinds.limits import LIMITS, is_action, refusals

RIGHT = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

variable "name" { type = string }

locals { many = jsonencode([for n in range(300) : format("arn:aws:sqs:*:*:%03d", n)]) }

resource "aws_sqs_queue" "this" {
  name          = "${var.name}-queue"
  delay_seconds = 300
}

resource "aws_sns_topic" "this" { name = "${var.name}-topic" }

resource "aws_s3_bucket" "this" { bucket = "${var.name}-bucket" }

resource "aws_s3_bucket_notification" "this" {
  bucket = aws_s3_bucket.this.id

  topic {
    topic_arn = aws_sns_topic.this.arn
    events    = ["s3:ObjectRestore:Completed"]
  }
}

resource "aws_dynamodb_table" "this" {
  name         = "${var.name}-table"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "user_id"

  attribute {
    name = "user_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_dynamodb_table" "restored" {
  name                   = "${var.name}-restored"
  billing_mode           = "PAY_PER_REQUEST"
  restore_source_name    = aws_dynamodb_table.this.name
  restore_to_latest_time = true
}

resource "aws_iam_policy" "this" {
  name = "${var.name}-policy"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["sqs:SendMessage"], Resource = ["*"] }]
  })
}

resource "aws_cloudwatch_metric_alarm" "this" {
  alarm_name          = "${var.name}-alarm"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 1
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "${var.name}-logs"
  retention_in_days = 30
}

resource "aws_vpc" "this" { cidr_block = "10.0.0.0/16" }

resource "aws_security_group" "this" {
  name        = "${var.name}-group"
  description = "The portal of GAS"
  vpc_id      = aws_vpc.this.id
}
"""
SEEDED = {
    "name of a queue": ("aws_sqs_queue.this", '"${var.name}-queue"', '"${var.name} queue"', "name must be spelt"),
    "name of a bucket": ("aws_s3_bucket.this", '"${var.name}-bucket"', '"${var.name}_Bucket"', "bucket must be spelt"),
    "syntax of a policy": ("aws_iam_policy.this", 'Effect = "Allow"', 'Effect = "Perhaps"', "MalformedPolicyDocument"),
    "attribute of a key": ("aws_dynamodb_table.this", 'hash_key     = "user_id"', 'hash_key     = "user"', "ValidationException"),
    "delay": ("aws_sqs_queue.this", "= 300", "= 1000", "delay_seconds must be 0 to 900"),
    "period of an alarm": ("aws_cloudwatch_metric_alarm.this", "= 60", "= 90", "period must be 10, 20, 30 or a multiple of 60"),
    "retention of logs": ("aws_cloudwatch_log_group.this", "in_days = 30", "in_days = 45", "retention_in_days must be one of"),
    "length of a policy": ("aws_iam_policy.this", '["*"]', "jsondecode(local.many)", "more than 6144 characters"),
    "action": ("aws_iam_policy.this", "sqs:SendMessage", "sqs:SendMessages", "no service knows"),
    "absent topic": (
        "aws_s3_bucket_notification.this",
        "aws_sns_topic.this.arn",
        '"arn:aws:sns:us-east-1:123456789012:absent"',
        "there is no such topic",
    ),
    "apostrophe": ("aws_security_group.this", "The portal of GAS", "GAS's portal", "a character that EC2 does not take"),
    "restore without recovery": (
        "aws_dynamodb_table.restored",
        "enabled = true",
        "enabled = false",
        "PointInTimeRecoveryUnavailable",
    ),
}


@pytest.fixture(scope="session")
def small(core_on: Callable[[str], Any], emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Applies a configuration for one thing, under a name of its own; returns how the command ended."""
    core, template = core_on(emulator), tmp_path_factory.mktemp("right")
    (template / "main.tf").write_text(RIGHT)
    core.prepare(template)

    def apply(name: str, written: str, target: str = "") -> Any:
        folder = tmp_path_factory.mktemp("seeded") / name
        shutil.copytree(template, folder)
        (folder / "main.tf").write_text(written)
        options = [f"-target={target}"] if target else []
        return core.try_run(folder, "apply", "-no-color", "-auto-approve", "-input=false", f"-var=name={name}", *options)

    return apply


def test_right_configuration_is_made(small: Any) -> None:
    done = small("right", RIGHT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Resources: 11 added" in done.stdout


@pytest.mark.parametrize("mistake", SEEDED)
def test_seeded_mistake_is_refused(small: Any, mistake: str) -> None:
    target, right, wrong, reason = SEEDED[mistake]
    assert RIGHT.count(right) == 1
    done = small(f"seed{list(SEEDED).index(mistake)}", RIGHT.replace(right, wrong), target)
    assert done.returncode != 0
    # Terraform breaks lines where it likes
    assert reason in " ".join(done.stderr.replace("│", " ").split())


@pytest.fixture(scope="module")
def blocks() -> dict[str, Any]:
    """The provider's schema: the block of each resource type."""
    schema = json.loads(gzip.decompress((Path(__file__).parents[2] / "support" / "terraform" / "schema.json.gz").read_bytes()))
    return {kind: said["block"] for kind, said in schema["resource_schemas"].items()}


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: f"{limit.kind}.{limit.path}")
def test_limit_is_about_an_attribute_and_has_a_source(limit: Any, blocks: dict[str, Any]) -> None:
    block = blocks[limit.kind]
    *blocks, attribute = limit.path.replace(".*", "").split(".")
    for name in blocks:
        block = block["block_types"][name]["block"]
    assert attribute in block["attributes"]
    assert limit.source.startswith("https://docs.aws.amazon.com/")


# nothing of these is ever changed, or all of it in place
WITHOUT_A_ROW = {"aws_acm_certificate_validation", "aws_internet_gateway", "aws_s3_bucket_versioning"}


def test_every_type_says_what_a_change_of_it_does_and_where_that_is_written(blocks: dict[str, Any]) -> None:
    assert set(CHANGES) == (KINDS.keys() | RECORDED.keys()) - WITHOUT_A_ROW
    for kind, change in CHANGES.items():
        said = {**blocks[kind]["attributes"], **blocks[kind].get("block_types", {})}
        assert {*change.replaces, *change.unknown} <= said.keys(), kind
        # what AWS alone decides is no reason to replace
        assert all(said[name].get("optional") or said[name].get("required") or "block" in said[name] for name in change.replaces)
        assert re.fullmatch(
            r"https://github\.com/hashicorp/terraform-provider-aws/blob/main/internal/service/\w+/\w+\.go", change.source
        )


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("aws_sqs_queue", {"delay_seconds": 900}),
        ("aws_cloudwatch_metric_alarm", {"period": 30}),
        ("aws_cloudwatch_metric_alarm", {"metric_query": [{"metric": [{"period": 120}]}, {"metric": []}]}),
        ("aws_secretsmanager_secret", {"recovery_window_in_days": 0}),
    ],
)
def test_what_is_just_within_is_taken(kind: str, values: dict[str, Any]) -> None:
    assert list(refusals(kind, values)) == []


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("aws_sqs_queue", {"delay_seconds": 901}),
        ("aws_cloudwatch_metric_alarm", {"metric_query": [{"metric": [{"period": 90}]}]}),
        ("aws_secretsmanager_secret", {"recovery_window_in_days": 3}),
        ("aws_autoscaling_group", {"initial_lifecycle_hook": [{"heartbeat_timeout": 29}]}),
        ("aws_autoscaling_lifecycle_hook", {"heartbeat_timeout": 7201}),
        ("aws_lb", {"name": "internal-gas"}),
    ],
)
def test_what_is_just_outside_is_refused(kind: str, values: dict[str, Any]) -> None:
    assert len(list(refusals(kind, values))) == 1


def test_actions_are_those_of_the_services() -> None:
    assert all(is_action(action) for action in ("sqs:SendMessage", "ses:SendEmail", "s3:ListBucket", "sqs:*"))
    assert not any(is_action(action) for action in ("sqs:SendMessages", "queue:SendMessage", "SendMessage", "s3:ListObjectsV2"))
