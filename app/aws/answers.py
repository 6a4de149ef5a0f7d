"""Answers of AWS's JSON services (DynamoDB, SQS) as they come.

botocore rebuilds them value by value after its description of the service, which for a page of records takes four times as
long as all the rest of the call; what comes out is the same where there are neither blobs nor timestamps, and we have none.
"""

from __future__ import annotations

from typing import Any

from aiobotocore.parsers import AioJSONParser, AioResponseParserFactory


class _AsItComes(AioJSONParser):
    def _handle_json_body(self, raw_body: bytes, shape: Any) -> Any:
        return self._parse_body_as_json(raw_body)


class Answers(AioResponseParserFactory):
    """Makes the parser of each protocol: botocore's own, but for JSON."""

    def create_parser(self, protocol_name: str) -> Any:
        return _AsItComes(**self._defaults) if protocol_name == "json" else super().create_parser(protocol_name)
