"""A message whose daemon dies at each of its deliveries ends as a dead letter; its job does not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.domain.jobs import Tier
from app.services import dead_letters
from tests.support.forks import Forks
from tests.support.lanes import lane
from tests.support.proxy import Fault, Rule
from tests.support.scenarios import STEP_TIMEOUT_SECONDS, at_rest, problems, retention_over

pytestmark = pytest.mark.slow


async def test_a_job_is_archived_though_its_message_is_a_dead_letter(aws: dict[str, Any], forks: Forks, tmp_path: Path) -> None:
    async with lane(aws, forks, tmp_path, ["archive"]) as here:
        proxy = here.daemons["archive"].proxy
        proxy.rules = [Rule("dynamodb.BatchGetItem", Fault.KILL_BEFORE, share=1)]
        began = await retention_over(here.service)
        async with asyncio.timeout(STEP_TIMEOUT_SECONDS):
            while not (await dead_letters.count(here.service.gas))["archive_requests"]:
                await asyncio.sleep(0.5)
        proxy.rules = []
        (job,) = await at_rest(here, [began])
        assert (job.tier, await problems(here, [job])) == (Tier.ARCHIVED, [])
        (letter,) = await here.dead_letter_histories()
        assert (letter.queue, letter.reason, letter.deliveries) == ("archive_requests", "", ["arrived"] * 10)
        assert job.job_id in letter.body and not letter.logged
