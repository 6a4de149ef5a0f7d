"""The answer first: what matters on the page of a job, questions in one box, totals and orders, the public example."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from app.domain.jobs import Fault, Trigger
from app.engine.report.charts import drawn
from app.explorer import reader
from app.explorer.expression import PRESETS
from app.services import mail_templates, saved, what_matters
from app.web import app_keys
from app.web.pages import size
from app.web.views import job_page
from tests.support.explored import explored, many
from tests.support.portal import Portal
from tests.support.steps import ARCHIVED, ME

TEXT = """##fileformat=VCFv4.2
##contig=<ID=MT,length=16569>
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="a">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS
MT\t73\t.\tA\tG\t50\tPASS\t.\tGT:AD\t1/1:0,100
MT\t3243\t.\tA\tG\t60\tPASS\t.\tGT:AD\t0/1:70,30
MT\t8860\t.\tA\tG\t10\tlow\t.\tGT:AD\t1/1:0,9
MT\t11778\t.\tG\tA\t.\tPASS\t.\tGT:AD\t1/1:1,99
MT\t16000\t.\tGA\tG\t5\tPASS\t.\tGT:AD\t0/1:50,50
"""


async def test_what_matters_is_on_top_and_leads_to_the_variant(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    page = await browser.get(f"/annotations/{job.job_id}")
    assert page.text.index("What matters here") < page.text.index("Consequences")
    assert "It is no medical advice" in page.text and "MT-ND4 p.Arg340His" in page.text
    assert "c.1019G&gt;A, m.11778G&gt;A" in page.text
    assert "heteroplasmic, 30 % of the reads" in page.text and "MELAS" in page.text
    assert "MT-TL1 m.3243A&gt;G" in page.text
    one = await browser.get(f"/annotations/{job.job_id}/variants/row/3")
    assert one.status == 200 and "<h1" in one.text and "MT-ND4 m.11778G&gt;A</h1>" in one.text and "Confirmed" in one.text
    assert "Previous" in one.text and "Next" in one.text
    assert (await browser.get(f"/annotations/{job.job_id}/variants/row/99")).status == 409
    status, summary = await browser.api("GET", f"/jobs/{job.job_id}/summary")
    assert status == 200 and [entry["row"] for entry in summary["what_matters"]] == [3, 1, 2]


async def test_a_bar_of_a_chart_opens_what_it_counts(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    page = await browser.get(f"/annotations/{job.job_id}")
    links = re.findall(
        r'href="(/annotations/[^"]+/variants\?where=[^"]+)">([^<]+)</a></th>.*?class="number">([0-9,]+)<', page.text
    )
    assert {"Moderate", "missense variant", "MT-ND4", "heterozygous", "A&gt;G", "95% or more", "50 to 100"} <= {
        one[1] for one in links
    }
    for address, label, count in links:
        assert f"of {count} variant" in (await browser.get(address.replace("&amp;", "&"))).text, label


async def test_a_bar_of_a_chart_of_a_family_opens_what_it_counts(portal: Portal, tmp_path: Path) -> None:
    """A genotype is counted in each sample: no table of variants has as many, and nothing is offered."""
    browser = await portal.signed_in(ME)
    calls = (":0,40", ":20,20", ":30,10")
    rows = [line.split("\t")[:9] for line in TEXT.splitlines() if line.startswith("MT")]
    made = ("\t".join([*row, f"0/0{calls[0]}", f"0/1{calls[1]}", f"{'01'[n % 2]}/1{calls[2]}"]) for n, row in enumerate(rows))
    header = [line for line in TEXT.splitlines() if line.startswith("#")]
    job = await explored(portal, tmp_path, "\n".join([*header[:-1], f"{header[-1]}\tT\tU", *made, ""]))
    page = await browser.get(f"/annotations/{job.job_id}")
    links = re.findall(
        r'href="(/annotations/[^"]+/variants\?where=[^"]+)">([^<]+)</a></th>.*?class="number">([0-9,]+)<', page.text
    )
    assert len(links) > 8 and "heterozygous" in page.text and "heterozygous" not in {label for _, label, _ in links}
    for address, label, count in links:
        assert f"of {count} variant" in (await browser.get(unescape(address))).text, label


async def test_what_matters_and_charts_stay_when_the_result_is_archived(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    jobs = portal.backend.jobs
    assert await jobs.advance(job.user_id, job.job_id, Trigger.ARCHIVED, archive="x", result=None)
    page = await browser.get(f"/annotations/{job.job_id}")
    assert "MT-ND4 p.Arg340His" in page.text and "Consequences" in page.text and "/variants/row/" not in page.text


async def asked(portal: Portal, browser: object, job_id: str, query: str) -> dict:
    status, found = await browser.api("GET", f"/jobs/{job_id}/variants?{query}")  # type: ignore[attr-defined]
    assert status == 200, found
    return found


async def test_one_box_answers_in_the_portal_and_the_api(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    for text, positions in {
        "m.3243A>G": [3243],
        "m.3243A>C": [],
        "3243": [3243],
        "3,000-9,000": [3243, 8860],
        "MT-11778-G-A": [11778],
        "NC_012920.1:m.16001del": [16000],
        "p.Arg340His": [11778],
        "R340H": [11778],
        "ENST00000361381:c.1019G>A": [11778],
        "MT-ND4:c.1019G>A": [11778],
        "rs199474657": [3243],
        "nd4, ATP6": [8860, 11778],
        "missense": [8860, 11778],
        "melas": [3243],
        "filter=low or depth=9": [8860],
    }.items():
        found = await asked(portal, browser, job.job_id, f"q={text.replace('>', '%3E').replace(' ', '%20')}")
        assert ([one["position"] for one in found["variants"]], found["total"]) == (positions, len(positions)), text
        assert found["understood"], text
    page = await browser.get(f"/annotations/{job.job_id}/variants?q=COX1")
    assert "Understood as the gene MT-CO1 (COX1)." in page.text and "Nothing fits" in page.text
    page = await browser.get(f"/annotations/{job.job_id}/variants?q=chr7:55")
    assert page.status == 404 and "no contig chr7" in page.text
    page = await browser.get(f"/annotations/{job.job_id}/variants?where=impct=HIGH")
    assert page.status == 404 and "Did you mean impact" in page.text
    status, problem = await browser.api("GET", f"/jobs/{job.job_id}/variants?where=impct=HIGH")
    assert status == 409 and "Did you mean impact" in problem["detail"]
    assert "Did you mean missense?" in (await browser.get(f"/annotations/{job.job_id}/variants?q=misense")).text


async def test_presets_and_suggestions_are_good_as_they_are_offered(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    here = f"/annotations/{job.job_id}/variants"
    page = (await browser.get(here)).text
    links = [unescape(link) for link in re.findall(r'<a class="btn btn-outline-primary btn-sm" href="([^"]+where=[^"]+)">', page)]
    assert len(links) == len(PRESETS)
    for (title, filter_), link in zip(PRESETS, links, strict=True):
        found = await asked(portal, browser, job.job_id, urlencode({"where": filter_}))
        shown = (await browser.get(link)).text
        assert f'aria-current="true" href="{escape(link)}">{title}<' in shown and type(found["total"]) is int
        assert shown.count('scope="row"') == found["total"]
    (suggested,) = re.findall(r'<datalist id="suggestions">(.*?)</datalist>', page)
    offered = [unescape(one) for one in re.findall(r'<option value="([^"]+)">', suggested)]
    assert "MT-ND4" in offered and "missense variant" in offered
    for text in offered:
        found = await asked(portal, browser, job.job_id, urlencode({"q": text}))
        assert found["understood"] and found["total"] > 0, text


async def test_a_result_without_columns_answers_what_it_can_and_refuses_the_rest(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    monkeypatch.setattr(reader, "MOST_RECORDS", 1)
    here = f"/annotations/{job.job_id}/variants"
    for query, positions in (("impact=MODERATE", ["8860", "11778"]), ("q=rs199474657", ["3243"]), ("q=p.Arg340His", ["11778"])):
        table = (await browser.get(f"{here}.csv?{query}")).text.splitlines()
        assert [line.split(",")[1] for line in table[1:]] == positions, query
        found = await asked(portal, browser, job.job_id, query)
        assert [str(one["position"]) for one in found["variants"]] == positions, query
    for query in ("where=impact%3DHIGH", "q=nd4", "genes=nd4", "q=3243"):
        for form in ("csv", "tsv", "vcf", "xlsx"):
            refused = await browser.get(f"{here}.{form}?{query}")
            assert refused.status == 409 and "has no columns" in refused.text, query
        status, problem = await browser.api("GET", f"/jobs/{job.job_id}/variants.tsv?{query}")
        assert status == 409 and "has no columns" in problem["detail"], query
    assert "has no columns" in (await browser.get(f"{here}?sort=gene")).text


async def test_a_name_in_any_transcript_is_found_and_downloaded(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    # it lies in two genes, of which one stands for both
    job = await explored(portal, tmp_path, f"{TEXT}MT\t8530\t.\tA\tG\t50\tPASS\t.\tGT:AD\t1/1:0,100\n")
    for name in ("MT-ATP8:c.165A>G", "MT-ATP6:c.4A>G"):
        query = f"q={name.replace('>', '%3E')}"
        assert [one["position"] for one in (await asked(portal, browser, job.job_id, query))["variants"]] == [8530], name
        table = (await browser.get(f"/annotations/{job.job_id}/variants.csv?{query}")).text.splitlines()
        assert {line.split(",")[1] for line in table[1:]} == {"8530"}, name


async def test_the_table_is_sorted_and_counted(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    for sort, positions in {
        "position": [73, 3243, 8860, 11778, 16000],
        "-position": [16000, 11778, 8860, 3243, 73],
        "quality": [16000, 8860, 73, 3243, 11778],
        "-quality": [3243, 73, 8860, 16000, 11778],
        "gene": [8860, 11778, 3243, 16000, 73],
        "-significance": [3243, 11778, 73, 8860, 16000],
    }.items():
        found = await asked(portal, browser, job.job_id, f"sort={sort}")
        assert [one["position"] for one in found["variants"]] == positions, sort
    first = await asked(portal, browser, job.job_id, "sort=-quality&limit=2")
    following = await asked(portal, browser, job.job_id, f"sort=-quality&limit=2&cursor={first['next']}")
    assert [one["position"] for one in following["variants"]] == [8860, 16000] and following["first"] == 2
    page = await browser.get(f"/annotations/{job.job_id}/variants?sort=-quality&column=quality&column=genotype&column=nonsense")
    assert "1–5 of 5 variants" in page.text and "QUAL" in page.text and "nonsense" not in page.text
    assert (await browser.api("GET", f"/jobs/{job.job_id}/variants?sort=size"))[0] == 422


async def test_totals_of_a_longer_table(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, many(1173))
    page = await browser.get(f"/annotations/{job.job_id}/variants")
    assert re.search(r"1–50 of 1,1[67][0-9] variants", page.text)


async def test_what_is_filtered_leaves_as_csv_and_as_a_sheet(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    csv = await browser.get(f"/annotations/{job.job_id}/variants.csv?q=missense")
    lines = csv.text.splitlines()
    assert csv.headers["Content-Type"].startswith("text/csv") and len(lines) == 3 and lines[1].startswith("MT,8860,")
    async with browser.http.get(f"{browser.home}/annotations/{job.job_id}/variants.xlsx?q=missense") as answer:
        body = await answer.read()
    with zipfile.ZipFile(io.BytesIO(body)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 3 and "<v>8860</v>" in sheet and "<f>" not in sheet


async def test_the_example_is_complete_and_for_everybody(portal: Portal) -> None:
    browser = await portal.browser()
    page = await browser.get("/example")
    assert page.status == 200 and "What matters here" in page.text and "m.3243A&gt;G" in page.text and "MELAS" in page.text
    assert "<form" not in page.text.partition("<main")[2].partition("</main>")[0]
    assert (await browser.get("/example/result")).status == 200
    front = await browser.get("/")
    assert "/example" in front.text and "rCRS" in front.text and "150 kB" in front.text


async def test_the_mail_has_the_first_lines(portal: Portal, tmp_path: Path) -> None:
    await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    lines = await what_matters.lines(portal.backend, job)
    assert lines[0] == "MT-ND4 p.Arg340His, m.11778G>A: confirmed in a disease" and len(lines) == 4
    assert lines[3] == "Mitochondrion: 2 homoplasmic and 2 heteroplasmic alleles"
    account = await portal.backend.accounts.get(job.user_id)
    assert account
    letter = mail_templates.letter("completed", job, account, portal.settings, lines)
    assert lines[1] in letter["text"] and "no medical advice" in letter["text"] and "m.11778G&gt;A" in letter["html"]
    born = datetime.fromtimestamp(job.created_at / 1000, UTC)
    for days in (1, 30, 0):
        settings = portal.settings.model_copy(update={"kept_days": {"uploads": days} if days else {}})
        text = mail_templates.letter("completed", job, account, settings)["text"]
        date = f"{born + timedelta(days=days):%d %B %Y}".lstrip("0")
        assert (f"The uploaded file is deleted after {date}." in text) is bool(days)
        assert ("uploaded files are deleted after" in mail_templates.digest([job, job], account, settings)["text"]) is bool(days)
        assert "deleted" not in mail_templates.letter("archived", job, account, settings)["text"]
    assert "five minutes" not in " ".join([word for words in mail_templates.ENDINGS.values() for word in words])


async def test_sessions_are_in_order_and_name_this_one(portal: Portal) -> None:
    await portal.signed_in(ME)
    browser = await portal.signed_in(ME)
    page = await browser.get("/profile")
    listed = re.findall(r"<li>since .*?</li>", page.text)
    assert len(listed) == 2 and sum("this one" in one for one in listed) == 1


def test_sizes_have_one_spelling() -> None:
    assert [size(157), size(33_100), size(0)] == ["157 B", "33.1 kB", "0 B"]


async def test_the_summary_is_a_page_of_the_portal_and_leads_back(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    page = await browser.get(f"/annotations/{job.job_id}/summary")
    assert 'aria-label="Main"' in page.text and "What matters here" in page.text
    assert page.text.count(f'href="/annotations/{job.job_id}"') == 2 and "Back to the annotation" in page.text
    assert "/annotations" not in (await browser.get(f"/annotations/{job.job_id}/summary?download")).text


async def test_impacts_have_one_spelling_wherever_they_are_read(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    here = f"/annotations/{job.job_id}"
    (row,) = re.findall(rf'href="({here}/variants/[0-9a-f]+)[^"]*">MT:11778 ', (await browser.get(f"{here}/variants")).text)
    for path in (here, f"{here}/summary", f"{here}/summary?download", f"{here}/log", f"{here}/variants", row, "/example"):
        text = (await browser.get(path)).text
        read = re.sub(r"<code>.*?</code>|<[^>]*>", " ", text.partition("The record, as the file has it")[0])
        read = read.partition("<body")[2] or read
        assert re.search(r"\bModerate\b", read), path
        assert not re.search(r"\b(?:HIGH|MODERATE|MODIFIER)\b", read), path


async def test_charts_are_called_alike_on_every_page(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    said = {}
    for path in ("", "/summary", "/summary?download"):
        page = await browser.get(f"/annotations/{job.job_id}{path}")
        said[path] = re.findall(r"<caption>(.*?)</caption>", page.text)
    assert len(said[""]) >= 8 and said["/summary"] == said["/summary?download"]
    assert said["/summary"][: len(said[""])] == said[""]


async def test_one_more_chart_is_no_charts(portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await portal.signed_in(ME)
    for folded, words in ((1, "1 more chart<"), (2, "2 more charts<")):
        (folder := tmp_path / words[:-1]).mkdir()
        job = await explored(portal, folder, TEXT)
        _, summary = await browser.api("GET", f"/jobs/{job.job_id}/summary")
        monkeypatch.setattr(job_page, "SEEN", len(drawn(summary)) - folded)
        assert f">{words}" in (await browser.get(f"/annotations/{job.job_id}")).text


async def test_who_waits_reads_how_long_others_waited(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    now = portal.backend.now()
    submitted, claimed = (Trigger.SUBMIT, {"submitted_at": now - 90_000}), (Trigger.CLAIM, {"started_at": now - 60_000})
    done = await portal.job(ME, submitted, claimed, (Trigger.COMPLETE, {"finished_at": now, "result": "results/x"}))
    await browser.get(f"/annotations/{done.job_id}")
    waiting = [await portal.job(ME, (Trigger.SUBMIT, {"submitted_at": now})) for _ in range(3)]
    queue = await portal.backend.queues.open("job_requests")
    await asyncio.gather(*(queue.sqs.send_message(QueueUrl=queue.url, MessageBody="{}") for _ in waiting))
    text = (await browser.get(f"/annotations/{waiting[0].job_id}")).text
    assert "About 3 jobs wait in line, this one among them. Jobs that started lately had waited about 30 seconds." in text


async def test_sentences_are_apart(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    waiting = [await portal.job(ME, (Trigger.SUBMIT, {"submitted_at": portal.backend.now()})) for _ in range(3)]
    for path in (f"/annotations/{job.job_id}", f"/annotations/{waiting[0].job_id}", "/profile", "/retention", "/", "/annotate"):
        text = re.sub(r"</?(?:a|b|code|em|span|small|strong|time|sup|sub)\b[^>]*>", "", (await browser.get(path)).text)
        text = re.sub(r"<[^>]*>", "\n", text)
        assert not re.search(r"[a-z]{2,}[.;,!?][A-Z][a-z]+ ", text), path


async def test_a_mistake_in_the_file_is_not_offered_to_be_run_again(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    steps: tuple[tuple[Trigger, dict[str, Any]], ...] = ((Trigger.SUBMIT, {}), (Trigger.CLAIM, {}))
    for fault, offered in ((Fault.USER, False), (Fault.SYSTEM, True)):
        job = await portal.job(ME, *steps, (Trigger.FAIL, {"fault": fault, "message": "Line 12 has 7 columns.", "line": 12}))
        page = await browser.get(f"/annotations/{job.job_id}")
        assert ("Run it again" in page.text) is offered and (f"{job.job_id}/retry" in page.text) is offered


async def test_nothing_is_offered_that_needs_a_file_which_is_not_kept_any_more(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await portal.signed_in(ME)
    steps: tuple[tuple[Trigger, dict[str, Any]], ...] = ((Trigger.SUBMIT, {}), (Trigger.CLAIM, {}))
    ends = ({"fault": Fault.SYSTEM, "message": "A host died."}, {"fault": Fault.USER, "message": "Bad.", "skippable": 3})
    jobs = [await portal.job(ME, *steps, (Trigger.FAIL, end)) for end in ends]
    for kept_days, offered in ((30, True), (-1, False)):
        monkeypatch.setitem(portal.app[app_keys.SETTINGS].kept_days, "uploads", kept_days)
        for job in jobs:
            page = await browser.get(f"/annotations/{job.job_id}")
            assert (f"{job.job_id}/retry" in page.text) is offered
        assert ("please upload it again" in (await browser.get(f"/annotations/{jobs[0].job_id}")).text) is not offered


def test_a_size_is_spelled_alike_in_script_and_page() -> None:
    script = (Path(__file__).parents[2] / "app" / "web" / "static" / "upload.js").read_text()
    (units,) = re.findall(r'\["(\w+)", "kB", "MB", "GB"\]', script)
    assert size(1).split(" ")[1] == units


async def test_pasted_variants_become_a_vcf(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    status, found = await browser.api("POST", "/variants", json={"text": "m.3243A>G\nm.3243G>A"})
    assert status == 200 and "MT\t3243\t.\tA\tG" in found["vcf"]
    assert found["faults"] == [{"line": 2, "text": "m.3243G>A", "reason": "The reference has A at MT:3,243, not G."}]


@pytest.mark.parametrize("changes", [{"premium_price": "$20 a month"}, {}], ids=["price", "none"])
async def test_the_price_stands_where_premium_is_offered(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    price = portal.settings.premium_price
    archived = await portal.job(ME, *ARCHIVED)
    for path in ("/subscribe", f"/annotations/{archived.job_id}"):
        page = await browser.get(path)
        assert "/subscribe" in page.text and ("$20 a month" in page.text) is bool(price), path


async def test_what_the_explorer_asks_the_api_takes(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, TEXT)
    await saved.keep(portal.backend, job.user_id, saved.Kind.PANELS, "LHON", "MT-ND4")
    page = (await browser.get(f"/annotations/{job.job_id}/variants")).text
    form = re.search(r'<form action="[^"]*/variants".*?</form>', page, re.DOTALL)
    assert form
    asked_here = set(re.findall(r'<(?:input|select|textarea)\b[^>]* name="(\w+)"', form[0])) - {"column"}
    async with browser.http.get(f"{portal.url}/api/v1/openapi.json") as answer:
        document = await answer.json()
    parameters = document["paths"]["/api/v1/jobs/{id}/variants"]["get"]["parameters"]
    taken = {one["name"] for one in parameters if one["in"] == "query"}
    assert {"q", "where", "genes", "panel", "sort"} <= asked_here <= taken
    # there are no frequencies in this file, so nothing asks for them
    assert taken - asked_here == {"cursor", "limit", "frequency"}
    forms = set(re.findall(r"/variants\.(\w+)", page))
    (form_of_api,) = (
        one for one in document["paths"]["/api/v1/jobs/{id}/variants.{form}"]["get"]["parameters"] if one["name"] == "form"
    )
    assert forms == {"tsv", "vcf", "csv", "xlsx"} and all(form in str(form_of_api) for form in forms)
