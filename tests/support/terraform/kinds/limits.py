"""What AWS refuses and the emulator takes: one row a limit, each with its source."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from .shape import known

Rule = Callable[[Any], bool]

ALARM = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"
DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference"
ELB = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"
IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
S3_NAMES = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"
SECURITY_GROUP = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html"
SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"

RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
DESCRIPTION = re.compile(r"[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]{0,255}")


@dataclass(frozen=True)
class Limit:
    """`path` names an attribute; `*` in it is every block of a list. `says` ends a sentence that begins with the path."""

    kind: str
    path: str
    holds: Rule
    says: str
    source: str


def between(least: float, most: float) -> tuple[Rule, str]:
    return lambda value: least <= float(value) <= most, f"must be {least} to {most}"


def spelt(pattern: str) -> tuple[Rule, str]:
    return lambda value: re.fullmatch(pattern, value) is not None, f"must be spelt as {pattern}"


def at_most(characters: int) -> tuple[Rule, str]:
    # IAM and its like do not count white space
    return lambda value: len(re.sub(r"\s", "", value)) <= characters, f"has more than {characters} characters"


def actions_exist(policy: str) -> bool:
    return all(is_action(action) for action in _actions(policy))


PERIOD: tuple[Rule, str] = (
    lambda seconds: seconds in (10, 20, 30) or (seconds > 0 and seconds % 60 == 0),
    "must be 10, 20, 30 or a multiple of 60",
)
BALANCER_NAME = spelt(r"(?!internal-)[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
SAID: tuple[Rule, str] = (
    lambda value: DESCRIPTION.fullmatch(value) is not None,
    "has a character that EC2 does not take, or more than 255",
)
ACTIONS: tuple[Rule, str] = (actions_exist, "has an action that no service knows")

LIMITS = tuple(
    Limit(kind, path, *rule, source)
    for kind, path, rule, source in (
        ("aws_sqs_queue", "name", spelt(r"[A-Za-z0-9_-]{1,80}"), SQS),
        ("aws_sqs_queue", "delay_seconds", between(0, 900), SQS),
        ("aws_sqs_queue", "visibility_timeout_seconds", between(0, 43_200), SQS),
        ("aws_sqs_queue", "message_retention_seconds", between(60, 1_209_600), SQS),
        ("aws_sqs_queue", "receive_wait_time_seconds", between(0, 20), SQS),
        (
            "aws_sns_topic",
            "name",
            spelt(r"[A-Za-z0-9_-]{1,256}"),
            "https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html",
        ),
        ("aws_cloudwatch_metric_alarm", "period", PERIOD, ALARM),
        ("aws_cloudwatch_metric_alarm", "metric_query.*.metric.*.period", PERIOD, ALARM),
        ("aws_cloudwatch_metric_alarm", "evaluation_periods", between(1, 86_400), ALARM),
        ("aws_cloudwatch_metric_alarm", "alarm_description", at_most(1024), ALARM),
        (
            "aws_cloudwatch_log_group",
            "retention_in_days",
            (lambda days: days in RETENTIONS, "must be one of " + ", ".join(map(str, RETENTIONS))),
            "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html",
        ),
        ("aws_iam_policy", "policy", at_most(6144), IAM),
        ("aws_iam_policy", "name", spelt(r"[\w+=,.@-]{1,128}"), IAM),
        ("aws_iam_role", "name", spelt(r"[\w+=,.@-]{1,64}"), IAM),
        ("aws_iam_role", "assume_role_policy", at_most(2048), IAM),
        ("aws_iam_role_policy", "policy", at_most(10_240), IAM),
        ("aws_iam_policy", "policy", ACTIONS, "https://docs.aws.amazon.com/service-authorization/latest/reference/"),
        ("aws_iam_role_policy", "policy", ACTIONS, "https://docs.aws.amazon.com/service-authorization/latest/reference/"),
        ("aws_security_group", "description", SAID, SECURITY_GROUP),
        ("aws_vpc_security_group_ingress_rule", "description", SAID, SECURITY_GROUP),
        ("aws_vpc_security_group_egress_rule", "description", SAID, SECURITY_GROUP),
        (
            "aws_lb",
            "name",
            BALANCER_NAME,
            "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html",
        ),
        ("aws_lb_target_group", "name", BALANCER_NAME, ELB),
        ("aws_lb_target_group", "health_check.*.interval", between(5, 300), ELB),
        ("aws_lb_target_group", "health_check.*.timeout", between(2, 120), ELB),
        ("aws_lb_target_group", "health_check.*.healthy_threshold", between(2, 10), ELB),
        (
            "aws_autoscaling_group",
            "initial_lifecycle_hook.*.heartbeat_timeout",
            between(30, 7200),
            "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutLifecycleHook.html",
        ),
        (
            "aws_autoscaling_lifecycle_hook",
            "heartbeat_timeout",
            between(30, 7200),
            "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutLifecycleHook.html",
        ),
        (
            "aws_autoscaling_group",
            "max_instance_lifetime",
            (lambda value: value == 0 or 86_400 <= value <= 31_536_000, "must be 0 or 86400 to 31536000"),
            "https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-max-instance-lifetime.html",
        ),
        (
            "aws_launch_template",
            "user_data",
            (lambda value: len(base64.b64decode(value)) <= 16_384, "has more than 16384 bytes"),
            "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html",
        ),
        ("aws_dynamodb_table", "name", spelt(r"[A-Za-z0-9_.-]{3,255}"), f"{DYNAMODB}/API_CreateTable.html"),
        (
            "aws_dynamodb_table",
            "point_in_time_recovery.*.recovery_period_in_days",
            between(1, 35),
            f"{DYNAMODB}/API_PointInTimeRecoverySpecification.html",
        ),
        ("aws_s3_bucket", "bucket", spelt(r"[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]"), S3_NAMES),
        (
            "aws_s3_bucket_policy",
            "policy",
            (lambda value: len(value.encode()) <= 20_480, "has more than 20 KiB"),
            "https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html",
        ),
        (
            "aws_secretsmanager_secret",
            "recovery_window_in_days",
            (lambda days: days == 0 or 7 <= days <= 30, "must be 0 or 7 to 30"),
            "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html",
        ),
    )
)

# actions that are no operation of a service's API, or of another name there, from the service authorization reference:
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
BESIDE_THE_API = frozenset(
    {
        "dynamodb:ConditionCheckItem",
        "s3:AbortMultipartUpload",
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:RestoreObject",
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    }
)
NAMED_OTHERWISE = frozenset({"s3"})
"""Services whose actions are hardly ever called as their operations."""

MODELS = {"ses": "sesv2"}
"""Prefixes of actions whose model botocore has under another name."""


@cache
def _operations(service: str) -> frozenset[str]:
    from botocore.exceptions import UnknownServiceError
    from botocore.loaders import Loader

    try:
        return frozenset(Loader().load_service_model(MODELS.get(service, service), "service-2")["operations"])
    except UnknownServiceError:
        return frozenset()


def is_action(action: str) -> bool:
    """Whether a service knows the action; all of a service's is one."""
    service, _, operation = action.partition(":")
    known_here = () if service in NAMED_OTHERWISE else _operations(service)
    return action in BESIDE_THE_API or operation in known_here or (operation == "*" and bool(_operations(service)))


def _actions(policy: str) -> Iterator[str]:
    for statement in json.loads(policy)["Statement"]:
        said = statement["Action"]
        yield from [said] if isinstance(said, str) else said


def _values(value: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        if value is not None and known(value):
            yield value
    elif path[0] == "*":
        for item in value if isinstance(value, list) else []:
            yield from _values(item, path[1:])
    elif isinstance(value, dict):
        yield from _values(value.get(path[0]), path[1:])


def refusals(kind: str, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Attribute and sentence of everything that AWS would refuse of what is known so far."""
    for limit in LIMITS:
        if limit.kind == kind:
            for value in _values(values, limit.path.split(".")):
                if not limit.holds(value):
                    yield limit.path.partition(".")[0], f"{limit.path} {limit.says}: see {limit.source}"


def absent(kind: str, aws: Any, values: dict[str, Any]) -> Iterator[str]:
    """What a thing refers to and AWS does not have, where the emulator does not look."""
    if kind == "aws_s3_bucket_notification":
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html: the destination is tested
        topics = {topic["TopicArn"] for topic in aws("sns").list_topics()["Topics"]}
        for topic in values["topic"]:
            if topic["topic_arn"] not in topics:
                yield f"unable to validate the destination {topic['topic_arn']}: there is no such topic"
    if kind == "aws_dynamodb_table" and (source := values.get("restore_source_name")):
        # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableToPointInTime.html
        said = aws("dynamodb").describe_continuous_backups(TableName=source)["ContinuousBackupsDescription"]
        if said["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] != "ENABLED":
            yield f"PointInTimeRecoveryUnavailableException: {source} has no point-in-time recovery"
