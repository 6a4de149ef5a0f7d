"""The explorer: pages over a whole result by ranges of S3, as tabix would answer; one variant; downloads."""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
import tracemalloc
from contextlib import ExitStack
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pysam
import pytest

from app.domain.jobs import Job, Trigger
from app.domain.keys import Output
from app.engine.consequence import terms
from app.engine.formats.tabix import StoredContig, StoredIndex
from app.explorer import line_reader
from app.explorer import reader as explorer_reader
from app.explorer.query import resolve_filter
from app.explorer.reader import Explorer
from app.explorer.record import Filter, Region, parse
from app.services.concurrency import TooManyRequests
from app.services.submissions import Refused
from app.web import app_keys
from app.web.states import IMPACTS
from tests.support.explored import HEADER, KNOWN, SAMPLES, explored, many
from tests.support.portal import Portal
from tests.support.steps import ARCHIVED, CLAIM, ME


async def everything(explorer: Explorer, job: Job, wanted: Filter, limit: int) -> list[tuple[int, str, str]]:
    found: list[tuple[int, str, str]] = []
    cursor: int | None = None
    while True:
        page = await explorer.page(job, wanted, cursor=cursor, limit=limit)
        assert len(page.variants) <= limit and 0 <= page.share <= 1
        found += [(one.position, one.ref, one.alt) for one in page.variants]
        if page.next is None:
            return found
        assert cursor is None or page.next > cursor
        cursor = page.next


WANTED = (
    Filter(),
    Filter(region=Region("chrM", 3000, 3300)),
    Filter(region=Region("MT", 4999, 5000)),
    Filter(region=Region("chrM", 15_999, 17_000)),
    Filter(gene="mt-nd4"),
    Filter(gene="MT-CO1", impact="HIGH"),
    Filter(gene="MT-CO1", region=Region("chrM", 6000, 6100)),
    Filter(gene="MT-CO1", region=Region("chrM", 1, 100)),
    Filter(consequence="missense_variant"),
    Filter(known=True),
    Filter(text="leigh"),
)


@pytest.mark.slow
async def test_pages_give_exactly_what_tabix_finds(portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await portal.signed_in(ME)
    job = await explored(portal, tmp_path, many(1000))
    # so small that pages, pieces and spans end within blocks, lines and regions
    monkeypatch.setattr(line_reader, "FIRST_PIECE", 3000)
    monkeypatch.setattr(line_reader, "PIECE", 7000)
    references = portal.app[app_keys.EXPLORER].references
    explorer = Explorer(line_reader.LineReader(portal.backend.results), references, budget=5000)
    index, reference = await explorer.index(job), await references.reference_of(await explorer.summary(job))
    with pysam.TabixFile(str(tmp_path / "out" / Output.RESULT)) as file:
        for wanted in WANTED:
            asked = resolve_filter(wanted, reference, index)
            region, test = asked.region, asked.test()
            lines = list(file.fetch(region.contig, region.begin - 1, region.end) if region else file.fetch())
            rows = [line.split("\t") for line in lines if test(line.encode())]
            expected = [(int(row[1]), row[3], row[4]) for row in rows]
            assert await everything(explorer, job, wanted, 37) == expected, wanted
            header, batches = await explorer.open(job, wanted)
            assert [line.decode() async for batch in batches for line in batch] == [line for line in lines if test(line.encode())]
            assert header == "".join(f"{line}\n" for line in file.header).encode()
        assert len(await everything(explorer, job, Filter(known=True), 5)) < 20
    with pytest.raises(Refused, match="no contig chr7"):
        await explorer.page(job, Filter(region=Region("chr7")), cursor=None, limit=5)


def test_names_that_a_file_made_up_fill_no_message() -> None:
    index = StoredIndex(b"", dict.fromkeys((f"{n}{'x' * 10_000}" for n in range(50)), StoredContig(0, (0, 0), 0)))
    with pytest.raises(Refused) as refused:
        resolve_filter(Filter(region=Region("y" * 10_000)), None, index)
    assert "y" * 80 in str(refused.value) and len(str(refused.value)) < 3000


WIDE = (
    "chrM 1000 dup_end T <DUP> . PASS END=3000 GT 0/1",
    "chrM 1000 dup_svlen T <DUP> . PASS SVLEN=2000 GT 0/1",
    "chrM 1001 block_end C . . PASS END=3000 GT 0/0",
    "chrM 1001 block_len C <*> . PASS . GT:LEN 0/0:2000",
    "chrM 1002 snv A C . PASS . GT 0/1",
    "chrM 2500 behind A C . PASS . GT 0/1",
)


async def test_a_region_has_the_records_that_reach_into_it_from_afar(portal: Portal, tmp_path: Path) -> None:
    """Structural variants by END or SVLEN, reference blocks by END or LEN: in pages, and in what is downloaded."""
    browser = await portal.signed_in(ME)
    rows = "".join(row.replace(" ", "\t") + "\n" for row in WIDE)
    job = await explored(portal, tmp_path, HEADER.rstrip("\n") + "\tFORMAT\tS\n" + rows)
    explorer = portal.app[app_keys.EXPLORER]
    page = await explorer.page(job, Filter(region=Region("chrM", 2000, 2000)), cursor=None, limit=50)
    names = [row.split(" ")[2] for row in WIDE[:4]]
    assert [one.identifier for one in page.variants] == names
    with pysam.TabixFile(str(tmp_path / "out" / Output.RESULT)) as file:
        assert [line.split("\t")[2] for line in file.fetch("chrM", 1999, 2000)] == names
    answer = await browser.get(f"/annotations/{job.job_id}/variants.vcf?region=chrM:2000-2000")
    assert [line.split("\t")[2] for line in answer.text.splitlines() if not line.startswith("#")] == names


EQUAL = "chrM\t3243\t.\tA\tG\t.\t.\t.\n"


@pytest.mark.slow
async def test_a_small_file_of_equal_records_takes_little_memory(portal: Portal, tmp_path: Path) -> None:
    """As it lies there it is a fiftieth of what it is: four looks at once hold a batch each, and not all of it."""
    await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + EQUAL * 30_000)
    explorer = portal.app[app_keys.EXPLORER]
    await explorer.index(job)
    tracemalloc.start()
    try:
        asked = (explorer.page(job, Filter(text="zzz"), cursor=None, limit=50) for _ in range(4))
        pages = await asyncio.gather(*asked)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [(page.variants, page.next, page.looked) for page in pages] == [([], None, 30_000)] * 4
    assert peak < 24 << 20, peak
    assert explorer.reader.memory.held == 0


async def test_the_loop_does_next_to_nothing_of_a_look(portal: Portal, tmp_path: Path) -> None:
    """What is a line's is done in the explorer's threads: the loop, which answers everybody else, only hands over batches."""
    await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + EQUAL * 30_000)
    explorer = portal.app[app_keys.EXPLORER]
    assert (await explorer.page(job, Filter(text="zzz"), cursor=None, limit=50)).next is None
    began, before = await spent_in_threads(explorer), time.thread_time()
    await asyncio.gather(*(explorer.page(job, Filter(text=f"zzz{n}"), cursor=None, limit=50) for n in range(4)))
    here, there = time.thread_time() - before, await spent_in_threads(explorer) - began
    assert here < there / 2, (here, there)


async def spent_in_threads(explorer: Explorer) -> float:
    """Seconds of CPU of the explorer's threads."""
    all_of_them = threading.Barrier(line_reader.THREADS)

    def spent() -> float:
        all_of_them.wait(60)
        return time.thread_time()

    return sum(await asyncio.gather(*(explorer.reader.in_executor(spent) for _ in range(line_reader.THREADS))))


@pytest.mark.parametrize(
    "address",
    [
        "/annotations/{job}/variants?text=a&limit=500&column=hgvs",
        "/api/v1/jobs/{job}/variants?text=a&limit=500",
        "/annotations/{job}/variants.csv?text=a",
        "/annotations/{job}/variants.xlsx?text=a",
    ],
)
async def test_what_a_look_shows_is_made_beside_the_loop(portal: Portal, tmp_path: Path, address: str) -> None:
    """Thirty-two pages of 500 rows that the loop rendered, one after the other in one turn, held everybody else for seconds."""
    me = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + EQUAL * 2000)
    explorer = portal.app[app_keys.EXPLORER]
    began = before = 0.0
    for warm in (False, True):  # at first templates are compiled
        async with me.http.get(f"{portal.url}{address.format(job=job.job_id)}") as answer:
            assert answer.status == 200
            assert await answer.read()
        if not warm:
            began, before = await spent_in_threads(explorer), time.thread_time()
    here, there = time.thread_time() - before, await spent_in_threads(explorer) - began
    assert here < there / 2, (here, there)


async def test_a_line_that_ends_in_the_next_block_is_whole(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is the last that is wanted, and the blocks are inflated one by one."""
    await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + EQUAL * 2000)
    explorer = portal.app[app_keys.EXPLORER]
    monkeypatch.setattr(line_reader, "BATCH_BYTES", 1)
    columns = await explorer.columns(job)
    assert columns
    places = [divmod(place, 1 << 16) for place in (await columns.values("place", explorer.reader.in_executor)).tolist()]
    across = [row for row, (here, behind) in enumerate(pairwise(places)) if here[0] < behind[0] and behind[1]]
    assert across
    for row in across:
        page = await explorer.page(job, Filter(), cursor=row, limit=1)
        assert [one.position for one in page.variants] == [3243]


async def test_a_page_says_how_far_it_came_in_what_it_inflated(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + EQUAL * 10_000)
    explorer = portal.app[app_keys.EXPLORER]
    monkeypatch.setattr(explorer_reader, "INFLATED", 300_000)
    page = await explorer.page(job, Filter(text="zzz"), cursor=None, limit=50)
    assert page.next is not None and 0 < page.looked < 10_000 and 0 < page.share < 1
    assert len(await everything(explorer, job, Filter(text="a"), 500)) == 10_000
    monkeypatch.setattr(explorer_reader, "FOUND", 1000)
    page = await explorer.page(job, Filter(text="3243"), cursor=None, limit=100_000)
    assert page.next is not None and 500 < len(page.variants) < 10_000


async def test_looks_that_hold_much_together_are_refused_and_leave_nothing_behind(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    note = "N" * 2_000_000
    job = await explored(portal, tmp_path, HEADER + f"chrM\t3243\t.\tA\tG\t.\t.\tNOTE={note}\n" + EQUAL)
    explorer = portal.app[app_keys.EXPLORER]
    page = await explorer.page(job, Filter(), cursor=None, limit=50)
    assert page.variants[0].info["NOTE"] == note and len(page.variants) == 2
    explorer.reader.memory.most = 1_000_000
    with pytest.raises(TooManyRequests, match="try again"):
        await explorer.page(job, Filter(), cursor=None, limit=50)
    answer = await browser.get(f"/annotations/{job.job_id}/variants")
    assert answer.status == 429 and "try again in a moment" in unescape(answer.text)
    assert explorer.reader.memory.held == 0


async def test_a_page_reads_little_of_a_large_result(portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, many(12_000))
    read: list[int] = []
    real = type(portal.backend.results).range

    async def counted(self: Any, key: str, start: int, size: int) -> tuple[bytes, int]:
        body, whole = await real(self, key, start, size)
        read.append(len(body))
        return body, whole

    monkeypatch.setattr(type(portal.backend.results), "range", counted)
    middle = f"{job.result_size // 2 << 16:x}"
    page = await browser.get(f"/annotations/{job.job_id}/variants")
    following = re.search(r"cursor=([0-9a-f]+)", page.text)
    assert page.status == 200 and following and int(following[1], 16) < int(middle, 16)
    assert (await browser.get(f"/annotations/{job.job_id}/variants?cursor={following[1]}")).status == 200
    # a piece of the result a page, and once the summary and the columns
    assert sum(read) <= 4 * line_reader.FIRST_PIECE < job.result_size


async def test_the_table_and_the_page_of_one_variant(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    address = f"/annotations/{job.job_id}/variants"
    assert f'href="{address}"' in (await browser.get(f"/annotations/{job.job_id}")).text
    page = await browser.get(address)
    assert page.status == 200 and "1–2 of 2 variants" in page.text
    assert "MELAS" in (await browser.get(f"{address}?region=MT:3,243&known=true&frequency=0.01")).text
    assert "Nothing fits" in (await browser.get(f"{address}?region=chrM:3244")).text
    first, second = re.findall(rf'href="({address}/[0-9a-f]+)"', page.text)
    one = await browser.get(first)
    for words in ("MT-TL1", "MELAS", "mitomap.org/cgi-bin/search_allele?variant=3243A%3EG", "ensembl.org/Homo_sapiens/Gene"):
        assert words in one.text
    assert "/snp/rs199474657" in one.text and "/clinvar/?term=rs199474657" in one.text
    other = await browser.get(second)
    assert "<script>alert" not in other.text and "missense variant" in other.text
    assert "changes the protein, by one amino acid or a few" in other.text and tuple(IMPACTS) == terms.IMPACTS
    wrong = await browser.get(f"{address}?text=%22%3E%3Cscript%3Ealert(2)")
    assert "<script>alert" not in wrong.text and "&#34;&gt;&lt;script&gt;alert(2)" in wrong.text


async def test_the_table_walks_to_the_end_by_its_links(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, many(130))
    path, seen = f"/annotations/{job.job_id}/variants?text=PASS", 0
    for _ in range(3):
        page = await browser.get(path)
        seen += len(re.findall(r'<th scope="row">', page.text))
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = unescape(following[1]) if following else ""
    assert seen == 130 and not path and "this is the end" in page.text


async def test_a_cursor_or_address_made_up_is_refused(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    for tail in ("variants?cursor=abc0000", "variants?cursor=fffffffffffffff", "variants/abc0001", "variants/fffffffffffffff"):
        assert (await browser.get(f"/annotations/{job.job_id}/{tail}")).status in (200, 409), tail
    for tail in ("cursor=xyz", "limit=0", "limit=9999", "region=a%20b", "frequency=2", "impact=BIG"):
        assert (await browser.get(f"/annotations/{job.job_id}/variants?{tail}")).status == 422, tail


async def test_downloads_are_filtered_and_safe_in_a_spreadsheet(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    address = f"/annotations/{job.job_id}/variants"
    vcf = await browser.get(f"{address}.vcf?gene=MT-TL1")
    assert vcf.text.startswith("##fileformat=VCF") and "#CHROM\t" in vcf.text
    assert [line.split("\t")[1] for line in vcf.text.splitlines() if line[0] != "#"] == ["3243"]
    assert "p%C3%A4ti_ent.variants.vcf" in vcf.headers["Content-Disposition"]
    tsv = await browser.get(f"{address}.tsv")
    rows = [line.split("\t") for line in tsv.text.splitlines()]
    assert rows[0][-1] == "provenance" and all("rcrs" in row[-1] for row in rows[1:])
    assert rows[0][:3] == ["contig", "position", "id"] and rows[1][1:3] == ["3243", "'=1+1"] and len(rows) == 3
    assert tsv.headers["X-Content-Type-Options"] == "nosniff"
    assert (await browser.get(f"{address}.vcf", follow=False)).headers["Location"] == f"/annotations/{job.job_id}/result"


async def test_a_head_has_no_body_that_would_be_taken_for_the_next_answer(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    cookies = "; ".join(f"{one.key}={one.value}" for one in browser.http.cookie_jar)
    for path in (f"/annotations/{job.job_id}/variants.tsv", "/profile/export", f"/annotations/{job.job_id}/events"):
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(portal.url).port)
        writer.write(f"HEAD {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 ") and answer.partition(b"\r\n\r\n")[2] == b"", path


async def test_the_api_answers_the_same(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    status, answer = await browser.api("GET", f"/jobs/{job.job_id}/variants?limit=1")
    assert status == 200 and answer["variants"][0]["gene"] == "MT-TL1" and answer["next"]
    status, answer = await browser.api("GET", f"/jobs/{job.job_id}/variants?limit=1&cursor={answer['next']}")
    assert (answer["variants"][0]["position"], answer["next"]) == (11778, None)
    assert answer["variants"][0]["transcripts"][0]["gene"] == "MT-ND4"
    status, problem = await browser.api("GET", f"/jobs/{job.job_id}/variants?impact=BIG")
    assert status == 422 and "impact" in problem["detail"]
    assert (await browser.api("GET", f"/jobs/{job.job_id}/variants?frequency="))[0] == 422
    page = await browser.get(f"/annotations/{job.job_id}/variants?gene=MT-TL1&frequency=&region=&limit=")
    assert page.status == 200 and "3243" in page.text, "a form sends its empty fields too"


CODON = "chrM\t8992\t.\tC\tT,A\t.\t.\t.\nchrM\t8993\t.\tT\tG\t.\t.\t.\n"


async def test_all_that_is_said_of_a_variant_can_be_seen(portal: Portal, tmp_path: Path) -> None:
    """Names, transcripts, flags and the record before: on its page, in the table, in the API, and counted beside the result."""
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, HEADER + CODON)
    _, answer = await browser.api("GET", f"/jobs/{job.job_id}/variants?region=MT:8993")
    (one,) = answer["variants"]
    said = {name: one[name] for name in ("hgvs_genomic", "transcript", "hgvs_coding", "hgvs_protein", "flags", "old_record")}
    assert said == {
        "hgvs_genomic": "NC_012920.1:m.8993T>G",
        "transcript": "ENST00000361899",
        "hgvs_coding": "c.467T>G",
        "hgvs_protein": "p.Leu156Arg",
        "flags": ["codon_possibly_in_cis"],
        "old_record": "",
    }
    (effect,) = one["transcripts"]
    assert (effect["gene_id"], effect["protein_position"], effect["codons"]) == ("ENSG00000198899", "156/226", "cTg/cGg")
    page = await browser.get(f"/annotations/{job.job_id}/variants/{one['place']}")
    shown = unescape(page.text)
    for words in (
        "NC_012920.1:m.8993T>G",
        "ENST00000361899:c.467T>G",
        "p.Leu156Arg",
        "cTg/cGg",
        "codon 156/226",
        "read them together",
    ):
        assert words in shown, words
    listed = unescape((await browser.get(f"/annotations/{job.job_id}/variants")).text)
    assert "c.467T>G p.Leu156Arg" in listed and listed.count("codon_possibly_in_cis") == 3
    first = (await browser.api("GET", f"/jobs/{job.job_id}/variants?limit=1"))[1]["variants"][0]
    assert first["old_record"].startswith("chrM|8992|C|T,A|")
    assert first["old_record"] in unescape((await browser.get(f"/annotations/{job.job_id}/variants/{first['place']}")).text)
    assert "codon_possibly_in_cis, 3:" in (await browser.get(f"/annotations/{job.job_id}")).text


async def test_a_result_that_is_not_there_says_where_it_is(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    archived = await portal.job(ME, *ARCHIVED)
    page = await browser.get(f"/annotations/{archived.job_id}/variants")
    assert page.status == 409 and "in the archive. Premium brings it back." in page.text
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    assert job.result
    await portal.backend.results.delete([job.result])
    for tail in ("variants", "variants.tsv?gene=MT-ND4", "variants/10"):
        page = await browser.get(f"/annotations/{job.job_id}/{tail}")
        assert page.status == 409 and "not there any more" in page.text


async def test_the_page_of_a_job_draws_what_was_counted(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, many(100))
    page = await browser.get(f"/annotations/{job.job_id}")
    assert page.text.count('<table class="bars">') >= 4 and "<caption>Impact</caption>" in page.text
    assert portal.app[app_keys.EXPLORER].reader.results is portal.backend.results


async def test_the_page_of_a_variant_shows_its_samples(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    more = "".join(f"\ts{n}" for n in range(60))
    row = "chrM\t3243\t.\tA\tG\t50\tPASS\t.\tGT:DP\t0/1:33\t1/1" + "\t0/0:1" * 60
    job = await explored(portal, tmp_path, f"{SAMPLES}{more}\n{row}\n")
    _, answer = await browser.api("GET", f"/jobs/{job.job_id}/variants")
    (found,) = answer["variants"]
    page = (await browser.get(f"/annotations/{job.job_id}/variants/{found['place']}")).text
    assert '<th scope="row">&lt;i&gt;mother&lt;/i&gt;</th><td>0/1</td><td>33</td>' in page
    assert re.search(r'<th scope="row">child</th><td>1/1</td><td>\.?</td>', page) and "The first 50 of 62" in page
    assert "<small" in page  # what the header says of each tag
    _, alone = await browser.api("GET", f"/jobs/{job.job_id}/variants/{found['place']}")
    assert alone["samples"] == 62 == len(alone["genotypes"]) and alone["genotypes"]["child"]["GT"] == "1/1"


async def test_who_looks_too_much_at_once_is_told_to_come_again(portal: Portal, tmp_path: Path) -> None:
    browser, other = await portal.signed_in(ME), await portal.signed_in()
    job = await explored(portal, tmp_path, HEADER + KNOWN)
    concurrency = portal.app[app_keys.CONCURRENCY]
    address = f"/annotations/{job.job_id}/variants"
    with ExitStack() as held:
        for _ in range(concurrency.each):
            held.enter_context(concurrency.slot(job.user_id))
        for path in (address, f"{address}.tsv", f"{address}/10"):
            page = await browser.get(path)
            assert page.status == 429 and page.headers["Retry-After"] == "1" and "under way" in page.text, path
        status, problem = await browser.api("GET", f"/jobs/{job.job_id}/variants")
        assert status == 429 and "under way" in problem["detail"]
        assert (await other.get(address)).status == 404
    assert (await browser.get(address)).status == 200
    assert concurrency._under_way.total() == 0
    with ExitStack() as held:
        for n in range(concurrency.everybody):
            held.enter_context(concurrency.slot(str(n)))
        assert "Many people" in (await browser.get(address)).text


async def test_where_the_variants_are_along_a_contig(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job = await explored(portal, tmp_path, many(300))
    length, bins = (await portal.app[app_keys.EXPLORER].density(job))["chrM"]
    assert (length, sum(bins), len(bins)) == (16_569, 300, 100)
    text = (await browser.get(f"/annotations/{job.job_id}")).text
    most = re.findall(r'densest <a href="([^"]+)">between [0-9,]+ and [0-9,]+</a>', text)
    assert f"of {max(bins):.0f} variants" in (await browser.get(unescape(most[0]))).text
    parts = re.findall(r'<a href="([^"]+)" tabindex="-1"><title>Between ', text)
    regions = [parse_qs(urlsplit(unescape(part)).query)["region"][0].partition(":")[2] for part in parts]
    spans = [tuple(map(int, region.split("-"))) for region in regions]
    assert len(spans) == 25 and spans[0][0] == 1 and spans[-1][1] == length
    assert all(behind[0] == here[1] + 1 for here, behind in pairwise(spans))
    first, last = spans[3]
    records = [line.split("\t") for line in many(300).splitlines() if not line.startswith("#")]
    there = [one for one in records if int(one[1]) <= last and int(one[1]) + len(one[3]) > first]
    assert f"of {len(there)} variants" in (await browser.get(unescape(parts[3]))).text


async def test_a_result_on_a_reference_that_the_portal_does_not_have(portal: Portal, tmp_path: Path) -> None:
    browser = await portal.signed_in(ME)
    job, _ = await far(portal, tmp_path, 3000)
    index = await portal.app[app_keys.EXPLORER].index(job)
    assert resolve_filter(Filter(region=Region("1", 5, 9)), None, index).region == Region("chr1", 5, 9)
    page = await browser.get(f"/annotations/{job.job_id}/variants?region=chr2:40,000,000-60,000,000")
    assert page.status == 200 and "GENE2" in page.text and "chr1:" not in page.text
    for path in (f"/annotations/{job.job_id}", f"/annotations/{job.job_id}/variants?gene=gene1&impact=HIGH"):
        assert (await browser.get(path)).status == 200
    density = index.along("chr1", 200_000_000, 100)
    assert len(density) == 100 and sum(density) > 0


async def far(portal: Portal, folder: Path, count: int, email: str = ME) -> tuple[Job, int]:
    """A completed job on two long contigs of a bundle that is not embedded, `count` variants in all; with the result's size."""
    path, chance = folder / "far.vcf", random.Random(2)
    with path.open("w") as file:
        file.write("##fileformat=VCFv4.2\n##contig=<ID=chr1,length=200000000>\n##contig=<ID=chr2,length=200000000>\n")
        file.writelines(
            f'##INFO=<ID={tag},Number=1,Type=String,Description="x">\n' for tag in ("GAS_CSQ", "GAS_IMPACT", "GAS_GENE")
        )
        file.write('##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n')
        for contig in (1, 2):
            for place in range(count // 2):
                impact = "HIGH" if chance.random() < 0.001 else "MODIFIER"
                position = place * (200_000_000 // (count // 2)) + 1
                info = f"AF={chance.random():.4f};GAS_CSQ=intron_variant;GAS_IMPACT={impact};GAS_GENE=GENE{contig}"
                file.write(
                    f"chr{contig}\t{position}\trs{chance.randrange(10**9)}\tA\tG\t{chance.random() * 99:.2f}\tPASS\t{info}\n"
                )
    packed = folder / "far.vcf.gz"
    await asyncio.to_thread(pysam.tabix_compress, str(path), str(packed))
    await asyncio.to_thread(pysam.tabix_index, str(packed), preset="vcf")
    job = await portal.job(email, *CLAIM, bundle="grch38", file_name="far.vcf.gz")
    results, keys_ = portal.backend.results, {"result": f"results/{job.job_id}/r", "index": f"results/{job.job_id}/i"}
    for name, file_ in (("result", packed), ("index", packed.with_suffix(".gz.tbi"))):
        await results.s3.put_object(Bucket=results.name, Key=keys_[name], Body=file_.read_bytes())
    size = packed.stat().st_size
    done = await portal.backend.jobs.advance(job.user_id, job.job_id, Trigger.COMPLETE, result_size=size, records=count, **keys_)
    assert done
    return done, size


def test_what_it_is_known_in_are_conditions_alone() -> None:
    start = b"chr1\t5\t.\tA\tG\t.\t.\t"
    for info, known, stars in (
        (b"GAS_CLNSIG=Pathogenic;GAS_CLNSTARS=3;GAS_DISEASE=One_disease,not_provided|Two", "One disease, Two", 3),
        (b"GAS_CLNSIG=Benign;GAS_CLNSTARS=2;GAS_CLNCONF=Benign(2);GAS_DISEASE=not_specified", "", 2),
        (b"CLNSIG=Pathogenic;CLNDN=Leigh_syndrome", "Leigh syndrome", None),
    ):
        one = parse(0, start + info)
        assert (one.known, one.stars) == (known, stars)
