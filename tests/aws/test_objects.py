"""Objects in S3: whole, at any size, under any name."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import pytest

from app.aws.objects import PART
from app.domain.file_names import content_disposition
from app.domain.keys import Gone
from app.services.backend import Backend


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 3 * PART + 5])
async def test_a_file_comes_back_as_it_was(gas: Backend, tmp_path: Path, size: int) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(os.urandom(size))
    stored = await gas.results.upload(source, "results/k", "application/gzip")
    assert (stored.size, stored.etag) == (size, (await gas.results.head("results/k")).etag)
    assert await gas.results.download("results/k", copy) == size
    assert copy.read_bytes() == source.read_bytes()
    head = await gas.results.head("results/k")
    assert head and head.size == size and head.checksum
    assert b"".join([chunk async for chunk in gas.results.chunks("results/k")]) == source.read_bytes()


async def test_an_input_that_was_overwritten_is_gone(gas: Backend, tmp_path: Path) -> None:
    s3 = gas.inputs.s3
    await s3.put_object(Bucket=gas.inputs.name, Key="k", Body=b"first")
    head = await gas.inputs.head("k")
    assert head
    await s3.put_object(Bucket=gas.inputs.name, Key="k", Body=b"second")
    with pytest.raises(Gone):
        await gas.inputs.download("k", tmp_path / "x", etag=head.etag)
    with pytest.raises(Gone):
        await gas.inputs.read("missing")
    assert await gas.inputs.head("missing") is None


@pytest.mark.slow
async def test_a_listing_has_every_key_and_a_deletion_takes_thousands(gas: Backend) -> None:
    keys = [f"results/{n:04}" for n in range(1003)]
    for key in keys:
        await gas.results.s3.put_object(Bucket=gas.results.name, Key=key, Body=b"")
    assert [key async for key in gas.results.list("results/")] == keys
    await gas.results.delete([*keys, "results/never was"])
    assert [key async for key in gas.results.list("results/")] == []


@pytest.mark.parametrize("name", ['a "quoted" name.vcf', "\U0001f9ec é 文.vcf", "../../etc/passwd", "a;b%c\\d.vcf", "x" * 500])
def test_a_download_is_saved_under_any_name(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii() and "\n" not in header
    assert unquote(header.partition("filename*=UTF-8''")[2]) == name
