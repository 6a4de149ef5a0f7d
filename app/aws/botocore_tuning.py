"""botocore, without what a running process never needs.

Loaded: the descriptions of AWS's services without documentation and the addresses of a few hundred other services, which
would be a tenth of a daemon's memory. Parsed: answers of the JSON services (DynamoDB, SQS) as they come. botocore rebuilds
them value by value after its description of the service, which for a page of records takes four times as long as all the
rest of the call; what comes out is the same where there are neither blobs nor timestamps, and GAS has none.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from aiobotocore.parsers import AioJSONParser, AioResponseParserFactory
from botocore.loaders import JSONFileLoader, Loader

SERVICES = {"autoscaling", "dynamodb", "email", "glacier", "monitoring", "s3", "secretsmanager", "sns", "sqs", "sts"}
"""Whose addresses are kept, by their names there: SES is `email`. Credentials of a role may come from `sts`."""


class _Files(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:
        """What the file describes, or None if there is no such file; `file_path` has no suffix."""
        if (plain := Path(f"{file_path}.json")).is_file():
            return json.loads(plain.read_bytes(), object_hook=_needed)
        if (compressed := Path(f"{file_path}.json.gz")).is_file():
            return json.loads(gzip.decompress(compressed.read_bytes()), object_hook=_needed)
        return None


def loader() -> Loader:
    """Loads like botocore's own, but for what is left out."""
    return Loader(file_loader=_Files())


class _AsItComes(AioJSONParser):
    def _handle_json_body(self, raw_body: bytes, shape: Any) -> Any:
        return self._parse_body_as_json(raw_body)


class JsonResponseParserFactory(AioResponseParserFactory):
    """Makes the parser of each protocol: botocore's own, but for JSON."""

    def create_parser(self, protocol_name: str) -> Any:
        """Returns the parser of a protocol, by its name in the description of a service."""
        return _AsItComes(**self._defaults) if protocol_name == "json" else super().create_parser(protocol_name)


def _needed(described: dict[str, Any]) -> dict[str, Any]:
    if isinstance(described.get("documentation"), str):  # and is no part of a request that is called so
        described["documentation"] = ""
    # of endpoints.json: names and addresses by service, the same in every partition
    if "services" in described and "partition" in described:
        described["services"] = {name: found for name, found in described["services"].items() if name in SERVICES}
    return described
