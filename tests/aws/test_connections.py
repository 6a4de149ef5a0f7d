"""The emulator answers the requests of a connection one after another, and takes no request that did not arrive whole."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.local.connections import MOST_BYTES
from app.services.backend import Backend

pytestmark = pytest.mark.skipif("GAS_SECOND_EMULATOR" in os.environ, reason="about the emulator of this process")

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"}


@pytest.fixture
def connection(aws_endpoint: str) -> Iterator[http.client.HTTPConnection]:
    """A connection of a program that opens no other."""
    address = urlsplit(aws_endpoint)
    opened = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    opened.connect()
    opened.auto_open = 0
    yield opened
    opened.close()


def asked(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of an answer."""
    connection.request(method, path, body, SIGNED)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_requests_follow_each_other_on_one_connection(gas: Backend, connection: http.client.HTTPConnection) -> None:
    path = f"/{gas.inputs.name}/key"
    at = connection.sock
    assert asked(connection, "PUT", path, b"body") == (200, b"")
    assert asked(connection, "HEAD", path) == (200, b"")
    assert asked(connection, "GET", path) == (200, b"body")
    assert asked(connection, "GET", f"{path}/none")[0] == 404
    assert asked(connection, "DELETE", path) == (204, b"")
    assert asked(connection, "GET", path)[0] == 404
    assert at and connection.sock is at


def test_a_long_body_is_taken_and_ends_its_connection(gas: Backend, connection: http.client.HTTPConnection) -> None:
    path, body = f"/{gas.inputs.name}/key", b"0123456789abcdef" * (MOST_BYTES // 16) + b"end"
    assert asked(connection, "PUT", path, body) == (200, b"")
    assert connection.sock is None
    connection.connect()
    assert asked(connection, "GET", path) == (200, body)


async def test_a_body_that_ends_early_is_no_request(gas: Backend, aws: dict[str, Any], aws_endpoint: str) -> None:
    address = urlsplit(aws_endpoint)
    headers = "".join(f"{name}: {value}\r\n" for name, value in {**SIGNED, "Host": "aws", "Content-Length": 10}.items())
    head = f"PUT /{gas.inputs.name}/key HTTP/1.1\r\n{headers}\r\n"
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=60) as sock:
        sock.sendall(head.encode() + b"half")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1000) == b""
    assert (await aws["s3"].list_objects_v2(Bucket=gas.inputs.name))["KeyCount"] == 0
