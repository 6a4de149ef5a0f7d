"""Schemathesis makes requests of all kinds out of the OpenAPI document: the portal keeps to what it says there."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from app.domain.accounts import Plan
from app.services.subscriptions import change_plan
from app.web import app_keys
from app.web.routes import ROUTES
from tests.support.explored import HEADER, KNOWN, explored
from tests.support.portal import Portal, token
from tests.support.steps import ME

pytestmark = pytest.mark.slow

SEED = os.environ.get("GAS_TEST_SEED", "1")
EXAMPLES = os.environ.get("GAS_TEST_EXAMPLES", "3")
"""Requests an operation and phase; for a longer look by hand, give more and another seed."""

EXCLUDED = "/events$|/tokens/"
"""Streams, which do not end, and the end of the token that all of this is asked with."""

OPTIONS = [f"--exclude-path-regex={EXCLUDED}", "--checks=all", "--continue-on-failure", "--request-timeout=60"]
KNOWN_JOB = """
[[operations]]
include-path-regex = "/variants"
parameters = {{ "path.id" = "{}" }}
"""


async def test_the_portal_keeps_to_its_document(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    await change_plan(portal.backend, (await portal.account(ME)).user_id, Plan.PREMIUM)
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    (tmp_path / "schemathesis.toml").write_text(KNOWN_JOB.format(job.job_id))
    portal.app[app_keys.LIMITS].__init__(burst=10**9)  # type: ignore[misc]
    command = ["-m", "schemathesis.cli", "--no-color", "run", f"{portal.url}/api/v1/openapi.json", *OPTIONS]
    command += ["-H", f"Authorization: Bearer {await token(browser)}", f"--seed={SEED}", f"--max-examples={EXAMPLES}"]
    child = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = (await child.communicate())[0].decode()
    tested = sum(bool(route.api) and not re.search(EXCLUDED, route.path) for route in ROUTES)
    assert child.returncode == 0 and f"Tested: {tested}" in said, said
