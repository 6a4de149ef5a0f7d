"""What docs/tricks.md says of other people's code still holds: each of these fails when a new release of theirs changes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE
from typing import Any

import botocore.model
import moto.backends
import pytest
from aiobotocore.parsers import AioResponseParserFactory
from moto.core.responses import XFormedAttributePicker
from moto.core.serialize import JSONSerializer
from moto.core.utils import get_service_model
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.utils import _VersionedKeyStore

from app.aws.botocore_tuning import JsonResponseParserFactory, loader
from app.engine.formats import bcftools
from app.local import emulator, values

ROOT = Path(__file__).parents[2]

ANSWERS = {
    "dynamodb.Query": {
        "Items": [{"id": {"S": "a"}, "n": {"N": "1"}, "m": {"SS": ["x"]}, "none": {"NULL": True}}],
        "Count": 1,
    },
    "dynamodb.BatchGetItem": {"Responses": {"jobs": [{"id": {"S": "a"}}]}, "UnprocessedKeys": {}},
    "sqs.ReceiveMessage": {"Messages": [{"MessageId": "1", "Body": "b", "Attributes": {"SentTimestamp": "1"}}]},
}


@pytest.mark.parametrize("operation", ANSWERS)
async def test_answers_are_those_that_botocore_makes(operation: str) -> None:
    service, name = operation.split(".")
    model = botocore.model.ServiceModel(loader().load_service_model(service, "service-2"), service)
    answer = {"body": json.dumps(ANSWERS[operation]).encode(), "headers": {}, "status_code": 200}
    shape = model.operation_model(name).output_shape
    read, theirs = [
        await made.create_parser("json").parse(answer, shape)
        for made in (JsonResponseParserFactory(), AioResponseParserFactory())
    ]
    assert read == theirs
    assert {name: read[name] for name in ANSWERS[operation]} == ANSWERS[operation]


LOGS = """
import sys
import app.process.logs
import structlog.dev
assert "rich" not in sys.modules and structlog.dev.rich is None
import rich.console
rich.console.Console(stderr=True).print("here")
"""


def test_a_process_that_logs_has_not_loaded_rich_and_may_load_it_later() -> None:
    done = subprocess.run([sys.executable, "-c", LOGS], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "here\n")


def test_bcftools_runs_in_a_process_of_its_own() -> None:
    head = b'##fileformat=VCFv4.2\n##FILTER=<ID=PASS,Description="All filters passed">\n##contig=<ID=MT>\n'
    record = b"MT\t1\t.\tG\tA\t.\t.\t.\n"
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as said:
        source.write(head + b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + record)
        source.seek(0)
        with bcftools.spawn("view", "-H", "-", stdin=source, stdout=PIPE, stderr=said) as child:
            assert child.stdout
            assert child.stdout.read() == record
    assert child.returncode == 0


def test_each_trick_names_its_place_and_a_canary_that_exist() -> None:
    rows = [line for line in (ROOT / "docs/tricks.md").read_text().splitlines() if line.startswith("| `")]
    assert len(rows) >= 5
    for row in rows:
        place, *_, canary = (cell.strip() for cell in row.strip("|").split("|"))
        assert (ROOT / place.strip("`")).is_file(), place
        file, _, test = canary.strip("`").partition("::")
        assert re.search(rf"^(async )?def {test}\b", (ROOT / file).read_text(), re.MULTILINE), canary


def test_what_moto_looks_up_for_every_request_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = list[str]()
    listed = moto.backends.list_of_moto_modules
    monkeypatch.setattr(moto.backends, "list_of_moto_modules", lambda: looks.append("folder") or listed())
    emulator._look_up_once()
    remembered = DomainDispatcherApplication.get_backend_for_host
    theirs = remembered.__wrapped__  # type: ignore[attr-defined]
    application = DomainDispatcherApplication(create_backend_app)
    for host in ("dynamodb.eu-central-1.amazonaws.com", "s3.us-east-1.amazonaws.com"):
        assert {remembered(application, host) for _ in range(3)} == {theirs(application, host)}
    assert len(looks) == 4, "a look for each host of ours, and one for each of moto's own way"


def test_objects_that_are_deleted_while_a_bucket_is_listed_do_no_harm() -> None:
    emulator._list_what_there_was()
    keys = _VersionedKeyStore(a=["old", "new"], b=["one"])
    listed = keys.items()
    assert next(iter(listed)) == ("a", "new")
    dict.pop(keys, "b")
    assert [*listed] == [("b", "one")]


VALUES: dict[str, Any] = {
    "text": {"S": "a"},
    "none": {"S": ""},
    "number": {"N": "1"},
    "bytes": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "null": {"NULL": True},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2.5"]},
    "bodies": {"BS": [b"a", b"\xff"]},
    "list": {"L": [{"S": "a"}, {"L": []}, {"M": {"inner": {"N": "1"}}}]},
    "map": {"M": {"a": {"B": b"a"}, "b": {"M": {}}, "c": {"BOOL": False}}},
}


def test_values_are_written_as_moto_writes_them() -> None:
    values.install()
    model = get_service_model("dynamodb").operation_model("GetItem")
    serialize = JSONSerializer._serialize_type_structure

    def body() -> Any:
        serializer = JSONSerializer(model, value_picker=XFormedAttributePicker())
        return json.loads(serializer.serialize({"Item": VALUES})["body"])

    written = body()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONSerializer, "_serialize_type_structure", serialize.__wrapped__)  # type: ignore[attr-defined]
        assert body() == written
    assert {kind for value in written["Item"].values() for kind in value} == values.WRITERS.keys()
    assert written["Item"]["bodies"] == {"BS": ["YQ==", "/w=="]}


def test_a_walk_through_an_expression_knows_its_nodes() -> None:
    values.install()
    known = DepthFirstTraverser.nodes_to_be_processed
    made = known.__wrapped__  # type: ignore[attr-defined]
    for kind in DepthFirstTraverser.__subclasses__():
        walk = kind.__new__(kind)
        assert known(walk) == made(walk) == known(walk), kind
