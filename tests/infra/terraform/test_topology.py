"""Terraform and the local stack make the same queues, topics, tables and buckets, attribute by attribute."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from app.local import topology
from tests.support.terraform.inventory import differences, inventory
from tests.support.terraform.life import clients


def key_of(address: str) -> str:
    return address.rpartition('["')[2].rstrip('"]')


def name_of(arn: str) -> str:
    """The topology's name of a queue or topic, from its ARN."""
    return arn.rpartition(":")[2].partition("_")[2]


@pytest.fixture(params=[pytest.param("dev", marks=pytest.mark.night), "prod"])
def planned(request: pytest.FixtureRequest, deploy: Callable[..., Any]) -> Any:
    return deploy(request.param, "glacier")


@pytest.fixture(params=[("dev", "s3"), ("prod", "glacier")], ids="-".join)
def made(request: pytest.FixtureRequest, deploy: Callable[..., Any]) -> Any:
    """A deployment that was really made."""
    return deploy(*request.param)


@pytest.fixture
async def local(aws: dict[str, Any]) -> dict[str, str]:
    """What the local stack makes in the emulator: the settings that point at it."""
    return await topology.create(aws, f"t{uuid.uuid4().hex[:10]}")


# what a deployment has that the local stack does without, and why
ONLY_DEPLOYED = {
    "queues": {
        "ReceiveMessageWaitTimeSeconds": "daemons say themselves how long they poll",
    },
    "topics": {"key": "the emulator keeps its messages in memory"},
    "tables": {
        "recovery": "nothing of the local stack is worth a backup",
        "encryption": "the emulator keeps its tables in memory",
        "DeletionProtectionEnabled": "the local stack goes with its process",
    },
    "buckets": {
        "cors": "only the local stack's own portal is let in, when it is made",
        "lifecycle": "the local stack does not run for days",
        "notices": "the emulator tells nobody of a restored object; the daemons' own look finds it",
        "encryption": "the emulator keeps its objects in memory",
        "ownership": "the emulator has one account",
        "access": "the emulator listens on loopback only",
    },
}


async def test_terraform_and_local_stack_make_the_same(made: Any, local: dict[str, str], aws_endpoint: str) -> None:
    """Every attribute that an emulator has of queues, topics, subscriptions, tables and buckets, with these exceptions."""
    here = json.loads(json.dumps(inventory(clients(aws_endpoint), local)))
    differ = differences(made.inventory, here)
    assert {kind: set(things) for kind, things in made.inventory.items()} == {
        kind: set(things) for kind, things in topology.load().items() if kind in made.inventory
    }
    beyond = {one for one in differ if one.partition(".")[0] not in ONLY_DEPLOYED or _attribute(one) not in _excepted(one)}
    assert beyond == set()
    unprotected = set() if made.environment == "prod" else {"tables.DeletionProtectionEnabled"}
    excepted = {f"{kind}.{attribute}" for kind, attributes in ONLY_DEPLOYED.items() for attribute in attributes}
    assert {f"{one.partition('.')[0]}.{_attribute(one)}" for one in differ} == excepted - unprotected


def _attribute(difference: str) -> str:
    return difference.split(".", 2)[2] if difference.count(".") > 1 else ""


def _excepted(difference: str) -> dict[str, str]:
    return ONLY_DEPLOYED[difference.partition(".")[0]]


def test_inventories_differ_in_what_differs() -> None:
    """The comparison is worth its name only if every difference is one."""
    one = {"queues": {"a": {"delay": 1, "wait": 2}, "b": {}}}
    other = {"queues": {"a": {"delay": 1, "wait": 3, "more": 4}, "c": {}}}
    assert differences(one, other) == {"queues.a.wait", "queues.a.more", "queues.b", "queues.c"}


def test_free_results_stay_for_five_minutes(planned: Any) -> None:
    delays = {key_of(a): values["delay_seconds"] for a, values in planned.planned("aws_sqs_queue").items() if ".this[" in a}
    assert delays.pop("archive_requests") == 300
    assert set(delays.values()) == {0}


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
    for name, bucket in declared.items():
        cors = {key_of(a): values["cors_rule"] for a, values in planned.planned("aws_s3_bucket_cors_configuration").items()}
        methods = sorted(method for rule in cors.get(name, []) for method in rule["allowed_methods"])
        assert methods == ["POST"] * bucket["browser_uploads"] + ["GET", "HEAD"] * bucket["browser_reads"], name
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
