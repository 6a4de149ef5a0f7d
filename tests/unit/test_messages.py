"""The one reader of everything that arrives on a queue."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from app.domain.keys import archive_key
from app.domain.messages import TYPES, AnyMessage, ArchiveDue, RetrievalLook, Unreadable, parse
from tests.support.characters import ANY
from tests.support.messages import JOB, USER, example


@pytest.mark.parametrize("kind", TYPES)
def test_every_message_survives_the_wire_and_an_sns_envelope(kind: type) -> None:
    message = example(kind)
    assert parse(message.body()) == [message]
    envelope = {"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": message.body(), "MessageId": "1"}
    assert parse(json.dumps(envelope)) == [message]


def test_an_s3_event_names_the_job_by_its_key() -> None:
    key = archive_key(USER, JOB, 7)
    record = {"eventName": "ObjectRestore:Completed", "s3": {"object": {"key": key.replace("/", "%2F")}}}
    other = {"eventName": "ObjectRestore:Completed", "s3": {"object": {"key": "somebody/else"}}}
    (look,) = parse(json.dumps({"Records": [record, other]}))
    assert isinstance(look, RetrievalLook)
    assert (look.user_id, look.job_id, look.archive, look.notice) == (USER, JOB, key, True)


def test_s3_says_hello_when_a_notification_is_set_up() -> None:
    hello = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2014-10-13T15:57:02.089Z", "Bucket": "b"}
    assert parse(json.dumps(hello)) == []


def test_a_vault_notice_names_the_job_by_its_description() -> None:
    notice = {
        "Action": "ArchiveRetrieval",
        "ArchiveId": "a",
        "JobId": "r",
        "JobDescription": f"{USER}/{JOB}",
        "StatusCode": "Failed",
    }
    (look,) = parse(json.dumps(notice))
    assert isinstance(look, RetrievalLook)
    assert (look.job_id, look.archive, look.retrieval, look.notice) == (JOB, "a", "r", True)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        "[]",
        "null",
        '{"type":"unheard of"}',
        ArchiveDue(user_id=USER, job_id=JOB).body().replace(USER, "../etc"),
        ArchiveDue(user_id=USER, job_id=JOB).body().replace('"version":1', '"version":2'),
        '{"Records":[{"eventName":7}]}',
        '{"JobId":"r","ArchiveId":"a","JobDescription":"by hand"}',
        '{"Type":"Notification","TopicArn":"t","Message":"text"}',
    ],
)
def test_anything_else_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        parse(body)


LEAVES = st.none() | st.booleans() | st.integers() | st.text(ANY)


@given(st.recursive(LEAVES, lambda inner: st.dictionaries(st.text(ANY), inner), max_leaves=10))
def test_no_body_crashes_the_reader(content: object) -> None:
    try:
        messages = parse(json.dumps(content))
    except Unreadable:
        return
    assert all(TypeAdapter(AnyMessage).validate_python(message) for message in messages)
