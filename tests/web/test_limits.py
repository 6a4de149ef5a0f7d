"""Each cap of the portal's table is reached, and what the table says of it is what comes."""

from __future__ import annotations

import asyncio
import io
import secrets
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from aiohttp import ClientSession

from app.domain import limits
from app.domain.jobs import batch_id
from app.explorer import line_reader, reader
from app.services import globus, saved
from app.services.concurrency import TooManyRequests
from app.services.labels import label
from app.services.saved import Kind
from app.services.submissions import Batch, Refused, prepare
from app.web import app_keys, half_sent
from app.web.paths import local_path
from tests.support.portal import Portal, token
from tests.support.steps import ME

ELSEWHERE = {
    "KEY_SET": "tests/web/test_login.py",
    "HEADER_SECONDS": "tests/web/test_half_sent.py",
    "BODY_SECONDS": "tests/web/test_half_sent.py",
    "PAGE_BYTES": "tests/web/test_explorer.py",
    "PAGE_INFLATED_BYTES": "tests/web/test_explorer.py",
    "PAGE_FOUND_BYTES": "tests/web/test_explorer.py",
    "ALL_READS_BYTES": "tests/web/test_explorer.py",
}
"""What needs more than a request: that the code has the table's number is seen here, and what comes of it there."""


async def a_file_name(portal: Portal) -> None:
    await portal.signed_in(ME)
    upload = await prepare(portal.backend, await portal.account(ME), "x" * 600 + ".vcf", "", {})
    assert len(upload.job.file_name) == limits.FILE_NAME.most


async def a_claim(portal: Portal) -> None:
    said = globus._profile({"name": "n" * 500_000, "email": "e" * 255})
    assert said == {"name": "n" * limits.CLAIM.most}


async def a_mail_address(portal: Portal) -> None:
    assert "email" not in globus._profile({"email": "e" * (limits.MAIL_ADDRESS.most + 1)})
    assert "email" in globus._profile({"email": "e" * limits.MAIL_ADDRESS.most})


async def an_address_within(portal: Portal) -> None:
    longest = "/" + "x" * (limits.NEXT_PATH.most - 1)
    assert (local_path(longest), local_path(longest + "x")) == (longest, "/")


async def a_body(portal: Portal) -> None:
    bearer = await token(await portal.signed_in(ME))
    async with ClientSession(headers={"Authorization": f"Bearer {bearer}"}) as http:
        answer = await http.post(f"{portal.url}/api/v1/jobs", data=io.BytesIO(b" " * (limits.BODY.most + 1)))
        assert answer.status == 413
        assert limits.BODY.said in await answer.text()


async def requests(portal: Portal) -> None:
    bearer = await token(await portal.signed_in(ME))
    allowance = portal.app[app_keys.LIMITS]
    allowance.now = lambda: 1e9
    user_id = (await portal.account(ME)).user_id
    while allowance.take(user_id)[0]:
        pass
    async with ClientSession(headers={"Authorization": f"Bearer {bearer}"}) as http:
        answer = await http.get(f"{portal.url}/api/v1/account")
        assert answer.status == 429
        assert limits.REQUESTS.said in await answer.text() and int(answer.headers["Retry-After"]) >= 1


async def looks(portal: Portal) -> None:
    slots = portal.app[app_keys.CONCURRENCY]
    with ExitStack() as held:
        for _ in range(limits.LOOKS.most):
            held.enter_context(slots.slot("one"))
        with pytest.raises(TooManyRequests, match=limits.LOOKS.sentence()), slots.slot("one"):
            pass
        with slots.slot("another"):
            pass


async def all_looks(portal: Portal) -> None:
    slots = portal.app[app_keys.CONCURRENCY]
    with ExitStack() as held:
        for number in range(limits.ALL_LOOKS.most):
            held.enter_context(slots.slot(str(number)))
        with pytest.raises(TooManyRequests, match=limits.ALL_LOOKS.said), slots.slot("another"):
            pass


async def live_pages(portal: Portal) -> None:
    bearer = await token(await portal.signed_in(ME))
    job = await portal.job(ME)
    address = f"{portal.url}/api/v1/jobs/{job.job_id}/events"
    async with ClientSession(headers={"Authorization": f"Bearer {bearer}"}) as http:
        held = await asyncio.gather(*(http.get(address) for _ in range(limits.STREAMS.most)))
        assert {one.status for one in held} == {200}
        refused = await http.get(address)
        assert refused.status == 429 and limits.STREAMS.sentence() in await refused.text()
        for one in held:
            one.close()


async def tokens(portal: Portal) -> None:
    me = await portal.signed_in(ME)
    user_id = (await portal.account(ME)).user_id
    for _ in range(limits.TOKENS.most):
        await portal.app[app_keys.TOKENS].issue(user_id, 2**33, name=secrets.token_hex(4), created=1, scope="read")
    refused = await me.post("/profile/tokens", {"name": "program", "days": "30", "scope": "read"})
    assert refused.status == 409 and limits.TOKENS.sentence() in refused.text


async def labels(portal: Portal) -> None:
    await portal.signed_in(ME)
    job = await portal.job(ME, file_name="x.vcf")
    most_tags = ["t" * limits.TAG.most, *map(str, range(limits.TAGS.most - 1))]
    found = await label(portal.backend, job.user_id, job.job_id, tags=most_tags, note="n" * limits.NOTE.most)
    assert (len(found.tags), len(found.note)) == (limits.TAGS.most, limits.NOTE.most)
    wrong_ones: tuple[tuple[limits.Limit, dict[str, Any]], ...] = (
        (limits.TAGS, {"tags": map(str, range(limits.TAGS.most + 1))}),
        (limits.TAG, {"tags": ["t" * (limits.TAG.most + 1)]}),
        (limits.NOTE, {"note": "n" * (limits.NOTE.most + 1)}),
    )
    for limit, wrong in wrong_ones:
        with pytest.raises(Refused, match=limit.sentence()):
            await label(portal.backend, job.user_id, job.job_id, **wrong)


async def files_of_a_batch(portal: Portal) -> None:
    await portal.signed_in(ME)
    account, batch = await portal.account(ME), batch_id(portal.backend.now(), bytes(10))
    await prepare(portal.backend, account, "a.vcf", "", {}, batch=Batch(batch, limits.BATCH_FILES.most))
    with pytest.raises(Refused, match=limits.BATCH_FILES.sentence()):
        await prepare(portal.backend, account, "b.vcf", "", {}, batch=Batch(batch, limits.BATCH_FILES.most + 1))


async def what_is_kept(portal: Portal) -> None:
    await portal.signed_in(ME)
    keep, user_id = partial(saved.keep, portal.backend), (await portal.account(ME)).user_id
    for n in range(limits.SAVED.most):
        await keep(user_id, Kind.FILTERS, f"{n:02}" + "n" * limits.SAVED_NAME.most, "q=1")
    assert {len(name) for name in (await saved.listed(portal.backend, user_id))[Kind.FILTERS]} == {limits.SAVED_NAME.most}
    with pytest.raises(Refused, match=limits.SAVED.sentence()):
        await keep(user_id, Kind.FILTERS, "one more", "q=1")
    await keep(user_id, Kind.PANELS, "long", "x" * limits.SAVED_TEXT.most)
    with pytest.raises(Refused, match=limits.SAVED_TEXT.sentence()):
        await keep(user_id, Kind.PANELS, "longer", "x" * (limits.SAVED_TEXT.most + 1))
    genes = [f"G{n}" for n in range(limits.PANEL_GENES.most + 1)]
    assert len(saved.genes(" ".join(genes[1:]))) == limits.PANEL_GENES.most
    with pytest.raises(Refused, match=limits.PANEL_GENES.sentence()):
        saved.genes(" ".join(genes))


REACHED: dict[str, Callable[[Portal], Awaitable[None]]] = {
    "FILE_NAME": a_file_name,
    "CLAIM": a_claim,
    "MAIL_ADDRESS": a_mail_address,
    "NEXT_PATH": an_address_within,
    "BODY": a_body,
    "REQUESTS": requests,
    "LOOKS": looks,
    "ALL_LOOKS": all_looks,
    "STREAMS": live_pages,
    "TOKENS": tokens,
    "BATCH_FILES": files_of_a_batch,
    **dict.fromkeys(("TAGS", "TAG", "NOTE"), labels),
    **dict.fromkeys(("SAVED", "SAVED_NAME", "SAVED_TEXT", "PANEL_GENES"), what_is_kept),
}


@pytest.mark.parametrize("reach", dict.fromkeys(REACHED.values()), ids=lambda reach: reach.__name__)
async def test_a_cap_is_reached(reach: Callable[[Portal], Awaitable[None]], portal: Portal) -> None:
    await reach(portal)


def test_every_cap_has_its_test() -> None:
    assert REACHED.keys() | ELSEWHERE.keys() == limits.TABLE.keys()
    assert (limits.HEADER_SECONDS.most, limits.BODY_SECONDS.most) == (half_sent.HEADER_SECONDS, half_sent.BODY_SECONDS)
    numbers = (reader.BUDGET, reader.INFLATED, reader.FOUND, line_reader.ALL_READS_BYTES)
    table = (limits.PAGE_BYTES, limits.PAGE_INFLATED_BYTES, limits.PAGE_FOUND_BYTES, limits.ALL_READS_BYTES)
    assert numbers == tuple(one.most for one in table)
