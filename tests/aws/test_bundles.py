"""Reference bundles go to S3 and come back whole, by the command that an operator types."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings

GAS = str(Path(sys.executable).with_name("gas"))


@pytest.mark.slow
async def test_a_bundle_is_pushed_pulled_and_refused_when_it_does_not_match(
    aws: dict[str, Any], settings: Settings, tmp_path: Path
) -> None:
    bucket = settings.bucket_names["results"]
    location = f"s3://{bucket}/bundles"

    def gas(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([GAS, "reference", *arguments], capture_output=True, text=True, timeout=120)

    pushed = gas("push", "rcrs", location)
    assert pushed.returncode == 0, pushed.stderr
    listed = (await aws["s3"].list_objects_v2(Bucket=bucket, Prefix="bundles/"))["Contents"]
    version = listed[0]["Key"].split("/")[2]
    pulled = gas("pull", "rcrs", version, location, "--bundles", str(tmp_path / "bundles"))
    assert pulled.returncode == 0, pulled.stderr
    assert gas("verify", "rcrs", "--bundles", str(tmp_path / "bundles")).returncode == 0
    fasta = next(item["Key"] for item in listed if item["Key"].endswith((".fa", ".fasta", ".fa.gz")))
    await aws["s3"].put_object(Bucket=bucket, Key=fasta, Body=b">MT\nACGT\n")
    refused = gas("pull", "rcrs", version, location, "--bundles", str(tmp_path / "others"))
    assert refused.returncode == 3 and "does not match" in refused.stderr
    assert not (tmp_path / "others" / "rcrs").exists()
