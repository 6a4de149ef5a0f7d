"""What an operator fills in: pages of their own within ours, a contact, and how long things are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.portal import Portal


@pytest.fixture
def changes(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "terms.html").write_text("<p>The law of {{ contact }} holds.</p>")
    return {"operator_pages": str(tmp_path), "contact": "help@example.org", "kept_days": {"uploads": 7}}


async def test_the_operators_pages_stand_instead_of_ours(portal: Portal) -> None:
    browser = await portal.browser()
    assert "The law of help@example.org holds." in (await browser.get("/terms")).text
    assert "has not written anything here yet" in (await browser.get("/privacy")).text
    page = await browser.get("/retention")
    assert "7 days, or until you delete" in page.text and "Backups of records" not in page.text
    assert 'href="mailto:help@example.org"' in page.text
