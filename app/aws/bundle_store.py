"""Reference bundles in S3, for the command line of an operator or a booting host; it blocks, and may."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError


@dataclass(frozen=True)
class S3Store:
    """Moves whole files below one prefix of a bucket, in parts and several at once."""

    s3: Any
    bucket: str
    prefix: str

    @classmethod
    def at(cls, location: str) -> S3Store:
        """The store at `s3://bucket/prefix`."""
        parts = urlsplit(location)
        return cls(boto3.client("s3"), parts.netloc, parts.path.strip("/"))

    def put(self, source: Path, key: str) -> None:
        """Uploads a file under a key."""
        self.s3.upload_file(str(source), self.bucket, self._key(key))

    def get(self, key: str, target: Path) -> None:
        """Downloads a key into a file."""
        self.s3.download_file(self.bucket, self._key(key), str(target))

    def size(self, key: str) -> int | None:
        """Bytes that are stored under a key; None if nothing is, or it may not be seen."""
        try:
            return int(self.s3.head_object(Bucket=self.bucket, Key=self._key(key))["ContentLength"])
        except ClientError:
            return None

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key
