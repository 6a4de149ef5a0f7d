"""A reader of server-sent events of the portal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from app.aws.jobs import Key
from app.domain.jobs import Job
from tests.support.portal import Browser


class Stream:
    """One reader of server-sent events."""

    def __init__(self, browser: Browser, job: Job, path: str = "") -> None:
        self.address = browser.home + (path or f"/annotations/{job.job_id}/events")
        self.http = browser.http

    async def __aenter__(self) -> Stream:
        self.answer = await self.http.get(self.address)
        assert self.answer.status == 200, self.answer.status
        return self

    async def __aexit__(self, *_: object) -> None:
        self.answer.close()

    async def next(self) -> tuple[str, str] | None:
        """The next event and its data; None when the stream has ended."""
        event, data = "", []
        async with asyncio.timeout(20):
            async for line in self.answer.content:
                name, _, value = line.decode().rstrip("\r\n").partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    data.append(value)
                elif not name and event:
                    return event, "\n".join(data)
        return None

    async def until(self, *words: str) -> str:
        """The data of the first event that has all these words: what changes in steps may be sent in steps."""
        seen = []
        while event := await self.next():
            seen.append(event[1])
            if all(word in event[1] for word in words):
                return event[1]
        raise AssertionError(f"the stream ended without {words}: {seen}")


def looked_at(records: Mapping[Key, Job], keys: list[Key], seen: Mapping[Key, int]) -> dict[Key, tuple[int, Job | None]]:
    """What `Jobs.look` says of a table that holds these records."""
    marks = {key: hash(records[key]) for key in keys if key in records}
    return {key: (mark, None if seen.get(key) == mark else replace(records[key])) for key, mark in marks.items()}
