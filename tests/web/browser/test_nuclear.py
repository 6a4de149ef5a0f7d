"""What a geneticist does with a result on a nuclear genome, in a real browser: find, sort, filter, take away, send."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zipfile import ZipFile

import pytest
from playwright.async_api import Download, Locator, Page, expect

from app.domain.jobs import Job, Speed, Trigger
from app.engine.pipeline.annotate import Result
from app.services import submissions
from tests.support.explored import HEADER, KNOWN, explored, stored
from tests.support.looker import SIZES, Looker
from tests.support.nuclear import Nuclear, Variant
from tests.support.pages import ME, Clicks, OpenPage, annotated, choose, jobs, sign_in
from tests.support.portal import Portal

FIRST_LOAD_BYTES = 250_000
LOADED = "performance.getEntries().reduce((sum, one) => sum + (one.transferSize ?? 0), 0)"
Family = tuple[Path, Result]


@pytest.fixture
def changes(human: Nuclear) -> dict[str, Any]:
    references = {"rCRS": "rcrs", "GRCh38": human.bundle.id}
    return {"references": references, "bundles": str(human.bundle.folder.parent), "premium_price": "$20 a month"}


async def kept(portal: Portal, family: Family, **values: Any) -> Job:
    """The family's result as a job of the person who is signed in."""
    return await stored(portal, *family, "grch38", ME, **{"file_name": "family.vcf", "assembly": "GRCh38", **values})


def place(one: Variant) -> str:
    return f"{'chrM' if one.contig == 'MT' else f'chr{one.contig}'}:{one.position}"


async def test_from_a_file_to_a_link_in_six_clicks(portal: Portal, open_page: OpenPage, human: Nuclear, tmp_path: Path) -> None:
    """Upload, find the missense variant with stars in a known gene, send the link; and who gets it reads the answer."""
    page = await open_page(viewport=SIZES["desktop"])
    await sign_in(page, portal)
    click = Clicks()
    await choose(page, ("family.vcf", human.vcf.encode()))
    await expect(page.locator("#files .said")).to_contain_text("3 samples, looks like GRCh38")
    await click(page.get_by_role("button", name="Annotate", exact=True))
    await page.wait_for_url("**/annotations/*")
    await annotated(portal, tmp_path, human.bundle)
    first = page.locator("table.matters tbody tr").first
    wanted = human.missense
    await expect(first).to_contain_text(f"{wanted.gene} {wanted.protein}")
    await expect(first).to_contain_text("pathogenic ★★★☆")
    await expect(first).to_contain_text(wanted.condition.replace("_", " "))
    await click(first.get_by_role("link"))
    await expect(page.get_by_role("heading", level=1)).to_contain_text(f"{wanted.gene} ")
    await click(page.locator(".eyebrow a").first)
    await click(page.get_by_text("Share this result"))
    await click(page.get_by_role("button", name="Make a link"))
    link = await page.locator("#link").inner_text()
    assert click.count <= 6
    other = await open_page(viewport=SIZES["phone"])
    await other.goto(link)
    await expect(other.locator("table.matters tbody tr").first).to_contain_text(f"{wanted.gene} {wanted.protein}")
    loaded = await other.evaluate(LOADED)
    assert 20_000 < loaded <= FIRST_LOAD_BYTES


async def test_one_box_understands_what_a_geneticist_writes(
    portal: Portal, open_page: OpenPage, human: Nuclear, family: Family
) -> None:
    page = await open_page(viewport=SIZES["desktop"])
    await sign_in(page, portal, "/annotations")
    job = await kept(portal, family)
    await page.goto(f"{portal.url}/annotations/{job.job_id}/variants")
    box, said, rows = page.get_by_label("Search", exact=True), page.get_by_role("status"), page.get_by_role("rowheader")
    missense, frameshift = human.missense, human.frameshift
    offered = await box.evaluate("(box) => [...box.list.options].map((one) => one.value)")
    assert {missense.gene, frameshift.gene, "missense variant"} <= set(offered)
    chromosome, at = f"chr{missense.contig}", missense.position

    async def ask(text: str) -> None:
        await box.fill(text)
        await box.press("Enter")
        await expect(box).to_have_value(text)

    for text, understood, one in (
        (f"{chromosome}:g.{at:,}{missense.ref}>{missense.alt}", f"the variant g.{at}{missense.ref}>{missense.alt}", missense),
        (f"chr{frameshift.contig}:g.{frameshift.position + 1:,}del", f"g.{frameshift.position + 1}del", frameshift),
        (f"{missense.transcript}:{missense.coding}", f"{missense.coding} of {missense.transcript}", missense),
        (f"{missense.gene}:{missense.coding}", f"{missense.coding} of {missense.gene}", missense),
        (f"{missense.gene} {missense.protein}", f"the change of protein {missense.protein} in {missense.gene}", missense),
        (f"rs{missense.rsid}", f"the dbSNP identifier rs{missense.rsid}", missense),
        (f"{missense.contig}-{at}-{missense.ref}-{missense.alt}", f"{missense.ref} to {missense.alt} at {at:,}", missense),
        (f"{human.accession(missense.contig)}:{at - 1}:{missense.ref}:{missense.alt}", f"at {at:,} of", missense),
        (str(at), f"position {at:,} of any contig", missense),
        ("m.3243A>G", "the variant m.3243A>G", Variant("MT", 3243, "A", "G")),
        ("COX1", "the gene MT-CO1 (COX1)", Variant("MT", 6253, "T", "C")),
    ):
        await ask(text)
        await expect(said).to_contain_text(f"Understood as {understood}" if understood.startswith("the") else understood)
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text(f"{place(one)} ")
    for text, understood, some in (
        (f"{at - 5:,}-{at + 5:,}", f"positions {at - 5:,} to {at + 5:,} of any contig", [missense]),
        (f"{missense.gene.lower()}, {frameshift.gene}", f"the genes {missense.gene}, {frameshift.gene}", [missense, frameshift]),
        ("missense", "the consequence missense variant", [missense, human.unreviewed]),
        ("cardiomyopathy", "the text cardiomyopathy", [missense]),
        ("stars>=1 and impact>=MODERATE", "the filter stars>=1", [missense, frameshift]),
    ):
        await ask(text)
        await expect(said).to_contain_text(f"Understood as {understood}")
        for one in some:
            await expect(rows.filter(has_text=f"{place(one)} ")).to_have_count(1)
    for text, where, hint in (
        (missense.gene[:-2] + missense.gene[-1], said, f"Did you mean {missense.gene}"),
        (f"NM_000546.6:{missense.coding}", said, "ask by the gene"),
        ("misense", said, "Did you mean missense?"),
        ("impct=HIGH", page.get_by_role("alert"), "Did you mean impact"),
        ("chr77:5", page.get_by_role("alert"), "There is no contig chr77 in this result."),
    ):
        await ask(text)
        await expect(where).to_contain_text(hint)


async def rows_of(download: Download) -> list[list[str]]:
    """The rows of what was taken away, without headers, by the end of its name."""
    path = Path(await download.path())
    name = download.suggested_filename
    if name.endswith(".xlsx"):
        with ZipFile(path) as book:
            sheet = book.read("xl/worksheets/sheet1.xml").decode()
        return [re.findall(r"<v>([^<]*)</v>", row) for row in re.findall(r"<row .*?</row>", sheet, re.DOTALL)][1:]
    text = path.read_text()
    if name.endswith(".vcf"):
        return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    separator = "\t" if name.endswith(".tsv") else ","
    return list(csv.reader(io.StringIO(text), delimiter=separator))[1:]


async def test_a_table_one_can_work_in(portal: Portal, looker: Looker, human: Nuclear, family: Family, tmp_path: Path) -> None:
    page = looker.page
    await sign_in(page, portal, "/annotations")
    job, other = await kept(portal, family), await explored(portal, tmp_path, HEADER + KNOWN, ME, file_name="other.vcf")
    await page.goto(f"{portal.url}/annotations/{job.job_id}/variants")
    total = family[1].summary["records_out"]
    await expect(page.get_by_role("status")).to_contain_text(f"1–50 of {total} variants")
    table = page.locator("table.variants")
    await table.get_by_role("link", name="Class").click()
    await expect(table.get_by_role("columnheader", name="Class")).to_have_attribute("aria-sort", "descending")
    await expect(table.locator("tbody tr").first).to_contain_text(place(human.missense))
    await table.get_by_role("link", name="Consequence").click()
    await expect(table.locator("tbody tr").first).to_contain_text(re.compile("High|Pathogenic|Loss"))
    await page.get_by_text("Filters", exact=True).click()
    for name in ("rsID", "ClinVar", "Frequency", "HGVS", "Exon", "QUAL", "FILTER", "Genotypes"):
        await page.get_by_role("checkbox", name=name, exact=True).check()
    await page.get_by_label("Gene", exact=True).fill(human.missense.gene)
    await page.get_by_role("button", name="Show", exact=True).click()
    await table.get_by_role("link", name="Frequency").click()
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["column"] == ["rsid", "significance", "frequency", "hgvs", "exon", "quality", "filter", "genotype"]
    assert asked["sort"] == ["frequency"] and asked["gene"] == [human.missense.gene]
    await page.reload()
    row = table.locator("tbody tr").filter(has_text=f"{place(human.missense)} ")
    for words in (f"rs{human.missense.rsid}", "pathogenic ★★★", "4e-05", "0/1 0/1 0/0", "PASS"):
        await expect(row).to_contain_text(words)
    await looker.look("nuclear-variants-columns")
    count = await table.locator("tbody tr").count()
    for name, form in (("as VCF", "vcf"), ("as TSV", "tsv"), ("CSV", "csv"), ("XLSX", "xlsx")):
        async with page.expect_download() as started:
            await page.get_by_role("link", name=name).click()
        download = await started.value
        assert download.suggested_filename == f"family.variants.{form}"
        found = await rows_of(download)
        # a table has a row for each transcript
        positions = {one[0 if form == "xlsx" else 1] for one in found}
        assert len(positions) == count and str(human.missense.position) in positions, form
    await page.get_by_role("link", name="Rare and damaging").click()
    await expect(page.get_by_role("link", name="Rare and damaging")).to_have_attribute("aria-current", "true")
    await page.get_by_text("Keep this question").click()
    await page.get_by_label("Name", exact=True).fill("My cases")
    await page.get_by_role("button", name="Keep as a filter").click()
    await page.goto(f"{portal.url}/annotations/{other.job_id}/variants")
    await page.get_by_role("link", name="My cases").click()
    await expect(table.locator("tbody tr")).to_have_count(1)
    await expect(table.locator("tbody tr")).to_contain_text("chrM:11778")


async def test_charts_open_what_they_count(portal: Portal, open_page: OpenPage, family: Family) -> None:
    page = await open_page(viewport=SIZES["desktop"])
    await sign_in(page, portal, "/annotations")
    job = await kept(portal, family)
    here = f"{portal.url}/annotations/{job.job_id}"

    async def counted(row: Locator) -> None:
        """A click on the bar itself, not on its label."""
        count = await row.locator("td.number").inner_text()
        await row.locator("svg").click(force=True)  # what lies there is the link
        await expect(page.get_by_role("status")).to_contain_text(re.compile(f"[0-9]+ of {count} variants?[.]"))
        await page.go_back()

    await page.goto(here)
    for chart, label in (
        ("Impact", "High"),
        ("Consequences", "missense variant"),
        ("Kinds of variants", "insertion"),
    ):
        table = page.get_by_role("table", name=chart, exact=True)
        row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name=label, exact=True))
        if not await row.is_visible():
            await page.get_by_text(re.compile("more charts?$")).click()
        await counted(row)
    part = page.locator(".along a[tabindex='-1']").first
    between = (await part.locator("title").text_content() or "").removeprefix("Between ").replace(",", "").split(" and ")
    await part.click()
    await page.wait_for_url("**/variants?region=*")
    region = parse_qs(urlsplit(page.url).query)["region"][0]
    assert region.endswith("-".join(between))
    first = (await page.get_by_role("rowheader").first.inner_text()).split(":")[1].split()[0]
    assert int(between[0]) <= int(first) <= int(between[1])
    await page.go_back()
    await page.get_by_role("link", name=re.compile("^between ")).first.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text(re.compile("of [0-9]+ variant"))


async def test_the_page_of_a_variant_says_all_of_it(portal: Portal, looker: Looker, human: Nuclear, family: Family) -> None:
    page, one = looker.page, human.missense
    await sign_in(page, portal, "/annotations")
    job = await kept(portal, family)
    await page.goto(f"{portal.url}/annotations/{job.job_id}")
    await looker.look("nuclear-job", loaded=False)
    await page.get_by_role("link", name=f"{one.gene} {one.protein}").click()
    title = page.get_by_role("heading", level=1)
    await expect(title).to_contain_text(f"g.{one.position}{one.ref}>{one.alt}")
    main = page.get_by_role("main")
    for words in (
        f"{place(one)}",
        f"chr{one.contig}-{one.position}-{one.ref}-{one.alt}",
        f"{one.transcript}:{one.coding}",
        one.protein,
        one.condition.replace("_", " "),
        "gnomAD, the group that has it most often",
        "European (non-Finnish)",
    ):
        await expect(main).to_contain_text(words)
    await expect(page.get_by_role("img", name="3 of 4 stars")).to_be_visible()
    await expect(page.locator(".in-gene svg")).to_be_visible()
    transcripts = page.get_by_role("region", name="Transcripts", exact=True)
    await expect(transcripts.get_by_role("row").nth(1)).to_contain_text("MANE Select")
    await expect(transcripts.get_by_role("row").nth(1)).to_contain_text(one.transcript)
    samples = page.get_by_role("region", name="Samples")
    for name, genotype in zip(("proband", "mother", "father"), one.genotypes, strict=True):
        await expect(samples.get_by_role("row").filter(has_text=name)).to_contain_text(genotype)
    addresses = [await link.get_attribute("href") or "" for link in await main.locator("a[rel=noreferrer]").all()]
    for wanted in (
        "https://www.ncbi.nlm.nih.gov/clinvar/variation/",
        f"https://www.ncbi.nlm.nih.gov/snp/rs{one.rsid}",
        f"https://gnomad.broadinstitute.org/variant/{one.contig}-{one.position}-{one.ref}-{one.alt}",
        "https://www.ensembl.org/Homo_sapiens/Gene/",
        "https://genome.ucsc.edu/cgi-bin/hgTracks?db=hg38&position=chr",
    ):
        assert any(address.startswith(wanted) for address in addresses), wanted
    await looker.look("nuclear-variant")
    here = await title.inner_text()
    await page.get_by_role("link", name="Next", exact=True).click()
    await expect(title).not_to_have_text(here)
    await page.get_by_role("link", name="Previous", exact=True).click()
    await expect(title).to_have_text(here)
    await page.goto(f"{portal.url}/annotations/{job.job_id}")
    await page.get_by_role("link", name="MT-TL1 m.3243A>G").click()
    await expect(title).to_have_text("MT-TL1 m.3243A>G")
    await expect(main.get_by_role("link", name="MITOMAP 3243A>G")).to_be_visible()


async def test_a_free_user_keeps_what_was_seen(portal: Portal, looker: Looker, human: Nuclear, family: Family) -> None:
    page, one = looker.page, human.missense
    await sign_in(page, portal, "/annotations")
    job = await kept(portal, family)
    rows = page.locator("table.matters tbody tr")
    await page.goto(f"{portal.url}/annotations/{job.job_id}")
    seen = await rows.all_inner_texts()
    charts = await page.get_by_role("table").locator("caption").all_inner_texts()
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.ARCHIVED, archive="x", result=None)
    await page.reload()
    assert await rows.all_inner_texts() == seen and f"{one.gene} {one.protein}" in seen[0]
    assert await page.get_by_role("table").locator("caption").all_inner_texts() == charts
    await expect(page.locator("#panel")).to_contain_text(
        "Upgrade to premium ($20 a month), and it comes back, usually within minutes"
    )
    await looker.look("nuclear-archived")
    await page.goto(f"{portal.url}/annotations/{job.job_id}/variants")
    main = page.get_by_role("main")
    await expect(main).to_contain_text("Premium brings it back. It costs $20 a month.")
    await looker.look("nuclear-archived-variants", loaded=False)
    await main.get_by_role("link", name="To the annotation").click()
    await expect(rows.first).to_contain_text(f"{one.gene} {one.protein}")
    await page.goto(f"{portal.url}/subscribe")
    await expect(page.get_by_role("main")).to_contain_text("$20 a month")
    await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.RESTORE, speed=Speed.EXPEDITED)
    await page.goto(f"{portal.url}/annotations/{job.job_id}")
    await expect(page.locator("#panel")).to_contain_text("It should be back between")
    assert await rows.all_inner_texts() == seen


async def test_what_is_pasted_and_not_understood_is_marked_by_its_line(
    portal: Portal, open_page: OpenPage, human: Nuclear
) -> None:
    page, one, deleted = await open_page(viewport=SIZES["phone"]), human.missense, human.frameshift
    await sign_in(page, portal)
    pasted, alert = page.get_by_label("A few variants"), page.get_by_role("alert")
    wrong = next(base for base in "ACGT" if base not in (one.ref, one.alt))
    lines = [
        f"chr{one.contig}:g.{one.position}{one.ref}>{one.alt}",
        f"{one.contig}-{one.position}-{wrong}-{one.alt}",
        f"{one.transcript}:{one.coding}",
        "p.Ala7Thr",
        "what is this?",
    ]
    await pasted.fill("\n".join(lines))
    await page.get_by_role("button", name="Annotate these").click()
    for words in ("Line 2: ", f"not {wrong}", "Line 4: ", "Line 5: “what is this?” is not understood"):
        await expect(alert).to_contain_text(words)
    await expect(alert).not_to_contain_text("Line 1")
    assert await jobs(portal) == []
    lines = [
        f"{one.transcript}:{one.coding}",
        f"chr{deleted.contig}:g.{deleted.position + 1}del",
        f"{human.accession(one.contig)}:{one.position}:1:GATTACA",
        "m.8271_8279del",
        "MT-ND4:c.1019G>A",
        "rs199474657",
        f"{one.contig}   {one.position}   .   {one.ref}   {one.alt}",
    ]
    await pasted.fill("\n".join(lines))
    await page.get_by_role("button", name="Annotate these").click()
    await page.wait_for_url("**/annotations/*")
    (job,) = await jobs(portal)
    sent = (await portal.backend.inputs.read(submissions.input_key(job.user_id, job.job_id))).decode().splitlines()
    rows = [row.split("\t")[1:5] for row in sent if not row.startswith("#")]
    assert len(rows) == len(lines)
    assert [row[0] for row in rows].count(str(one.position)) == 2
    assert [str(deleted.position), ".", deleted.ref, deleted.alt] in rows and ["11778", ".", "G", "A"] in rows


async def test_a_link_with_a_password_is_opened_elsewhere_and_revoked(
    portal: Portal, open_page: OpenPage, human: Nuclear, family: Family
) -> None:
    page, one = await open_page(viewport=SIZES["desktop"]), human.missense
    await sign_in(page, portal, "/annotations")
    job = await kept(portal, family)
    await page.goto(f"{portal.url}/annotations/{job.job_id}")
    await page.get_by_text("Rename, tag or note").click()
    await page.get_by_label("Name", exact=True).fill("Family 7.vcf")
    await page.get_by_label(re.compile("^Tags")).fill("trio, heart")
    await page.get_by_label("Note, for you alone").fill("Sent by the ward.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Family 7.vcf")
    await page.get_by_text("Share this result").click()
    await page.get_by_label("Password, if wanted").fill("geheim")
    await page.get_by_role("button", name="Make a link").click()
    link = await page.locator("#link").inner_text()
    commands = [await line.inner_text() for line in await page.locator("code.said").all()]
    summary, result = (line.replace("PASSWORD", "geheim") for line in commands if line.startswith("curl "))
    assert '"what_matters"' in await run(summary)
    folder = family[0].parent
    await run(result, folder)
    assert (folder / "result.vcf.gz").read_bytes() == (family[0] / "annot.vcf.gz").read_bytes()
    # without a script and without an account
    other = await open_page(viewport=SIZES["phone"], java_script_enabled=False)
    await other.goto(link)
    for password in ("wrong", "geheim"):
        await other.get_by_label("Password").fill(password)
        await other.get_by_role("button", name="Open").click()
        if password == "wrong":
            await expect(other.get_by_role("alert")).to_have_text("That is not the password.")
    await expect(other.get_by_role("heading", level=1)).to_have_text("Family 7.vcf")
    await expect(other.locator("table.matters tbody tr").first).to_contain_text(f"{one.gene} {one.protein}")
    for secret in ("Sent by the ward", "heart", ME, "Delete", "My annotations"):
        await expect(other.get_by_role("main")).not_to_contain_text(secret)
    await page.goto(f"{portal.url}/profile")
    shares = page.locator("#shares")
    await expect(shares).to_contain_text("Family 7.vcf, with a password, until")
    await shares.get_by_role("button", name="Revoke").click()
    await expect(shares).to_contain_text("None.")
    answer = await other.goto(link)
    assert answer and answer.status == 404
    await expect(other.get_by_role("main")).not_to_contain_text(one.gene)


async def run(line: str, folder: Path | None = None) -> str:
    """What a line of a page says when it is run in a shell."""
    shell = await asyncio.create_subprocess_exec("bash", "-c", line, cwd=folder, stdout=asyncio.subprocess.PIPE)
    out, _ = await shell.communicate()
    assert shell.returncode == 0, line
    return out.decode()


async def test_the_lines_of_the_page_of_the_api_work_when_they_are_run(
    portal: Portal, open_page: OpenPage, family: Family
) -> None:
    page = await open_page(viewport=SIZES["desktop"])
    await sign_in(page, portal, "/profile")
    job = await kept(portal, family)
    await page.get_by_label("New token").fill("a program")
    await page.get_by_role("button", name="Create").click()
    token = await page.locator("#fresh-token").inner_text()
    await page.goto(f"{portal.url}/api")
    lines = [line for line in await page.locator("code.said").all_inner_texts() if line.startswith("curl ")]
    answers = [await run(f"export GAS_TOKEN={token}; {line}") for line in lines]
    assert len(answers) == 4
    for answer, words in zip(answers, ('"what_matters"', ME, job.job_id, "MT\\t3243\\t.\\tA\\tG"), strict=True):
        assert words in answer


async def test_the_example_is_seen_without_an_account(portal: Portal, open_page: OpenPage) -> None:
    page = await open_page(viewport=SIZES["desktop"])
    await page.goto(portal.url)
    home = page.get_by_role("main")
    for words in ("Assemblies: ", "GRCh38", "rCRS", "150 kB", "Human genome GRCh38"):
        await expect(home).to_contain_text(words)
    await page.get_by_role("link", name="See an example").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("An example: sample.vcf")
    await expect(page.locator("table.matters").first).to_contain_text("MT-TL1 m.3243A>G")
    await expect(page.locator("table.variants").locator("tbody tr")).to_have_count(19)
    await expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)
    async with page.expect_download() as started:
        await page.get_by_role("link", name="Download annotated VCF").click()
    assert (await started.value).suggested_filename.endswith(".vcf.gz")
    assert 10_000 < await page.evaluate(LOADED) <= FIRST_LOAD_BYTES


async def reach(page: Page, name: str, leads: str = "") -> None:
    """Presses Tab until what has the focus is called `name`, or begins so; then Enter, which leads to a page of this address."""
    said = "(e) => (e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || '').trim()"
    for _ in range(120):
        await page.keyboard.press("Tab")
        if (await page.evaluate(f"({said})(document.activeElement)")).startswith(name):
            break
    else:
        raise AssertionError(f"{name} is not reached by Tab")
    if leads:
        await page.keyboard.press("Enter")
        await page.wait_for_url(leads)


async def test_a_result_is_read_and_sent_by_the_keyboard_alone(
    portal: Portal, open_page: OpenPage, human: Nuclear, family: Family
) -> None:
    page, one = await open_page(viewport=SIZES["desktop"]), human.missense
    await sign_in(page, portal, "/annotations")
    await kept(portal, family)
    await page.reload()
    await reach(page, "family.vcf", "**/annotations/*-*")
    await reach(page, "Explore the variants", "**/variants")
    await reach(page, "Search")
    await page.keyboard.type(f"{one.gene} {one.protein}")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("rowheader")).to_have_count(1)
    await reach(page, place(one), "**/variants/*")
    await expect(page.get_by_role("heading", level=1)).to_contain_text(one.gene)
    await reach(page, "family.vcf", "**/annotations/*-*")
    await reach(page, "Share this result")
    await page.keyboard.press("Enter")
    await reach(page, "Make a link", "**/share")
    await reach(page, "Copy the link")
    await expect(page.locator("#link")).to_contain_text("/shared?key=")
