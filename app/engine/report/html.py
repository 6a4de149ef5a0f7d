"""The HTML page about a result: one file, bars as inline SVG, no script, nothing loaded from anywhere."""

from collections.abc import Callable, Mapping
from html import escape
from types import MappingProxyType
from typing import Any

from app.engine.report import heteroplasmy_words
from app.engine.report.charts import Chart, drawn, spaced
from app.engine.report.flags import FLAGS
from app.engine.report.what_matters import CLASSES, NOT_ADVICE

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --bar: #0b6e75; --quiet: #5c6670;
  --line: #d5dae0; --bad: #a3211f; --waiting: #7a5200 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --paper: #15181c; --bar: #5cc8cf; --quiet: #a0a9b3; --line: #343b43;
    --bad: #ffb1ad; --waiting: #f2cf8d } }
.state-bad { color: var(--bad); font-weight: 600 } .state-waiting { color: var(--waiting); font-weight: 600 }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 66rem;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; overflow-wrap: anywhere } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: break-word }
.origin td { overflow-wrap: anywhere }
td.n, th.n, td.number { text-align: right; font-variant-numeric: tabular-nums }
.quiet { color: var(--quiet); overflow-wrap: anywhere }
@media (min-width: 50rem) { .charts { columns: 2; column-gap: 2.5rem } } .charts > div { break-inside: avoid }
.bars { table-layout: fixed } .bars caption { text-align: left; font-size: 1.15rem; font-weight: 600; margin: 2rem 0 .5rem }
.bars :is(th, td) { border: 0; padding: .15rem .6rem .15rem 0 } .bars th { width: 45%; font-weight: 400 }
.bars td.number { width: 20% }
.bars svg { display: block; width: 100%; height: .8rem } .bars rect { fill: var(--bar) }
.list :is(th, td) { vertical-align: top } .scroll { overflow-x: auto }
.facts { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 0 }
.facts dt { color: var(--quiet) } .facts dd { margin: 0; font-size: 1.5rem }
"""


def html(summary: Mapping[str, Any], name: str = "") -> str:
    """The page, complete; `name` is what its owner calls the file."""
    title = escape(name or summary["name"])
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style>'
    )
    body = f"<h1>{title}</h1>\n{body_html(summary)}"
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body><main>\n{body}\n</main></body></html>\n'


def body_html(summary: Mapping[str, Any]) -> str:
    """What the page says below its title. The portal shows it, too, in its own design."""
    bundle, source = summary["bundle"], summary["input"]
    ratio = summary["ts_tv"]
    facts = {
        "Records read": f"{summary['records_in']:,}",
        "Alleles written": f"{summary['records_out']:,}",
        "Genes": f"{summary['gene_count']:,}",
        "Ts/Tv": f"{ratio:.2f}" if ratio else "–",
        "Samples": f"{source['samples']:,}",
    }
    tracks = {summary["track_titles"].get(track, track): count for track, count in summary["tracks"].items()}
    parts = ", ".join(f"{part['title']} {part['version']}" for part in summary.get("parts") or ())
    return "\n".join(
        [
            f'<p class="quiet">Annotated with {escape(bundle["title"])} on {escape(summary["created"][:10])}.</p>',
            '<dl class="facts">'
            + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
            + "</dl>",
            *_what_matters(summary.get("what_matters", [])),
            *heteroplasmy_words.html(summary.get("heteroplasmy", {})),
            '<div class="swipe" tabindex="0" role="region" aria-label="Charts"><div class="charts">',
            *(_charted(chart, counts) for chart, counts in drawn(summary)),
            *((_charted(Chart("Known variants and regions", "tracks", 100, words=str), tracks),) if any(tracks.values()) else ()),
            "</div></div>",
            *(("<h2>Flagged alleles</h2>", _flags(summary["flags"])) if summary.get("flags") else ()),
            "<h2>Repairs and flags</h2>",
            _notes(summary["notes"]),
            "<h2>Where this comes from</h2>",
            _facts(
                {
                    "Reference bundle": f"{bundle['id']} {bundle['version']} ({bundle['assembly']})",
                    **({"Its parts": parts} if parts else {}),
                    "Software": ", ".join(f"{tool} {version}" for tool, version in summary["versions"].items()),
                    "Input SHA-256": source["sha256"],
                    "Input": f"VCF {source['vcf_version']}, {source['bytes']:,} bytes, compression: {source['compression']}",
                }
            ),
        ]
    )


def _charted(chart: Chart, counts: Mapping[str, int]) -> str:
    hint = f'<p class="quiet">{escape(chart.usual)}</p>' if chart.usual else ""
    return f'<div class="panel">{bars(chart.title, counts, words=chart.words)}{hint}</div>'


def bars(
    title: str,
    counts: Mapping[str, int],
    links: Mapping[str, str] = MappingProxyType({}),
    words: Callable[[str], str] = spaced,
) -> str:
    """A bar chart that is a table: labels and numbers are read as such, the bars beside them are only seen.

    `links` leads from labels to what they count; `words` says how a label is read.

    The portal draws with it, too; style sheets say how `table.bars` looks.
    """
    top = max(counts.values(), default=0) or 1
    rows = "".join(
        f'<tr><th scope="row">{_linked(escape(words(label)), links.get(label, ""))}</th>'
        '<td><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * count / top:.2f}" height="10"/></svg></td><td class="number">{count:,}</td></tr>'
        for label, count in counts.items()
    )
    return f'<table class="bars"><caption>{escape(title)}</caption><tbody>{rows}</tbody></table>'


def _what_matters(found: list[dict[str, Any]]) -> list[str]:
    if not found:
        return []
    shown = {title: words for title, words in COLUMNS.items() if any(words(one) for one in found)}
    rows = "".join(
        f'<tr><td><span class="state state-{CLASSES[one["class"]].tone}">{escape(CLASSES[one["class"]].label)}</span></td>'
        + "".join(f"<td>{escape(words(one))}</td>" for words in shown.values())
        + "</tr>"
        for one in found
    )
    head = "".join(f'<th scope="col">{title}</th>' for title in ("Class", *shown))
    return [
        "<h2>What matters here</h2>",
        f'<p class="quiet">{NOT_ADVICE}</p>',
        '<div class="scroll" tabindex="0" role="region" aria-label="What matters here">'
        f'<table class="list matters"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>',
    ]


def names(one: Mapping[str, Any]) -> list[str]:
    """The names of a variant of the list, one at least: of the protein's change, in the transcript, on the contig.

    Where no protein changes, the mitochondrion's numbers come first: m.3243A>G is what the field calls n.14A>G of MT-TL1.
    """
    genomic = one["hgvs_genomic"].rpartition(":")[2] or f"{one['contig']}:{one['position']} {one['ref']}>{one['alt']}"
    found = [one["hgvs_protein"].replace("%3D", "="), one["hgvs_coding"], genomic]
    if not one["hgvs_protein"] and genomic.startswith("m."):
        found.reverse()
    return [name for name in found if name]


def frequency(one: Mapping[str, Any]) -> str:
    """How often a variant of the list is seen in people, in words."""
    if one["frequency"] is None:
        return "unknown"
    return f"{one['frequency']:.3g}" + (f" ({one['frequency_group']})" if one["frequency_group"] else "")


def reviewed(one: Mapping[str, Any]) -> str:
    """What ClinVar says of a variant of the list, with its stars of four."""
    if not one["significance"] or one["stars"] is None:
        return one["significance"]
    return f"{one['significance']} {star_text(one['stars'])}"


def star_text(stars: int) -> str:
    """ClinVar's stars of review, of four."""
    return "★" * stars + "☆" * (4 - stars)


COLUMNS: Mapping[str, Callable[[Mapping[str, Any]], str]] = MappingProxyType(
    {
        "Gene": lambda one: one["gene"] or ", ".join(one.get("regions", [])[:1]),
        "Variant": lambda one: ", ".join(names(one)),
        "In the sample": lambda one: one["genotype"],
        "Frequency": lambda one: "" if one["frequency"] is None else frequency(one),
        "What is known": lambda one: (
            "; ".join(filter(None, [reviewed(one), *one["conditions"]])) or one["consequence"].replace("_", " ")
        ),
    }
)
"""The columns of the list of what matters besides the class. One that says nothing of any variant is left out."""


def _linked(text: str, address: str) -> str:
    return f'<a href="{escape(address, quote=True)}">{text}</a>' if address else text


def _flags(flags: Mapping[str, int]) -> str:
    rows = "".join(
        f'<tr><td>{word}</td><td>{escape(FLAGS[word])}</td><td class="n">{count:,}</td></tr>' for word, count in flags.items()
    )
    return f'<table><thead><tr><th>Flag</th><th>What</th><th class="n">Alleles</th></tr></thead><tbody>{rows}</tbody></table>'


def _notes(notes: list[dict[str, Any]]) -> str:
    if not notes:
        return "<p>None: the file was read as it is.</p>"
    rows = "".join(
        f"<tr><td>{escape(note['kind'])}</td><td>{escape(note['message'])}"
        + (f'<br/><span class="quiet">{escape("; ".join(note["examples"]))}</span>' if note["examples"] else "")
        + f'</td><td class="n">{note["count"]:,}</td><td class="n">{note["line"] or ""}</td></tr>'
        for note in notes
    )
    head = '<tr><th>Kind</th><th>What</th><th class="n">Times</th><th class="n">First line</th></tr>'
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in facts.items())
    return f'<table class="origin"><tbody>{rows}</tbody></table>'
