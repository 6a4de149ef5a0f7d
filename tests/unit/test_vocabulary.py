"""One vocabulary: the verb is the file, the queue's consumer and the name of the daemon."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from app.cli.main import Verb
from app.local import topology
from workers import VERBS


def test_file_queue_and_command_agree_on_the_verbs() -> None:
    declared = topology.load()["queues"]
    assert {queue["consumer"] for queue in declared.values()} == set(VERBS) == {verb.value for verb in Verb}
    for verb in VERBS:
        spec = import_module(f"workers.{verb}").SPEC
        assert spec.verb == verb
        assert declared[spec.queue]["consumer"] == verb
        assert Path(import_module(f"workers.{verb}").__file__ or "").name == f"{verb}.py"


def test_the_topology_keeps_its_cross_rules() -> None:
    declared = topology.load()
    assert declared["queues"]["archive_requests"]["delay_seconds"] == 300
    for name, queue in declared["queues"].items():
        assert queue["delay_seconds"] <= 900, name
        assert queue["retention_seconds"] < declared["dead_letter"]["retention_seconds"], name
    for subscription in declared["subscriptions"]:
        assert subscription["topic"] in declared["topics"] and subscription["queue"] in declared["queues"]
