"""Restores a table to a moment beside the one that is there, which stays: "Restore a table" in docs/operations.md is the whole.

    python -m scripts.restore_table gas-dev_jobs 2026-11-29T20:00:00Z gas-dev_jobs_20261129

A backup of the table as it is comes first, so that every step has a way back. The copy gets what DynamoDB does not restore:
time to live, point-in-time recovery, tags and deletion protection. Then both are compared. Nothing is deleted, and no daemon
uses the copy until Terraform names it. Source: "Point-in-time recovery", Amazon DynamoDB Developer Guide.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3

LOOK_SECONDS = 10
Client = Any


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", help="the table, such as gas-dev_jobs")
    parser.add_argument("moment", help="as 2026-11-29T20:00:00Z, or `latest`")
    parser.add_argument("copy", help="name of the copy: the table's, an underscore and a word of your own")
    chosen = parser.parse_args()
    wrong = restore(boto3.client("dynamodb"), chosen.table, chosen.moment, chosen.copy)
    sys.exit("; ".join(wrong))


def restore(dynamodb: Client, table: str, moment: str, copy: str, look_seconds: float = LOOK_SECONDS) -> list[str]:
    """Makes the copy, whole and protected, and returns in what it differs from what it should be; nothing if it is well."""
    _backup(dynamodb, table, f"{copy}-before", look_seconds)
    at: dict[str, Any] = {"UseLatestRestorableTime": True}
    if moment != "latest":
        at = {"RestoreDateTime": datetime.fromisoformat(moment).astimezone(UTC)}
    print(f"restoring {table} as of {moment} to {copy}: minutes to hours", flush=True)
    dynamodb.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=copy, **at)
    _until(lambda: dynamodb.describe_table(TableName=copy)["Table"]["TableStatus"] == "ACTIVE", look_seconds)
    _complete(dynamodb, table, copy)
    counts = {name: _count(dynamodb, name) for name in (table, copy)}
    print(f"items: {counts[table]} in {table}, {counts[copy]} in {copy}", flush=True)
    return differences(dynamodb, table, copy)


def differences(dynamodb: Client, table: str, copy: str) -> list[str]:
    """What of the copy is not as it is of the table, beside the items."""
    one, other = (_described(dynamodb, name) for name in (table, copy))
    return [f"{copy} has another {name} than {table}" for name in one if one[name] != other[name]]


def _described(dynamodb: Client, name: str) -> dict[str, Any]:
    said = dynamodb.describe_table(TableName=name)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    tags = dynamodb.list_tags_of_resource(ResourceArn=said["TableArn"])["Tags"]
    indexes = [
        {part: index[part] for part in ("IndexName", "KeySchema", "Projection")}
        for index in said.get("GlobalSecondaryIndexes", [])
    ]
    return {
        "key": said["KeySchema"],
        "types of keys": sorted(said["AttributeDefinitions"], key=lambda item: item["AttributeName"]),
        "indexes": sorted(indexes, key=lambda item: item["IndexName"]),
        "deletion protection": said.get("DeletionProtectionEnabled", False),
        "time to live": _expiry(dynamodb, name),
        "point-in-time recovery": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "tags": sorted((tag["Key"], tag["Value"]) for tag in tags),
    }


def _backup(dynamodb: Client, table: str, name: str, look_seconds: float) -> None:
    print(f"a backup of {table} as it is now: {name}", flush=True)
    arn = dynamodb.create_backup(TableName=table, BackupName=name)["BackupDetails"]["BackupArn"]

    def made() -> bool:
        said = dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]
        return said["BackupStatus"] == "AVAILABLE"

    _until(made, look_seconds)


def _complete(dynamodb: Client, table: str, copy: str) -> None:
    """Gives the copy what is not restored, first the recovery: until it is on, there is no way back from what comes next."""
    dynamodb.update_continuous_backups(
        TableName=copy, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35}
    )
    if attribute := _expiry(dynamodb, table):
        specification = {"Enabled": True, "AttributeName": attribute}
        dynamodb.update_time_to_live(TableName=copy, TimeToLiveSpecification=specification)
    source, made = (dynamodb.describe_table(TableName=name)["Table"] for name in (table, copy))
    if tags := dynamodb.list_tags_of_resource(ResourceArn=source["TableArn"])["Tags"]:
        dynamodb.tag_resource(ResourceArn=made["TableArn"], Tags=tags)
    dynamodb.update_table(TableName=copy, DeletionProtectionEnabled=source.get("DeletionProtectionEnabled", False))


def _expiry(dynamodb: Client, table: str) -> str:
    said = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    return said.get("AttributeName", "") if said["TimeToLiveStatus"] in ("ENABLED", "ENABLING") else ""


def _count(dynamodb: Client, table: str) -> int:
    """By reading: what DescribeTable says is hours old."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, Select="COUNT")
    return sum(page["Count"] for page in pages)


def _until(holds: Callable[[], bool], look_seconds: float) -> None:
    while not holds():
        time.sleep(look_seconds)


if __name__ == "__main__":
    main()
