"""What an emulator has of a deployment: every attribute of its queues, topics, subscriptions, tables and buckets, by the
topology's names and without what is of one deployment alone (names, ARNs, times)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

QUEUE = (
    "DelaySeconds",
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "MaximumMessageSize",
    "ReceiveMessageWaitTimeSeconds",
    "SqsManagedSseEnabled",
)
TABLE = ("KeySchema", "AttributeDefinitions", "DeletionProtectionEnabled", "StreamSpecification", "BillingModeSummary")
BUCKET = {
    "cors": ("get_bucket_cors", "CORSRules"),
    "lifecycle": ("get_bucket_lifecycle_configuration", "Rules"),
    "notices": ("get_bucket_notification_configuration", "TopicConfigurations"),
    "encryption": ("get_bucket_encryption", "ServerSideEncryptionConfiguration"),
    "versioning": ("get_bucket_versioning", "Status"),
    "ownership": ("get_bucket_ownership_controls", "OwnershipControls"),
    "access": ("get_public_access_block", "PublicAccessBlockConfiguration"),
}

Clients = Callable[[str], Any]


def bare(name: str) -> str:
    """The topology's name of a queue, topic or table, from its ARN, URL or name."""
    return name.rpartition(":")[2].rpartition("/")[2].partition("_")[2]


def inventory(aws: Clients, settings: dict[str, str]) -> dict[str, Any]:
    """Attributes by `kind`, name of the topology, and attribute. `settings` are the `GAS_*` that point at the deployment."""
    return {
        "queues": {name: _queue(aws, url) for name, url in json.loads(settings["GAS_QUEUE_URLS"]).items()},
        "topics": {name: _topic(aws, arn) for name, arn in json.loads(settings["GAS_TOPIC_ARNS"]).items()},
        "tables": {name: _table(aws, table) for name, table in json.loads(settings["GAS_TABLE_NAMES"]).items()},
        "buckets": {name: _bucket(aws, bucket) for name, bucket in json.loads(settings["GAS_BUCKET_NAMES"]).items()},
    }


def differences(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    """`kind.name.attribute` of everything that is not the same in two inventories, and `kind.name` of what only one has."""
    found = set()
    for kind in one.keys() | other.keys():
        for name in one[kind].keys() | other[kind].keys():
            left, right = one[kind].get(name), other[kind].get(name)
            if left is None or right is None:
                found.add(f"{kind}.{name}")
                continue
            found |= {f"{kind}.{name}.{item}" for item in left.keys() | right.keys() if left.get(item) != right.get(item)}
    return found


def _queue(aws: Clients, url: str) -> dict[str, Any]:
    said = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    found: dict[str, Any] = {name: said.get(name) for name in QUEUE}
    if "RedrivePolicy" in said:
        redrive = json.loads(said["RedrivePolicy"])
        dead = redrive["deadLetterTargetArn"].rpartition(":")[2]
        dead_url = aws("sqs").get_queue_url(QueueName=dead)["QueueUrl"]
        found |= {"receives": int(redrive["maxReceiveCount"]), "dead": bare(dead)}
        found |= {f"dead {name}": value for name, value in _queue(aws, dead_url).items()}
    return found


def _topic(aws: Clients, arn: str) -> dict[str, Any]:
    said = aws("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    subscriptions = {}
    for one in aws("sns").list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]:
        attributes = aws("sns").get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
        subscriptions[f"subscription of {bare(one['Endpoint'])}"] = {
            "protocol": one["Protocol"],
            "raw": attributes.get("RawMessageDelivery"),
            "filter": json.loads(attributes.get("FilterPolicy") or "null"),
            "scope": attributes.get("FilterPolicyScope"),
            "redrive": attributes.get("RedrivePolicy"),
        }
    return {"key": said.get("KmsMasterKeyId"), **subscriptions}


def _table(aws: Clients, name: str) -> dict[str, Any]:
    said = aws("dynamodb").describe_table(TableName=name)["Table"]
    found = {attribute: said.get(attribute) for attribute in TABLE}
    found["AttributeDefinitions"] = sorted(found["AttributeDefinitions"], key=lambda item: item["AttributeName"])
    found["BillingModeSummary"] = found["BillingModeSummary"]["BillingMode"]
    for index in said["GlobalSecondaryIndexes"]:
        found[f"index {index['IndexName']}"] = {"key": index["KeySchema"], "projection": index["Projection"]}
    expiry = aws("dynamodb").describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    backups = aws("dynamodb").describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    return found | {
        "expiry": expiry.get("AttributeName"),
        "recovery": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "encryption": said.get("SSEDescription", {}).get("Status"),
    }


def _bucket(aws: Clients, bucket: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (operation, part) in BUCKET.items():
        try:
            found[name] = getattr(aws("s3"), operation)(Bucket=bucket).get(part)
        except ClientError as error:
            assert error.response["Error"]["Code"].startswith(("NoSuch", "ServerSide", "OwnershipControls")), error
            found[name] = None
    for notice in found["notices"] or []:
        notice |= {"TopicArn": bare(notice["TopicArn"]), "Id": None}
    for rule in found["cors"] or []:
        rule.pop("AllowedOrigins")
    return found
