"""What requests to AWS cost, for docs/measurements/cost.md: the calls of `calls.json` times the prices of `prices.toml`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from app.settings import Settings
from app.web.views.job_list import LONGEST_LOOK_SECONDS

HERE = Path(__file__).parent
JOB = ("submit", "annotate", "archive")
BACK = ("upgrade", "restore", "thaw")
DAY_SECONDS = 86_400
IDLE_LISTS = 5000
FIRST_GAS_USD, FIRST_GAS_POLLS = 51, 28_800
"""Dollars per million free jobs, and polls a day of one idle daemon, of the first GAS, which did less."""

WORDS = {
    "submit": "Submit: create the job, upload, submit",
    "annotate": "Annotate",
    "archive": "Archive, after the retention",
    "notify": "Mail: two (ready, archived)",
    "look at the job": "Look at a job",
    "list 20 jobs": "List 20 jobs",
    "download": "Ask for the link to a result",
    "upgrade": "Upgrade: change the plan",
    "restore": "Restore: start one Expedited retrieval",
    "thaw": "Thaw: bring one result back",
}
Billed = dict[str, float]
GB = 1e9
SIZES = {"10 kB": 1e4, "20 kB": 2e4, "50 kB": 5e4, "100 kB": 1e5, "1 MB": 1e6, "10 MB": 1e7}
"""Results that the page has a row for, in bytes."""
MONTHS_A_YEAR = 12


def prices() -> dict[str, Any]:
    """The price table: date, and by name the dollars a million."""
    return tomllib.loads((HERE / "prices.toml").read_text())


def measured() -> dict[str, dict[str, dict[str, Any]]]:
    """By archive backend and stage: calls by operation, and what they are billed as."""
    return json.loads((HERE / "calls.json").read_text())


def dollars(billed: Billed) -> float:
    """Dollars for a million of these."""
    table = prices()["prices"]
    return sum(units * table[name]["usd"] for name, units in billed.items())


def job_dollars(backend: str) -> float:
    """Dollars for a million free jobs on this archive backend, mail left out."""
    return sum(dollars(measured()[backend][stage]["billed"]) for stage in JOB)


def archive_months(size_bytes: float) -> float:
    """Months in the archive after which a result has saved what its copy into it costs; infinite if it never does."""
    storage = prices()["storage"]
    overhead = (
        storage["archive_overhead_bytes"] * storage["archive_usd"] + storage["standard_overhead_bytes"] * storage["standard_usd"]
    )
    saved = (size_bytes * (storage["standard_usd"] - storage["archive_usd"]) - overhead) / GB
    return dollars({"s3_archive": 1}) / 1e6 / saved if saved > 0 else float("inf")


def idle_polls() -> int:
    """Polls a day of one daemon that has nothing to do, with default settings."""
    return DAY_SECONDS // Settings.model_fields["poll_seconds"].default


def doctor_calls(backend: str) -> int:
    """Calls a day of a doctor that finds nothing."""
    looks = DAY_SECONDS // Settings.model_fields["doctor_seconds"].default
    return looks * sum(measured()[backend]["doctor"]["calls"].values())


def page(notice: str) -> str:
    found = measured()
    parts = [
        "# What requests cost\n\n",
        notice,
        "Requests to AWS, counted by running one small job through every stage and recording each call (`make cost` counts "
        "anew; a test fails when a stage asks for more). Nothing is batched in these numbers: they are the price of a job that "
        "is alone. A busy queue hands out up to ten messages a receive, and messages that end together share a delete: at best, "
        f"a message of the archive daemon then costs {1.8 * prices()['prices']['sqs']['usd']:.2f} dollars a million less. "
        "Instances, storage and traffic are not in here: see [scale.md](scale.md).\n",
        "\n## A million jobs of free users\n\n",
        _stages(found, JOB, total="A job without mail"),
        f"\nThe first GAS spent about ${FIRST_GAS_USD} here, without deadlines, leases, an index of what is overdue, sessions or "
        "sweeps. Mail is a choice, and dearer than all the rest:\n\n",
        _stages(found, ("notify",)),
        f"\nOf the above, the two objects beside a result, its index and its summary, are ${dollars({'s3_put': 2}):.2f}; the "
        "columns lie behind the summary, and ask for nothing.\n",
        "\n## Archiving a small result\n\n",
        _small_results(),
        "\n## A million times what people do besides\n\n",
        _stages(found, ("look at the job", "list 20 jobs", "download")),
        "\nThe list in the portal also counts the newest thousand jobs: $0.3 more a million looks for each ten jobs of the "
        "account. A live page costs no more with more viewers: one `BatchGetItem` a second and process, for up to a hundred "
        "jobs. A list looks at those of its jobs that may change, every five seconds, and for new ones after 15 seconds, then "
        f"ever more rarely, at last every five minutes: {IDLE_LISTS:,} lists where nothing happens cost "
        f"${IDLE_LISTS * DAY_SECONDS / LONGEST_LOOK_SECONDS * dollars({'dynamodb_read': 1}) / 1e6:.2f} a day.\n",
        "\n## A million results brought back\n\n",
        _stages(found, BACK),
        "\nExpedited retrievals are nearly all of it, so a plan has an allowance of them; at Standard speed a million cost "
        f"${prices()['prices']['restore_standard']['usd']:.0f} instead.\n",
        "\n## A day of nothing to do\n\n",
        _idle(found),
        f"\nThe first GAS's daemons polled {FIRST_GAS_POLLS:,} times a day each.\n",
        "\n## The calls\n",
        *(_calls(backend, stages) for backend, stages in found.items()),
        "\n## Prices\n\n",
        _price_table(),
    ]
    return "".join(parts)


def _stages(found: dict[str, Any], names: tuple[str, ...], total: str = "") -> str:
    lines = ["| | " + " | ".join(f"requests, `{backend}` | dollars, `{backend}`" for backend in found) + " |\n"]
    lines.append("|---|" + "---:|" * 2 * len(found) + "\n")
    rows = [(WORDS[name], (name,)) for name in names] + ([(f"**{total}**", names)] if total else [])
    for words, summed in rows:
        cells = []
        for stages in found.values():
            calls = sum(sum(stages[name]["calls"].values()) for name in summed)
            cells.append(f"{calls:,} M | {sum(dollars(stages[name]['billed']) for name in summed):,.2f}")
        lines.append(f"| {words} | {' | '.join(cells)} |\n")
    return "".join(lines)


def _small_results() -> str:
    lines = [
        f"The copy into the archive is ${dollars({'s3_archive': 1}):.0f} a million, and each archived object is billed for 40 kB "
        "more than it has. So long must a result stay archived before that was cheaper than leaving it where it is. Uploads of "
        "free users are of 150 kB at most, so their results are in the first rows. Every result is archived nevertheless, unless "
        "`GAS_ARCHIVE_LEAST_BYTES` says which are too small: those stay where they are, locked, and an upgrade has them back at "
        "once. "
        f"A million free jobs whose results all stay cost ${job_dollars('s3') - dollars({'s3_archive': 1}):.2f}.\n\n"
        "| a result of | pays back after |\n|---|---:|\n"
    ]
    lines += [f"| {words} | {_duration(archive_months(size))} |\n" for words, size in SIZES.items()]
    return "".join(lines)


def _duration(months: float) -> str:
    if months == float("inf"):
        return "never"
    return f"{months / MONTHS_A_YEAR:.0f} years" if months > 2 * MONTHS_A_YEAR else f"{months:.1f} months"


def _idle(found: dict[str, Any]) -> str:
    stages = found["s3"]
    polls = idle_polls()
    looks = DAY_SECONDS // Settings.model_fields["doctor_seconds"].default
    rows = [
        ("A daemon: long polls", polls, dollars({"sqs": polls}) / 1e6),
        ("The doctor: queries", doctor_calls("s3"), looks * dollars(stages["doctor"]["billed"]) / 1e6),
    ]
    lines = ["| | requests | dollars |\n|---|---:|---:|\n"]
    lines += [f"| {words} | {calls:,} | {usd:.4f} |\n" for words, calls, usd in rows]
    lines.append("| The portal: no viewers, no calls | 0 | 0 |\n")
    return "".join(lines)


def _calls(backend: str, stages: dict[str, Any]) -> str:
    lines = [f"\nBackend `{backend}`:\n\n| stage | calls | billed |\n|---|---|---|\n"]
    for name, stage in stages.items():
        said = (", ".join(f"{count:g} {what}" for what, count in stage[kind].items()) for kind in ("calls", "billed"))
        lines.append(f"| {name} | {' | '.join(said)} |\n")
    return "".join(lines)


def _price_table() -> str:
    table = prices()
    storage = table["storage"]
    lines = [f"As of {table['date']}, us-east-1, on demand, no free allowance.\n\n| name | dollars a million | what | source |\n"]
    lines.append("|---|---:|---|---|\n")
    lines += [f"| `{name}` | {row['usd']:,g} | {row['what']} | <{row['source']}> |\n" for name, row in table["prices"].items()]
    gb = f"{storage['standard_usd']:g} and {storage['archive_usd']:g}"
    overheads = f"{storage['standard_overhead_bytes']:,} and {storage['archive_overhead_bytes']:,} bytes"
    lines.append(f"\n{storage['what']}: {gb}; {overheads} (<{storage['source']}>).\n")
    return "".join(lines)
