"""Names of transcripts that are pasted to the portal: what its host has of references says where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import genome
from tests.support.portal import Portal, token


@pytest.fixture
def changes(tmp_path: Path) -> dict[str, Any]:
    genome.bundle(tmp_path / "nuclear")
    return {"references": {"rCRS": "rcrs", "GRCh99": "nuclear/latest"}, "bundles": str(tmp_path)}


async def test_a_transcript_of_a_reference_on_this_host_is_known_on_its_assembly(portal: Portal) -> None:
    browser = await portal.signed_in()
    headers = {"Authorization": f"Bearer {await token(browser)}"}

    async def pasted(**said: str) -> dict[str, Any]:
        async with browser.http.post(f"{portal.url}/api/v1/variants", json=said, headers=headers) as answer:
            assert answer.status == 200
            return await answer.json()

    for said in ({"text": "ENST1:c.4G>A"}, {"text": "ENST1:c.4G>A", "assembly": "GRCh99"}):
        found = await pasted(**said)
        assert found["faults"] == [] and "\n1\t504\t.\tG\tA\t" in found["vcf"]
        assert "##contig=<ID=1,length=2000>\n" in found["vcf"]
    (fault,) = (await pasted(text="m.73A>G\nENST1:c.4G>A", assembly="rCRS"))["faults"]
    assert fault["line"] == 2 and "(rCRS) do not know the transcript ENST1: please name" in fault["reason"]
