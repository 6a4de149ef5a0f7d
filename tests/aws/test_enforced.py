"""What S3 refuses, where the emulator refuses it as S3 does: forms that were changed, are too old or send too much, and links."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, FormData

from app.services.backend import Backend

pytestmark = pytest.mark.skipif(
    "GAS_SECOND_EMULATOR" not in os.environ, reason="moto refuses nothing; `make test-slow` runs these on an emulator that does"
)
KEY = "uploads/u/j"


async def send(form: dict[str, object], body: bytes, **changed: str) -> tuple[int, str]:
    """Status and text of what S3 says to this form, some of its fields changed."""
    data = FormData()
    fields = form["fields"]
    assert isinstance(fields, dict)
    for name, value in {**fields, **changed}.items():
        data.add_field(name, value)
    data.add_field("file", body, filename="input")
    async with ClientSession() as http, http.post(str(form["url"]), data=data) as answer:
        return answer.status, await answer.text()


async def test_a_form_takes_what_it_was_made_for_and_nothing_else(gas: Backend) -> None:
    form = await gas.inputs.upload_form(KEY, most_bytes=10, fields={"success_action_status": "201"})
    assert (await send(form, b"0123456789"))[0] == 201
    stored = await gas.inputs.head(KEY)
    assert stored is not None and stored.size == 10

    status, said = await send(form, b"0123456789A")
    assert (status, "EntityTooLarge" in said) == (400, True)
    for changed in ({"key": "uploads/other/j"}, {"success_action_status": "200"}):
        status, said = await send(form, b"x", **changed)
        assert (status, "AccessDenied" in said) == (403, True), changed
    later = b64encode(b64decode(form["fields"]["policy"]).replace(b"20", b"21", 1)).decode()
    status, said = await send(form, b"x", policy=later)
    assert (status, "SignatureDoesNotMatch" in said) == (403, True)
    assert await gas.inputs.head("uploads/other/j") is None


async def test_a_link_is_good_for_its_object_alone(gas: Backend) -> None:
    await gas.inputs.s3.put_object(Bucket=gas.inputs.name, Key=KEY, Body=b"mine")
    await gas.inputs.s3.put_object(Bucket=gas.inputs.name, Key="uploads/v/k", Body=b"another's")
    link = await gas.inputs.link(KEY, download_as="a.vcf", media_type="text/plain")
    stranger = link.replace(urlsplit(link).path, urlsplit(link).path.replace(KEY, "uploads/v/k"), 1)
    async with ClientSession() as http:
        async with http.get(link) as answer:
            assert (answer.status, await answer.read()) == (200, b"mine")
            assert answer.headers["Content-Disposition"].startswith("attachment")
        for changed in (stranger, link.replace("text%2Fplain", "text%2Fhtml"), link.partition("?")[0]):
            async with http.get(changed) as answer:
                assert answer.status == 403, changed
