"""Reads the transcripts of a small GFF3 in Ensembl's dialect, without checks, for tests and the comparison with VEP."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from app.engine.consequence.allele import reverse_complement
from app.engine.consequence.transcript import Transcript


def transcripts(gff3: Path, contigs: Mapping[str, bytes], codes: Mapping[str, int] | None = None) -> list[Transcript]:
    """Returns the transcripts of a file. `contigs`: their bases by name; `codes`: numbers of genetic codes other than 1."""
    records: dict[str, tuple[str, str, str, dict[str, str]]] = {}
    parts: dict[str, dict[str, list[tuple[int, int, str]]]] = defaultdict(lambda: {"exon": [], "CDS": []})
    spans: dict[str, tuple[int, int, int]] = {}
    proteins: dict[str, str] = {}
    for line in gff3.read_text().splitlines():
        if line.startswith("#") or not line:
            continue
        contig, source, kind, start, end, _, strand, phase, column = line.split("\t")
        attributes = {key: unquote(value) for key, _, value in (item.partition("=") for item in column.split(";"))}
        if kind in ("exon", "CDS"):
            parent = attributes["Parent"]
            parts[parent][kind].append((int(start), int(end), phase))
            proteins.setdefault(parent, attributes.get("protein_id", ""))
            proteins[parent] = proteins[parent] or attributes.get("protein_id", "")
        elif "ID" in attributes:
            records[attributes["ID"]] = contig, source, kind, attributes
            spans[attributes["ID"]] = int(start), int(end), 1 if strand == "+" else -1
    found = []
    for identifier, (contig, source, _, attributes) in records.items():
        if not parts[identifier]["exon"]:
            continue
        start, end, strand = spans[identifier]
        exons = sorted(((first, last) for first, last, _ in parts[identifier]["exon"]), reverse=strand < 0)
        pieces = [contigs[contig][first - 1 : last] for first, last in exons]
        bases = b"".join(pieces if strand > 0 else map(reverse_complement, pieces))
        coding_start, coding_end, phase = _coding(exons, strand, parts[identifier]["CDS"])
        gene = records[attributes["Parent"]][3] if attributes.get("Parent") in records else {}
        tags = attributes.get("tag", "").split(",")
        level = attributes.get("transcript_support_level", "").split(" ")[0]
        version = attributes.get("version", "")
        found.append(
            Transcript(
                index=len(found),
                contig=contig,
                start=start,
                end=end,
                strand=strand,
                identifier=identifier.removeprefix("transcript:") + (f".{version}" if version else ""),
                gene=attributes.get("Parent", "").removeprefix("gene:"),
                symbol=gene.get("Name", ""),
                symbol_source="",
                hgnc="",
                biotype=attributes.get("biotype", ""),
                protein=proteins.get(identifier, ""),
                source=source,
                code=(codes or {}).get(contig, 1),
                exons=tuple(exons),
                coding_start=coding_start,
                coding_end=coding_end,
                phase=phase,
                bases=bases,
                selenocysteines=(),
                incomplete_start="cds_start_NF" in tags,
                incomplete_end="cds_end_NF" in tags,
                canonical="Ensembl_canonical" in tags,
                mane_select="1" if "MANE_Select" in tags else "",
                mane_plus_clinical="1" if "MANE_Plus_Clinical" in tags else "",
                appris="",
                level=int(level) if level.isdigit() else 0,
                ccds=attributes.get("ccdsid", ""),
                basic="basic" in tags,
                micro_rna=(),
            )
        )
    return found


def _coding(exons: list[tuple[int, int]], strand: int, parts: list[tuple[int, int, str]]) -> tuple[int, int, int]:
    if not parts:
        return 0, 0, 0
    low, high = min(start for start, _, _ in parts), max(end for _, end, _ in parts)
    first, last = (low, high) if strand > 0 else (high, low)
    phase = next(phase for start, end, phase in parts if first in (start, end))
    position, places = 1, {}
    for start, end in exons:
        for edge in (first, last):
            if start <= edge <= end:
                places[edge] = position + (edge - start if strand > 0 else end - edge)
        position += end - start + 1
    return places[first], places[last], -int(phase) % 3
