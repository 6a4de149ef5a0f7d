"""What people read, rendered from a result: the count log, the HTML page and a table; nothing of it is stored."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

from app.engine.consequence import terms
from app.engine.consequence.csq_fields import NAMES, split
from app.engine.reading.alleles import kind
from app.engine.report.charts import impact
from app.engine.report.flags import FLAGS
from app.engine.report.html import body_html, html

__all__ = ["body_html", "cells", "count_log", "csv_row", "html", "provenance", "tsv", "tsv_row"]

# The places that AnnTools counted, and the consequences that mean them.
LOCATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("In interGenic", ("intergenic_variant", "upstream_gene_variant", "downstream_gene_variant")),
    (
        "In CDS",
        tuple(
            term
            for term, _ in terms.TABLE
            if term.startswith(
                ("stop_", "start_", "frameshift", "inframe", "missense", "protein", "incomplete", "synonymous", "coding_sequence")
            )
        ),
    ),
    ("In '3 UTR", ("3_prime_UTR_variant",)),
    ("In '5 UTR", ("5_prime_UTR_variant",)),
    ("In Intronic", ("intron_variant", *(term for term, _ in terms.TABLE if term.startswith("splice_")))),
    ("In Non_coding_exonic", ("non_coding_transcript_exon_variant", "mature_miRNA_variant")),
    ("In Non_coding", ("non_coding_transcript_variant",)),
)


def count_log(summary: dict[str, Any], name: str) -> str:
    """The count log: AnnTools' lines first, then everything else that was counted, repaired or flagged."""
    total = summary["records_out"]
    known = summary["tags"].get("GAS_RSID", 0)
    consequences = summary["consequences"]
    bundle, source = summary["bundle"], summary["input"]
    lines = [
        f"## {_line(name)}",
        f"Total: {total}",
        f"In dbSNP: {known} ({100 * known / (total or 1):.2f}%)",
        "Variants located:",
        *(f"{place} {sum(consequences.get(term, 0) for term in terms)}" for place, terms in LOCATIONS),
        *(f"In {track}: {count} variants" for track, count in summary["tracks"].items()),
        "",
        "Records",
        f"  read {summary['records_in']}, added by splitting alleles {summary['splits']}, {_set_aside(summary)}written {total}",
        *(_section("Set aside: no records", _aside(summary)) if summary.get("set_aside") else ()),
        *_section("Consequences", consequences),
        *_section("Impact", {impact(word): count for word, count in summary["impacts"].items()}),
        *_section("Types", summary["types"]),
        *_section("Contigs", summary["contigs"]),
        *_section(f"Genes ({summary['gene_count']})", summary["genes"]),
        "",
        f"Transitions/transversions: {summary['transitions']}/{summary['transversions']} = {summary['ts_tv'] or 'undefined'}",
        "",
        "Flagged alleles",
        *(f"  {word}: {FLAGS[word]}, {count} times" for word, count in summary.get("flags", {}).items()),
        *(() if summary.get("flags") else ("  none",)),
        "",
        "Repairs and flags",
        *(_note(note) for note in summary["notes"]),
        *(() if summary["notes"] else ("  none",)),
        "",
        "Provenance",
        f"  reference {bundle['title']}, bundle {bundle['id']} {bundle['version']}",
        *(f"    {part['title']} {part['version']}" for part in summary.get("parts", ())),
        f"  software {', '.join(f'{tool} {version}' for tool, version in summary['versions'].items())}",
        f"  input SHA-256 {source['sha256']}, {source['bytes']} bytes, compression: {source['compression']}",
        f"  annotated {summary['created']}",
    ]
    return "\n".join(lines) + "\n"


def _set_aside(summary: dict[str, Any]) -> str:
    return f"set aside {summary['set_aside']}, " if summary.get("set_aside") else ""


def _aside(summary: dict[str, Any]) -> dict[str, int]:
    """The lines that were set aside, by their reasons; the first twenty of them."""
    return {f"{fault['column'] or 'line'}: {fault['reason']}": fault["line"] for fault in summary["rejected"]}


def _section(title: str, counts: dict[str, int]) -> list[str]:
    return ["", title, *(f"  {_line(name)}\t{count}" for name, count in counts.items())]


def _note(note: dict[str, Any]) -> str:
    first = f" (first on line {note['line']})" if note["line"] else ""
    examples = f": {'; '.join(map(_line, note['examples']))}" if note["examples"] else ""
    return f"  {note['kind']}: {note['message']}, {note['count']} times{first}{examples}"


def _line(text: str) -> str:
    """The text on one line, whatever is in it."""
    return "".join(character if character.isprintable() else "�" for character in text)


COLUMNS = (
    *("contig", "position", "id", "ref", "alt", "type", "quality", "filter", "consequence", "impact"),
    *("gene", "transcript", "biotype", "strand", "exon", "intron", "hgvs_coding", "hgvs_protein", "hgvs_genomic"),
    *("amino_acids", "codons", "distance", "canonical", "mane_select", "picked"),
    *("gene_id", "hgnc_id", "cdna_position", "cds_position", "protein_position", "mane_plus_clinical", "transcript_flags"),
    *("flags", "old_record"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def provenance(summary: dict[str, Any]) -> str:
    """Where a row of the table is from, in few characters: bundle and version, the input's SHA-256 cut short, release of GAS."""
    bundle = summary["bundle"]
    return f"{bundle['id']}/{bundle['version']} {summary['input']['sha256'][:12]} gas/{summary['versions']['gas']}"


def tsv(vcf: Iterable[str], tags: Iterable[str] = (), provenance: str = "") -> Iterator[str]:
    """The table of `cells` as text in pieces, with tabs between them. No cell can be taken for a formula by a spreadsheet."""
    return map(tsv_row, cells(vcf, tags, provenance))


def cells(vcf: Iterable[str], tags: Iterable[str] = (), provenance: str = "") -> Iterator[list[str]]:
    """A table with a row for each allele and transcript, titles first, from the lines of an annotated VCF.

    `tags` are further INFO tags to give columns to; `provenance` is repeated in the last column, for rows get copied elsewhere.
    """
    extra, origin = list(tags), [provenance] if provenance else []
    yield [*COLUMNS, *extra, *(["provenance"] if provenance else [])]
    for line in vcf:
        if line.startswith("#"):
            continue
        contig, position, identifier, ref, alt, quality, filters, info = line.rstrip("\n").split("\t", 8)[:8]
        values = dict(item.partition("=")[::2] for item in info.split(";"))
        site = [contig, position, identifier, ref, alt, kind(ref.encode(), alt.encode()), quality, filters]
        known = [values.get(tag, "") for tag in extra]
        for entry in split(values.get("CSQ", "")) or [_FLAT]:
            yield [*site, *_cells(entry, values), *known, *origin]


_FLAT = [""] * len(NAMES)
_STRANDS = {"1": "+", "-1": "-"}


def _fields(*names: str) -> Callable[[list[str]], tuple[str, ...]]:
    return itemgetter(*map(NAMES.index, names))


_ENTRY = _fields(
    *("Consequence", "IMPACT", "SYMBOL", "Gene", "Feature", "BIOTYPE", "STRAND", "EXON", "INTRON", "HGVSc", "HGVSp"),
    *("Amino_acids", "Codons", "DISTANCE", "CANONICAL", "MANE_SELECT"),
)
_BEHIND = _fields("HGNC_ID", "cDNA_position", "CDS_position", "Protein_position", "MANE_PLUS_CLINICAL", "FLAGS")


def _cells(entry: list[str], values: dict[str, str]) -> list[str]:
    """What the table has of one transcript."""
    consequence, impact_class, symbol, gene, feature, biotype, strand, exon, intron, coding, protein, *change = _ENTRY(entry)
    of = values.get
    return [
        *(consequence or of("GAS_CSQ", ""), impact_class or of("GAS_IMPACT", "")),
        *(symbol or gene, feature, biotype, _STRANDS.get(strand, ""), exon, intron),
        *(coding.rpartition(":")[2], protein.rpartition(":")[2], of("GAS_HGVSG", ""), *change),
        "YES" if feature and feature == of("GAS_TRANSCRIPT") else "",
        *(gene, *_BEHIND(entry), of("GAS_FLAG", ""), of("GAS_OLD_REC", "")),
    ]


def tsv_row(row: list[str]) -> str:
    """A row with tabs between its cells."""
    return _row(row, "excel-tab", "\n")


def csv_row(row: list[str]) -> str:
    """A row as RFC 4180 has it."""
    return _row(row, "excel", "\r\n")


_UNUSUAL = {
    "excel-tab": ("\t", re.compile(r'["\r\n]|(?:^|\t)[=+\-@][^\t]')),
    "excel": (",", re.compile(r'["\r\n]|(?:^|,)[=+\-@\t][^,]')),
}
"""By dialect, what is between cells, and what no row of cells that stand as they are has in it."""


def _row(row: list[str], dialect: str, end: str) -> str:
    separator, unusual = _UNUSUAL[dialect]
    text = separator.join(row)
    if text.count(separator) == len(row) - 1 and not unusual.search(text):
        return text + end
    out = io.StringIO()
    csv.writer(out, dialect=dialect, lineterminator=end).writerow(
        [f"'{cell}" if cell.startswith(_FORMULA) and len(cell) > 1 else cell for cell in row]
    )
    return out.getvalue()
