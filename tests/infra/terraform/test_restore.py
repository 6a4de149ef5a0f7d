"""The runbook "Restore a table", step by step: the copy takes the table's place, and nothing is deleted on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.restore_table import differences, restore
from tests.support.terraform.life import clients

JOBS = 'module.tables.aws_dynamodb_table.this["jobs"]'
ITEM = {"user_id": {"S": "u"}, "job_id": {"S": "j"}}
TABLES = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = "us-east-1"
  default_tags { tags = { Deployment = "gas-kept" } }
}

variable "restored_tables" {
  type    = map(string)
  default = {}
}

locals { topology = jsondecode(file("../../topology.json")) }

module "tables" {
  source          = "../../modules/tables"
  name            = "gas-kept"
  tables          = local.topology.tables
  attribute_types = local.topology.attribute_types
  restored        = var.restored_tables
}
"""


@pytest.fixture
def folder(core_on: Callable[[str], Any], checkout: Callable[[], Path], emulator: str) -> Path:
    """A deployment's tables, made; with the protection of prod."""
    folder = checkout() / "environments" / "tables"
    folder.mkdir()
    (folder / "main.tf").write_text(TABLES)
    core = core_on(emulator)
    core.prepare(folder)
    core.run(folder, "apply", "-auto-approve", "-input=false")
    return folder


def test_a_table_is_restored_and_nothing_is_deleted(core_on: Callable[[str], Any], folder: Path, emulator: str) -> None:
    core, dynamodb = core_on(emulator), clients(emulator)("dynamodb")
    dynamodb.put_item(TableName="gas-kept_jobs", Item=ITEM)
    assert restore(dynamodb, "gas-kept_jobs", "latest", "gas-kept_jobs_copy", look_seconds=0.01) == []
    dynamodb.delete_item(TableName="gas-kept_jobs", Key=ITEM)
    core.run(folder, "state", "rm", JOBS)
    (folder / "restored.auto.tfvars.json").write_text(json.dumps({"restored_tables": {"jobs": "copy"}}))
    core.run(folder, "import", "-input=false", JOBS, "gas-kept_jobs_copy")
    core.run(folder, "plan", "-input=false", "-out=plan")
    planned = core.json(folder, "show", "-json", "plan")["resource_changes"]
    actions = {one["address"]: one["change"]["actions"] for one in planned if one["mode"] == "managed"}
    assert {tuple(what) for what in actions.values()} <= {("no-op",), ("update",)}
    core.run(folder, "apply", "-input=false", "plan")
    # both are there, and the copy has what the table had
    assert set(dynamodb.list_tables()["TableNames"]) >= {"gas-kept_jobs", "gas-kept_jobs_copy"}
    assert dynamodb.scan(TableName="gas-kept_jobs_copy")["Items"] == [ITEM]
    assert [one["BackupName"] for one in dynamodb.list_backups(TableName="gas-kept_jobs")["BackupSummaries"]] == [
        "gas-kept_jobs_copy-before"
    ]
    assert differences(dynamodb, "gas-kept_jobs", "gas-kept_jobs_copy") == []


def test_roles_and_settings_name_the_copy(core: Any, checkout: Callable[[], Path]) -> None:
    folder = checkout() / "environments" / "dev"
    (folder / "restored.auto.tfvars.json").write_text(json.dumps({"restored_tables": {"jobs": "copy"}}))
    core.prepare(folder)
    core.run(folder, "plan", "-input=false", "-out=plan")
    plan = core.json(folder, "show", "-json", "plan")
    policies = [
        change["change"]["after"]["policy"]
        for change in plan["resource_changes"]
        # the portal's is only known after the apply: it names its secret
        if change["type"] == "aws_iam_policy" and "policy" in change["change"]["after"]
    ]
    named = {arn for policy in policies for arn in _arns(policy) if ":table/" in arn}
    tables = {arn.rpartition(":table/")[2].partition("/")[0] for arn in named}
    assert tables == {"gas-dev_jobs_copy", "gas-dev_accounts"}


def _arns(policy: str) -> list[str]:
    return [arn for statement in json.loads(policy)["Statement"] for arn in statement["Resource"]]
