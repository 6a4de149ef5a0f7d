"""Releases read each other's messages: while a deploy goes from tier to tier, and after one of them was rolled back.

`wire/RELEASE.json` has, for each message of that release, a body with every field set, as it wrote it, and the JSON Schema of
what it reads. A release adds its own file and leaves those of others as they are.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from app.domain.messages import TYPES, Newer, parse, seen_before
from tests.support.messages import JOB, USER, example

RELEASES = {file.stem: json.loads(file.read_text()) for file in sorted((Path(__file__).parent / "wire").glob("*.json"))}
KEPT = [pytest.param(kept, id=f"{release} {kept['body']['type']}") for release, found in RELEASES.items() for kept in found]


@pytest.mark.parametrize("kept", KEPT)
def test_what_a_release_wrote_is_read(kept: dict[str, Any]) -> None:
    body = kept["body"]
    (message,) = parse(json.dumps(body))
    assert json.loads(message.body()).items() >= body.items()


@pytest.mark.parametrize("kept", KEPT)
def test_what_is_written_now_is_read_by_that_release(kept: dict[str, Any]) -> None:
    kind = next(kind for kind in TYPES if kind.model_fields["type"].default == kept["body"]["type"])
    (whole,) = parse(json.dumps(kept["body"]))
    for message in (example(kind), whole):
        jsonschema.validate(json.loads(message.body()), kept["schema"])


def test_this_release_has_kept_its_messages() -> None:
    kept = {one["body"]["type"]: one for one in RELEASES[version("gas")]}
    assert kept.keys() == {kind.model_fields["type"].default for kind in TYPES}
    for kind in TYPES:
        body = kept[kind.model_fields["type"].default]["body"]
        assert body.keys() == kind.model_fields.keys(), kind


@pytest.mark.parametrize("kept", KEPT)
def test_a_field_of_a_newer_release_means_nothing_and_stays(kept: dict[str, Any]) -> None:
    body = {**kept["body"], "priority": 1}
    (message,) = parse(json.dumps(body))
    (sent_on,) = parse(message.model_copy(update={"again": True}).body())
    assert type(sent_on) in TYPES and json.loads(sent_on.body())["priority"] == 1


NEWER = [
    {"version": 2, "type": "job_requested", "user_id": USER, "job_id": JOB},
    {"version": 2, "type": "job_requested", "owner": 7},
    {"version": 1, "type": "unheard_of", "user_id": USER},
]


@pytest.mark.parametrize("content", NEWER)
def test_a_type_or_a_version_of_a_newer_release_is_told_from_rubbish(content: dict[str, Any]) -> None:
    body = json.dumps(content)
    with pytest.raises(Newer):
        parse(body)
    with pytest.raises(Newer):
        parse(json.dumps({"Type": "Notification", "TopicArn": "t", "Message": body}))
    assert json.loads(seen_before(body)) == {**content, "again": True}
