"""Debian's Chromium without its windows, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from app.engine.pipeline.annotate import Result, annotate
from tests.support import nuclear
from tests.support.looker import EVERY_WAY, SCREENSHOTS, SIZES, WHOLLY, Looker
from tests.support.nuclear import Nuclear
from tests.support.pages import OpenPage
from tests.support.portal import Portal

SWITCHES = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def human(tmp_path_factory: pytest.TempPathFactory) -> Nuclear:
    """A small reference of human shape, made once."""
    return nuclear.made(tmp_path_factory.mktemp("human") / "bundles")


@pytest.fixture(scope="session")
def family(human: Nuclear) -> tuple[Path, Result]:
    """The result of the family's file on it, annotated once: the folder of its outputs, and what the engine says of it."""
    source = human.bundle.folder.parent / "family.vcf"
    source.write_text(human.vcf)
    folder = source.parent / "out"
    return folder, annotate(source, folder, name="family.vcf", bundle=human.bundle)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The one browser of this process: to start it takes longer than most tests."""
    # without what draws windows, which are not shown: a third less CPU
    chromium = shutil.which("chromium-headless-shell")
    assert chromium, "these tests need Debian's chromium-headless-shell: apt-get install chromium-headless-shell"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        yield browser
        await browser.close()


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Opens pages, each in a browser profile of its own. An error that a page logs or throws fails the test."""
    complaints: list[str] = []

    async with AsyncExitStack() as stack:

        async def new(**options: Any) -> Page:
            context = await browser.new_context(**options)
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.set_default_timeout(60_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
            return page

        yield new
    assert complaints == []


@pytest.fixture(params=[WHOLLY, pytest.param(EVERY_WAY, marks=pytest.mark.night)], ids=["two ways", "every way"])
async def looker(request: pytest.FixtureRequest, portal: Portal, open_page: OpenPage) -> Looker:
    """Looks at pages on desktop in light and on a phone in dark; by night, and for pictures, in the other two as well."""
    page = await open_page(viewport=SIZES["desktop"], reduced_motion="reduce")
    return Looker(page, portal, EVERY_WAY if SCREENSHOTS else request.param)


def is_complaint(said: ConsoleMessage) -> bool:
    return said.type == "error" and "Failed to load resource" not in said.text
