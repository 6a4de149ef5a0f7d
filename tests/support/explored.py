"""Completed jobs with real results of the engine, for the pages that look into a result."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from app.domain.jobs import Job, Trigger
from app.domain.keys import COLUMNS, Output, output_key
from app.engine.bundles.manifest import EMBEDDED, find
from app.engine.pipeline.annotate import Result, annotate
from tests.support.portal import Portal
from tests.support.steps import CLAIM, ME

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
KNOWN = "chrM\t3243\t=1+1\tA\tG\t50\tPASS\tAF=0.001\nchrM\t11778\t.\tG\tA\t.\t.\tAF=0.5;NOTE=<script>alert(1)</script>\n"


def many(count: int) -> str:
    """A file of `count` single-base changes in order, some with a deletion over the next."""
    sequence = "".join((EMBEDDED / "rcrs" / "rcrs.fa").read_text().split("\n")[1:]).upper()
    chance = random.Random(1)
    rows = []
    for position in sorted(chance.randrange(1, 16_000) for _ in range(count)):
        ref = sequence[position - 1]
        if ref == "N":
            continue
        length = chance.choice((1, 1, 1, 40))
        alt = chance.choice([base for base in "ACGT" if base != ref]) if length == 1 else ref
        rows.append(f"chrM\t{position}\t.\t{sequence[position - 1 : position - 1 + length]}\t{alt}\t.\tPASS\t.\n")
    return HEADER + "".join(rows)


async def explored(portal: Portal, folder: Path, text: str, email: str = ME, **values: Any) -> Job:
    """A completed job with a real result of the engine in the bucket."""
    source, values = folder / "in.vcf", {"file_name": "päti/ent.vcf", **values}
    source.write_text(text)
    result = annotate(source, folder / "out", name="in.vcf", bundle=find("rcrs"))
    return await stored(portal, folder / "out", result, "rcrs", email, **values)


async def stored(portal: Portal, folder: Path, result: Result, bundle: str, email: str = ME, **values: Any) -> Job:
    """A completed job whose outputs are these of the engine, put where they belong."""
    return await completed(portal, await portal.job(email, *CLAIM, bundle=bundle, **values), folder, result)


async def completed(portal: Portal, job: Job, folder: Path, result: Result) -> Job:
    """The running job, completed with these outputs of the engine."""
    stored = {name: output_key(job.user_id, job.job_id, job.rev, name) for name in (Output.RESULT, Output.INDEX, Output.SUMMARY)}
    results = portal.backend.results
    for name, key in stored.items():
        body = (folder / name).read_bytes()
        body += (folder / COLUMNS).read_bytes() if name is Output.SUMMARY else b""
        await results.s3.put_object(Bucket=results.name, Key=key, Body=body)
    done = await portal.backend.jobs.advance(
        job.user_id,
        job.job_id,
        Trigger.COMPLETE,
        result=stored[Output.RESULT],
        index=stored[Output.INDEX],
        summary=stored[Output.SUMMARY],
        summary_size=(folder / Output.SUMMARY).stat().st_size,
        records=result.summary["records_out"],
        result_size=result.vcf.stat().st_size,
    )
    assert done
    return done


SAMPLES = (
    "##fileformat=VCFv4.2\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t<i>mother</i>\tchild"
)
