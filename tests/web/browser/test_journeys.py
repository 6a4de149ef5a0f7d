"""The main ways through the portal in a real browser, with and without scripts."""

from __future__ import annotations

import gzip
import random
import re
from pathlib import Path

import pysam
import pytest
from playwright.async_api import Page, expect

from app.domain.jobs import Trigger
from app.engine.bundles.manifest import find
from app.engine.formats.bgzf import compress
from app.engine.reading.input_file import BGZF_END
from app.explorer import reader
from app.services import submissions
from tests.support.explored import HEADER, KNOWN, explored, many
from tests.support.pages import ME, RECORD, Clicks, OpenPage, annotated, choose, jobs, sign_in, vcf
from tests.support.portal import Portal


async def test_the_sample_is_one_click_away_and_its_page_is_live(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    await page.get_by_role("button", name="Annotate the sample").click()
    await page.wait_for_url("**/annotations/*")
    await expect(page.get_by_role("heading", name="sample.vcf")).to_be_visible()
    (job,) = await jobs(portal)
    claimed = await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, phase="consequences", percent=40)
    assert claimed
    await expect(page.locator("#panel")).to_contain_text("Annotating")
    await expect(page.get_by_role("progressbar")).to_have_attribute("value", "40")
    now = portal.backend.now()
    await portal.backend.jobs.advance(
        job.user_id, job.job_id, Trigger.COMPLETE, result="results/x", records=19, started_at=now - 900, finished_at=now
    )
    await expect(page.get_by_role("link", name="Download annotated VCF")).to_be_visible()
    await expect(page.locator("#announce")).to_have_text("Completed. The results are ready to download.")


HG38 = "##contig=<ID=chr1,length=248956422>"


async def test_a_chosen_file_goes_straight_to_storage_under_a_name_of_choice(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    name, body = '<b>ℕame & "more"</b>.vcf', vcf(RECORD)
    await choose(page, (name, body))
    await expect(page.get_by_role("textbox", name=f"Name of the annotation of {name}")).to_have_value(name)
    await expect(page.locator("#files .said")).to_have_text(f"{len(body)} B, no samples, looks like rCRS")
    await page.locator("#files input").fill(name + " of my own")
    await page.get_by_role("button", name="Annotate", exact=True).click()
    await page.wait_for_url("**/annotations/*")
    await expect(page.get_by_role("heading", level=1)).to_have_text(name + " of my own")
    (job,) = await jobs(portal)
    assert (job.file_name, job.size, job.status) == (name + " of my own", len(body), "PENDING")


async def test_several_files_become_several_jobs(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    await choose(page, *((f"{n}.vcf", vcf(RECORD)) for n in range(3)), ("notes.pdf", b"%PDF-1.7"))
    await expect(page.locator("#upload-status")).to_have_text("1 of 4 cannot be annotated.")
    await page.get_by_role("button", name="Remove notes.pdf").click()
    await page.get_by_role("button", name="Annotate 3 files").click()
    await page.wait_for_url("**/batches/*")
    await expect(page.get_by_role("heading", name="Files sent together")).to_be_visible()
    await expect(page.locator(".jobs").get_by_text("In line")).to_have_count(3)
    assert {job.batch_files for job in await jobs(portal)} == {3}
    assert {job.file_name for job in await jobs(portal)} == {"0.vcf", "1.vcf", "2.vcf"}


async def test_a_wrong_file_is_refused_before_a_byte_is_sent(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    spaces = vcf(RECORD).replace(b"\t", b" ")
    damaged = gzip.compress(vcf(RECORD))[:10] + b"\xff" * 50
    for name, body, words in (
        ("notes.pdf", b"%PDF-1.7", "is a PDF document."),
        ("empty.vcf", b"", "is empty"),
        ("big.vcf", vcf("x" * 150_000), "your plan takes up to 150 kB (150,000 bytes)"),
        ("text.vcf", b"chr1\t1\n", "does not start like a VCF"),
        ("list.txt", b"NC_012920.1:m.3243A>G\n", "is a list of HGVS names, not VCF."),
        ("spaces.vcf", spaces, "has spaces instead of tabs in line 2"),
        ("headless.vcf", b"##fileformat=VCFv4.2\n" + RECORD.encode(), "has no line “#CHROM"),
        ("damaged.vcf.gz", damaged, "is damaged"),
    ):
        await choose(page, (name, body))
        await expect(page.locator("#files [data-state=wrong]").last).to_contain_text(f"{name} ")
        await expect(page.locator("#files [data-state=wrong]").last).to_contain_text(words)
        sentences = (await page.locator("#files [data-state=wrong] .said").last.inner_text()).split(". ")
        assert len(sentences) == len(set(sentences)), f"{name}: a sentence twice"
        await expect(page.locator("#go")).to_be_disabled()
    assert await jobs(portal) == []


async def test_the_inside_of_a_compressed_file_is_looked_at(portal: Portal, open_page: OpenPage, tmp_path: Path) -> None:
    page = await open_page()
    await sign_in(page, portal)
    chance = random.Random(1)
    # so long a header that its end is several blocks further
    long = "\n".join([HG38, *(f"##note={chance.randbytes(40).hex()}" for _ in range(1500))])
    text = vcf("chr1\t5\t.\tA\tG\t.\t.\t.\tGT\t0/1\t1/1", header=long, samples="\tFORMAT\ta\tb")
    (tmp_path / "x.vcf").write_bytes(vcf(RECORD, header="##contig=<ID=MT,length=16569>"))
    with (
        pysam.VariantFile(str(tmp_path / "x.vcf")) as source,
        pysam.VariantFile(str(tmp_path / "x.bcf"), "wb", header=source.header) as to,
    ):
        for record in source:
            to.write(record)
    for name, body, words in (
        (
            "one.vcf.gz",
            gzip.compress(text),
            "looks like GRCh38 (hg38); this service has rCRS. Only the mitochondrion can be annotated here",
        ),
        (
            "many.vcf.gz",
            compress(text) + BGZF_END,
            "looks like GRCh38 (hg38); this service has rCRS. Only the mitochondrion can be annotated here",
        ),
        ("x.bcf", (tmp_path / "x.bcf").read_bytes(), "no samples, looks like rCRS"),
        ("odd.vcf", vcf("MT\t3243\tA"), "Line 3 does not look like a record"),
        ("none.vcf", vcf(), "It has no variants."),
    ):
        await choose(page, (name, body))
        await expect(page.locator("#files li").last).to_contain_text(words)
    assert await jobs(portal) == []


@pytest.mark.parametrize("changes", [{"references": {"rCRS": "rcrs", "GRCh38": "grch38"}}])
async def test_an_assembly_can_be_chosen(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    await choose(page, ("x.vcf", vcf("chr1\t5\t.\tA\tG\t.\t.\t.", header=HG38)))
    await expect(page.locator("#files .said")).to_have_text(re.compile("looks like GRCh38 .hg38.$"))
    await page.locator("#assembly").select_option("GRCh38")
    await page.get_by_role("button", name="Annotate", exact=True).click()
    await page.wait_for_url("**/annotations/*")
    (job,) = await jobs(portal)
    assert (job.assembly, job.bundle) == ("GRCh38", "grch38")
    await expect(page.get_by_text("GRCh38", exact=True)).to_be_visible()


async def test_pasted_variants_become_a_file(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    pasted = page.get_by_label("A few variants")
    await pasted.fill("what is this?")
    await page.get_by_role("button", name="Annotate these").click()
    await expect(page.get_by_role("alert")).to_contain_text("“what is this?” is not understood")
    await pasted.fill("m.73A>G\nm.3243G>A\n")
    await page.get_by_role("button", name="Annotate these").click()
    await expect(page.get_by_role("alert")).to_contain_text("Line 2: The reference has A at MT:3,243, not G")
    await pasted.fill("m.11778G>A\nMT 3243 A G\nchrM:8993 T>G\n")
    await page.get_by_role("button", name="Annotate these").click()
    await page.wait_for_url("**/annotations/*")
    (job,) = await jobs(portal)
    key = submissions.input_key(job.user_id, job.job_id)
    rows = (await portal.backend.inputs.read(key)).decode().splitlines()
    assert rows[0] == "##fileformat=VCFv4.2"
    expected = [["MT", "3243", ".", "A", "G"], ["MT", "11778", ".", "G", "A"], ["chrM", "8993", ".", "T", "G"]]
    assert [row.split("\t")[:5] for row in rows[2:]] == expected


async def test_the_simple_way_needs_no_script(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page(java_script_enabled=False)
    await sign_in(page, portal)
    await page.get_by_label("A name for this annotation").fill("by-hand.vcf")
    await page.get_by_role("button", name="Next").click()
    await page.get_by_label("VCF file").set_input_files(
        {"name": "x.vcf", "mimeType": "text/vcf", "buffer": b"##fileformat=VCFv4.2\n"}
    )
    await page.get_by_role("button", name="Upload and annotate").click()
    await page.wait_for_url("**/annotations/*")
    await expect(page.locator("#panel")).to_contain_text("In line")
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#panel")).to_contain_text("You cancelled")
    await page.get_by_text("Delete this annotation").click()
    await page.get_by_role("button", name="Delete for good").click()
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()


async def test_paying_and_cancelling(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal, "/subscribe")
    await page.get_by_role("button", name="Continue to payment").click()
    await page.get_by_role("button", name="Pay").click()
    await expect(page.get_by_role("heading", name="You have premium")).to_be_visible()
    await page.goto(f"{portal.url}/unsubscribe")
    await page.get_by_role("button", name="Cancel premium").click()
    await expect(page.get_by_text("premium ends at")).to_be_visible()


async def test_deleting_the_account(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal, "/profile")
    await portal.job(ME, file_name="x.vcf")
    user = await portal.account(ME)
    await page.get_by_role("link", name="Delete my account").click()
    await page.get_by_label("Please type").fill("delete my accounts")
    await page.get_by_role("button", name="Delete everything").click()
    await expect(page.get_by_text("please type the words")).to_be_visible()
    await page.go_back()
    await page.get_by_label("Please type").fill("delete my account")
    await page.get_by_role("button", name="Delete everything").click()
    await expect(page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()
    assert await portal.backend.accounts.get(user.user_id) is None and await portal.backend.jobs.page(user.user_id) == []
    await page.goto(f"{portal.url}/annotations")
    await page.wait_for_url("**/v2/oauth2/authorize**")


async def press_until(page: Page, name: str, key: str = "Tab") -> None:
    """Presses a key until what has the focus is called `name`."""
    for _ in range(40):
        await page.keyboard.press(key)
        said = "e => e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || ''"
        if name in await page.evaluate(f"({said})(document.activeElement)"):
            return
    raise AssertionError(f"{name} is not reached by {key}")


async def test_everything_is_reached_by_the_keyboard(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page()
    await sign_in(page, portal)
    await press_until(page, "Skip to the content")
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await press_until(page, "Drop files here")
    await choose(page, ("x.vcf", vcf(RECORD)))
    await expect(page.get_by_role("button", name="Annotate", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/annotations/*")
    (job,) = await jobs(portal)
    await press_until(page, "Cancel")
    # the panel is drawn anew under the reader's hands
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.CLAIM, phase="consequences", percent=50)
    await expect(page.locator("#panel")).to_contain_text("Consequences")
    await expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#panel")).to_contain_text("You cancelled")
    await press_until(page, "Delete this annotation")
    await page.keyboard.press("Enter")
    await press_until(page, "Delete for good")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Nothing here yet")).to_be_visible()
    await press_until(page, "Theme")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Theme: light")).to_be_focused()


async def test_a_search_goes_on_by_itself_until_it_finds_something_or_is_stopped(
    portal: Portal, open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await open_page()
    await sign_in(page, portal, "/annotations")
    job = await explored(portal, tmp_path, many(12_000), email=ME)
    # so little at once that an answer takes several pages
    monkeypatch.setattr(reader, "INFLATED", 600_000)
    address = f"{portal.url}/annotations/{job.job_id}/variants"
    await page.goto(f"{address}?text=nowhere")
    await page.get_by_role("button", name="Stop looking").click()
    await expect(page.get_by_role("link", name="Look further")).to_be_focused()
    last = many(12_000).splitlines()[-1].split("\t")[1]
    await page.goto(f"{address}?text=%09{last}%09")
    await expect(page.get_by_role("rowheader").first).to_contain_text(f"chrM:{last}", timeout=90_000)
    assert "cursor=" in page.url


async def test_the_explorer_needs_no_script(portal: Portal, open_page: OpenPage, tmp_path: Path) -> None:
    page = await open_page(java_script_enabled=False)
    await sign_in(page, portal, "/annotations")
    job = await explored(portal, tmp_path, many(130), email=ME)
    await page.goto(f"{portal.url}/annotations/{job.job_id}")
    await page.get_by_role("link", name="Explore the variants").click()
    await page.get_by_role("link", name="Next page").click()
    await page.get_by_role("link", name="Next page").click()
    await expect(page.get_by_role("status")).to_contain_text("101–130 of 130")
    await page.get_by_text("Filters", exact=True).click()
    await page.get_by_label("Gene", exact=True).fill("mt-nd5")
    await page.get_by_label("Consequence").select_option("missense variant")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("cell", name="MT-ND5").first).to_be_visible()
    await page.get_by_role("rowheader").get_by_role("link").first.click()
    await expect(page.get_by_role("heading", name="In each transcript")).to_be_visible()
    await page.get_by_role("link", name="Variants").click()
    assert "gene=mt-nd5" in page.url


async def test_from_a_file_to_a_link_in_six_clicks(portal: Portal, open_page: OpenPage, tmp_path: Path) -> None:
    """Upload, find the known missense variant, and make a link to send."""
    page = await open_page()
    await sign_in(page, portal)
    click = Clicks()
    await choose(page, ("patient.vcf", (HEADER + KNOWN).encode()))
    await click(page.get_by_role("button", name="Annotate", exact=True))
    await page.wait_for_url("**/annotations/*")
    await annotated(portal, tmp_path, find("rcrs"))
    await click(page.get_by_role("link", name="MT-ND4 p.Arg340His"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("MT-ND4 m.11778G>A")
    await click(page.locator(".eyebrow a").first)
    await click(page.get_by_text("Share this result"))
    await click(page.get_by_role("button", name="Make a link"))
    await expect(page.locator("#link")).to_contain_text("/shared?key=")
    assert click.count == 6


async def test_from_the_list_to_a_link_in_six_clicks(portal: Portal, open_page: OpenPage, tmp_path: Path) -> None:
    """Find the known missense variant of a result, and make a link to send."""
    page = await open_page()
    await sign_in(page, portal, "/annotations")
    await explored(portal, tmp_path, HEADER + KNOWN, email=ME)
    await page.reload()
    clicks = [
        page.locator("table.jobs a"),
        page.get_by_role("link", name="MT-ND4 p.Arg340His"),
        page.locator(".eyebrow a").first,
        page.get_by_text("Share this result"),
        page.get_by_role("button", name="Make a link"),
    ]
    for one in clicks:
        await one.click()
    assert len(clicks) <= 6
    await expect(page.locator("#link")).to_contain_text("/shared?key=")
