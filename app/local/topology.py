"""Creates what `terraform/topology.json` declares, for the local stack and the tests, and says it in settings.

A deployment never reads the topology: Terraform does, and hands its outputs over as `GAS_*` settings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.aws.clients import tolerated

TOPOLOGY = Path(__file__).parents[2] / "terraform" / "topology.json"


def load() -> dict[str, Any]:
    """Returns the topology that Terraform makes too: its queues, topics, tables and buckets."""
    return json.loads(TOPOLOGY.read_text())


def dead_letter_name(topology: dict[str, Any], queue: str) -> str:
    """Returns the name of a queue's dead-letter queue."""
    return queue + topology["dead_letter"]["suffix"]


LET_TOPICS_SEND = {
    "Effect": "Allow",
    "Principal": {"Service": "sns.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": "*",
}
"""Without it a queue takes nothing from a topic. At AWS only its own topics are let in: modules/messaging."""


async def create(aws: dict[str, Any], prefix: str, *, retention: int | None = None, origin: str = "") -> dict[str, str]:
    """Creates every queue, topic, subscription, table and bucket that is not there yet, with `prefix` before each name.

    `aws` has the clients by service: sqs, sns, dynamodb, s3, glacier. `retention` replaces the delay (seconds) of the
    delayed queue; a browser may upload from a page of `origin`. Returns the `GAS_*` environment that points at it all.
    """
    topology = load()
    queues = {name: await _queue(aws["sqs"], topology, prefix, name, retention) for name in topology["queues"]}
    topics = {name: (await aws["sns"].create_topic(Name=f"{prefix}_{name}"))["TopicArn"] for name in topology["topics"]}
    for subscription in topology["subscriptions"]:
        await _subscribe(aws, topics, queues, subscription)
    for name in topology["tables"]:
        await _table(aws["dynamodb"], topology, prefix, name)
    buckets = {name: f"{prefix}-{name}".replace("_", "-") for name in topology["buckets"]}
    region = aws["s3"].meta.region_name
    # S3 does not take its first region as a constraint
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    for bucket in buckets.values():
        with tolerated("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            await aws["s3"].create_bucket(Bucket=bucket, **where)
    for name, bucket in buckets.items():
        declared: dict[str, Any] = topology["buckets"][name]
        rules: list[dict[str, Any]] = []
        if origin and declared["browser_uploads"]:
            rules.append({"AllowedOrigins": [origin], "AllowedMethods": ["POST"], "AllowedHeaders": ["*"]})
        if declared["browser_reads"]:
            rules.append({"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"], "AllowedHeaders": ["Range"]})
        if rules:
            await aws["s3"].put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    vault = f"{prefix}_{topology['archive']['glacier']['vault']}"
    await aws["glacier"].create_vault(accountId="-", vaultName=vault)
    return {
        "GAS_QUEUE_URLS": json.dumps(queues),
        "GAS_TOPIC_ARNS": json.dumps(topics),
        "GAS_TABLE_NAMES": json.dumps({name: f"{prefix}_{name}" for name in topology["tables"]}),
        "GAS_BUCKET_NAMES": json.dumps(buckets),
        "GAS_OVERDUE_SHARDS": str(topology["overdue_shards"]),
        "GAS_ARCHIVE_STORAGE_CLASS": topology["archive"]["s3"]["storage_class"],
        "GAS_ARCHIVE_RESTORED_DAYS": str(topology["archive"]["s3"]["restored_days"]),
        "GAS_VAULT": vault,
        "GAS_KEPT_DAYS": json.dumps({"uploads": topology["buckets"]["inputs"]["expire_days"]}),
    }


async def _queue(sqs: Any, topology: dict[str, Any], prefix: str, name: str, retention: int | None) -> str:
    declared, dead = topology["queues"][name], topology["dead_letter"]
    dead_url = await _queue_with(
        sqs, f"{prefix}_{dead_letter_name(topology, name)}", {"MessageRetentionPeriod": str(dead["retention_seconds"])}
    )
    dead_arn = (await sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"]))["Attributes"]["QueueArn"]
    delay = retention if retention is not None and declared["delay_seconds"] else declared["delay_seconds"]
    return await _queue_with(
        sqs,
        f"{prefix}_{name}",
        {
            "DelaySeconds": str(delay),
            "VisibilityTimeout": str(declared["visibility_seconds"]),
            "MessageRetentionPeriod": str(declared["retention_seconds"]),
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": declared["max_receives"]}),
            "Policy": json.dumps({"Version": "2012-10-17", "Statement": [LET_TOPICS_SEND]}),
        },
    )


async def _queue_with(sqs: Any, name: str, attributes: dict[str, str]) -> str:
    """URL of the queue, which has these attributes from now on."""
    try:
        return (await sqs.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"]
    except sqs.exceptions.QueueNameExists:
        url = (await sqs.get_queue_url(QueueName=name))["QueueUrl"]
        await sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        return url


async def _subscribe(aws: dict[str, Any], topics: dict[str, str], queues: dict[str, str], declared: dict[str, Any]) -> None:
    queue_arn = (await aws["sqs"].get_queue_attributes(QueueUrl=queues[declared["queue"]], AttributeNames=["QueueArn"]))[
        "Attributes"
    ]["QueueArn"]
    attributes = {"RawMessageDelivery": str(declared["raw_delivery"]).lower()}
    if declared["filter"]:
        attributes["FilterPolicy"] = json.dumps(declared["filter"])
    await aws["sns"].subscribe(TopicArn=topics[declared["topic"]], Protocol="sqs", Endpoint=queue_arn, Attributes=attributes)


async def _table(dynamodb: Any, topology: dict[str, Any], prefix: str, name: str) -> None:
    declared, table = topology["tables"][name], f"{prefix}_{name}"
    indexes = [
        {"IndexName": index, "KeySchema": _key(keys), "Projection": {"ProjectionType": keys["projection"]}}
        for index, keys in declared["indexes"].items()
    ]
    used = sorted({key["AttributeName"] for schema in (declared, *declared["indexes"].values()) for key in _key(schema)})
    with tolerated("ResourceInUseException"):
        await dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=_key(declared),
            AttributeDefinitions=[{"AttributeName": one, "AttributeType": topology["attribute_types"][one]} for one in used],
            GlobalSecondaryIndexes=indexes,
        )
    await dynamodb.get_waiter("table_exists").wait(TableName=table)
    if declared["ttl_attribute"]:
        with tolerated("ValidationException"):  # it is enabled
            await dynamodb.update_time_to_live(
                TableName=table,
                TimeToLiveSpecification={"Enabled": True, "AttributeName": declared["ttl_attribute"]},
            )


def _key(declared: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"AttributeName": declared["partition_key"], "KeyType": "HASH"},
        {"AttributeName": declared["sort_key"], "KeyType": "RANGE"},
    ]
