"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright, expect

from app.engine.pipeline.annotate import Result, annotate
from tests.support import nuclear
from tests.support.nuclear import Nuclear
from tests.support.pages import OpenPage

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


@pytest.fixture
async def open_page() -> AsyncIterator[OpenPage]:
    """Opens pages, each in a browser profile of its own. An error that a page logs or throws fails the test."""
    complaints: list[str] = []

    async with async_playwright() as playwright, AsyncExitStack() as stack:
        chromium = shutil.which("chromium")
        assert chromium, "these tests need Debian's chromium: apt-get install chromium"
        browser = await playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        stack.push_async_callback(browser.close)

        async def new(**options: Any) -> Page:
            context = await browser.new_context(**options)
            page = await context.new_page()
            page.set_default_timeout(60_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
            return page

        yield new
    assert complaints == []


def is_complaint(said: ConsoleMessage) -> bool:
    return said.type == "error" and "Failed to load resource" not in said.text
