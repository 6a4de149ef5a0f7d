"""Terraform and the local stack make the same queues, topics, tables and buckets, attribute by attribute."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from app.local import topology

DELIVERY = ("DelaySeconds", "VisibilityTimeout", "MessageRetentionPeriod")


def key_of(address: str) -> str:
    return address.rpartition('["')[2].rstrip('"]')


def name_of(arn: str) -> str:
    """The topology's name of a queue or topic, from its ARN."""
    return arn.rpartition(":")[2].partition("_")[2]


@pytest.fixture(params=["dev", "prod"])
def planned(request: pytest.FixtureRequest, deploy: Callable[..., Any]) -> Any:
    return deploy(request.param, "glacier")


@pytest.fixture
async def local(aws: dict[str, Any]) -> dict[str, str]:
    """What the local stack makes in the emulator: the settings that point at it."""
    return await topology.create(aws, f"t{uuid.uuid4().hex[:10]}")


async def test_queues_are_the_same(planned: Any, aws: dict[str, Any], local: dict[str, str]) -> None:
    dead = {name_of(values["arn"]): values for values in planned.applied("aws_sqs_queue").values()}
    made = {}
    for name, url in json.loads(local["GAS_QUEUE_URLS"]).items():
        said = (await aws["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))["Attributes"]
        redrive = json.loads(said["RedrivePolicy"])
        dead_name = redrive["deadLetterTargetArn"].rpartition(":")[2]
        dead_url = (await aws["sqs"].get_queue_url(QueueName=dead_name))["QueueUrl"]
        dead_said = (await aws["sqs"].get_queue_attributes(QueueUrl=dead_url, AttributeNames=["All"]))["Attributes"]
        made[name] = (
            {attribute: int(said[attribute]) for attribute in DELIVERY},
            (name_of(redrive["deadLetterTargetArn"]), int(redrive["maxReceiveCount"])),
            int(dead_said["MessageRetentionPeriod"]),
        )
    declared = {}
    for address, values in planned.applied("aws_sqs_queue").items():
        if ".this[" in address:
            redrive = json.loads(values["redrive_policy"])
            dead_name = name_of(redrive["deadLetterTargetArn"])
            delivery = (values["delay_seconds"], values["visibility_timeout_seconds"], values["message_retention_seconds"])
            declared[key_of(address)] = (
                dict(zip(DELIVERY, delivery, strict=True)),
                (dead_name, redrive["maxReceiveCount"]),
                dead[dead_name]["message_retention_seconds"],
            )
    assert declared == made


def test_free_results_stay_for_five_minutes(planned: Any) -> None:
    delays = {key_of(a): values["delay_seconds"] for a, values in planned.planned("aws_sqs_queue").items() if ".this[" in a}
    assert delays.pop("archive_requests") == 300
    assert set(delays.values()) == {0}


async def test_subscriptions_are_the_same(planned: Any, aws: dict[str, Any], local: dict[str, str]) -> None:
    made = set()
    for topic, arn in json.loads(local["GAS_TOPIC_ARNS"]).items():
        for subscription in (await aws["sns"].list_subscriptions_by_topic(TopicArn=arn))["Subscriptions"]:
            said = await aws["sns"].get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])
            attributes = said["Attributes"]
            policy = json.dumps(json.loads(attributes.get("FilterPolicy") or "null"))
            made.add((topic, name_of(subscription["Endpoint"]), attributes["RawMessageDelivery"] == "true", policy))
    declared = {
        (
            name_of(values["topic_arn"]),
            name_of(values["endpoint"]),
            values["raw_message_delivery"],
            json.dumps(json.loads(values["filter_policy"] or "null")),
        )
        for values in planned.applied("aws_sns_topic_subscription").values()
        if values["protocol"] == "sqs"
    }
    assert declared == made and made


async def test_tables_and_indexes_are_the_same(planned: Any, aws: dict[str, Any], local: dict[str, str]) -> None:
    made = {}
    for name, table in json.loads(local["GAS_TABLE_NAMES"]).items():
        said = (await aws["dynamodb"].describe_table(TableName=table))["Table"]
        expiry = (await aws["dynamodb"].describe_time_to_live(TableName=table))["TimeToLiveDescription"]
        made[name] = {
            "key": [key["AttributeName"] for key in said["KeySchema"]],
            "types": {item["AttributeName"]: item["AttributeType"] for item in said["AttributeDefinitions"]},
            "billing": said["BillingModeSummary"]["BillingMode"],
            "ttl": expiry.get("AttributeName"),
            "indexes": {
                index["IndexName"]: ([key["AttributeName"] for key in index["KeySchema"]], index["Projection"]["ProjectionType"])
                for index in said["GlobalSecondaryIndexes"]
            },
        }
    declared = {
        key_of(address): {
            "key": [values["hash_key"], values["range_key"]],
            "types": {item["name"]: item["type"] for item in values["attribute"]},
            "billing": values["billing_mode"],
            "ttl": values["ttl"][0]["attribute_name"] if values["ttl"] else None,
            "indexes": {
                index["name"]: ([index["hash_key"], index["range_key"]], index["projection_type"])
                for index in values["global_secondary_index"]
            },
        }
        for address, values in planned.applied("aws_dynamodb_table").items()
    }
    assert declared == made


def test_settings_name_the_same_things(planned: Any, local: dict[str, str]) -> None:
    """Whatever the local stack says in settings, a deployment says too, about things of the same names."""
    settings = planned.output("settings")
    for name, value in local.items():
        if name == "GAS_KEPT_DAYS":
            said = json.loads(settings[name])
            assert said.keys() == {"uploads", "backups", "logs"} and said.items() >= json.loads(value).items()
        elif value.startswith("{"):
            assert set(json.loads(settings[name])) == set(json.loads(value)), name
        elif name != "GAS_VAULT":
            assert settings[name] == value, name
    assert settings["GAS_VAULT"] == f"gas-{planned.environment}_archives"


def test_buckets_do_what_they_are_declared_to(planned: Any) -> None:
    declared = topology.load()["buckets"]
    expiry = {
        key_of(address): next((rule["expiration"][0]["days"] for rule in values["rule"] if rule["expiration"]), None)
        for address, values in planned.planned("aws_s3_bucket_lifecycle_configuration").items()
    }
    assert {name: expiry[name] for name in declared} == {name: bucket["expire_days"] for name, bucket in declared.items()}
    assert {key_of(a) for a in planned.planned("aws_s3_bucket_cors_configuration")} == {
        name for name, bucket in declared.items() if bucket["browser_uploads"]
    }
    notices = planned.applied("aws_s3_bucket_notification")
    assert {key_of(a) for a in notices} == {name for name, bucket in declared.items() if bucket["restore_notices"]}
    for values in notices.values():
        (topic,) = values["topic"]
        assert name_of(topic["topic_arn"]) == "retrievals"
        assert (topic["events"], topic["filter_prefix"]) == (["s3:ObjectRestore:Completed"], "archive/")


def test_queues_let_exactly_their_topics_write(planned: Any) -> None:
    """No emulator enforces these policies, and without them SNS drops what it should deliver."""
    feeding: dict[str, set[str]] = {}
    for subscription in topology.load()["subscriptions"]:
        feeding.setdefault(subscription["queue"], set()).add(subscription["topic"])
    for address, values in planned.planned("aws_sqs_queue_policy").items():
        allowed = [said for said in json.loads(values["policy"])["Statement"] if said["Effect"] == "Allow"]
        let_in = {name_of(arn) for said in allowed for arn in said["Condition"]["ArnEquals"]["aws:SourceArn"]}
        assert let_in == (feeding.get(key_of(address), set()) if ".this[" in address else set()), address
        assert all(
            said["Principal"] == {"Service": "sns.amazonaws.com"} and said["Action"] == "sqs:SendMessage" for said in allowed
        )
        assert all(name_of(said["Resource"]) == key_of(address) for said in allowed)


def test_dead_letter_queues_take_only_from_their_queue(planned: Any) -> None:
    policies = planned.applied("aws_sqs_queue_redrive_allow_policy")
    assert {key_of(address) for address in policies} == set(topology.load()["queues"])
    for address, values in policies.items():
        said = json.loads(values["redrive_allow_policy"])
        assert said["redrivePermission"] == "byQueue" and [name_of(arn) for arn in said["sourceQueueArns"]] == [key_of(address)]


def test_topics_let_exactly_their_services_publish(planned: Any) -> None:
    services = {name: f"{name}.amazonaws.com" for name in ("s3", "glacier", "ses")}
    for name, declared in topology.load()["topics"].items():
        policy = planned.planned("aws_sns_topic_policy")[f'module.gas.module.messaging.aws_sns_topic_policy.this["{name}"]'][
            "policy"
        ]
        allowed = [said for said in json.loads(policy)["Statement"] if said["Effect"] == "Allow"]
        let_in = {said["Principal"]["Service"] for said in allowed if "Service" in said["Principal"]}
        assert let_in == {services[by] for by in declared["published_by"] if by in services}
        for said in allowed:
            if "Service" in said["Principal"]:
                assert said["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
            else:
                assert said["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
