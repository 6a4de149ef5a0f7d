"""What a question means in one result: its own names of contigs, and the region of a gene."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from app.annotation.errors import EngineError
from app.annotation.reference import Bundle, find
from app.services.submissions import Refused
from app.services.tabix import Index
from app.services.variants import WHOLE, Filter, Region


def narrowed(wanted: Filter, bundle_id: str, index: Index) -> Filter:
    """The question with the names that this result uses, and with the gene's region where the bundle knows it. Raises Refused."""
    bundle = _bundle(bundle_id)
    region = wanted.region
    if region and not (name := _name(region.contig, bundle, index)):
        raise Refused(f"There is no contig {region.contig[:50]} in this result. It has {', '.join(list(index.contigs)[:30])}.")
    if region:
        region = replace(region, contig=name)
    if wanted.gene and bundle and (place := gene_places(bundle_id).get(wanted.gene.upper())):
        gene, named, begin, end = place
        wanted = replace(wanted, gene=gene)
        if (name := _name(named, bundle, index)) and (region is None or region.contig == name):
            begin, end = max(begin, region.begin if region else 1), min(end, region.end if region else WHOLE)
            # an empty region has nothing in it; its test finds nothing either
            region = Region(name, begin, max(begin, end))
    return replace(wanted, region=region)


@cache
def gene_places(bundle_id: str) -> dict[str, tuple[str, str, int, int]]:
    """By upper-case name: each gene of an embedded bundle, its contig, first and last position."""
    bundle, places = _bundle(bundle_id), dict[str, tuple[str, str, int, int]]()
    for genes in bundle.genes if bundle else ():
        for line in bundle.path(genes.file).read_text().splitlines() if bundle else ():
            fields = line.split("\t")
            if len(fields) == 9 and "ID=gene:" in fields[8]:
                attributes = dict(item.partition("=")[::2] for item in fields[8].split(";"))
                name = attributes.get("Name", attributes["ID"].removeprefix("gene:"))
                places[name.upper()] = name, fields[0], int(fields[3]), int(fields[4])
    return places


@cache
def _bundle(bundle_id: str) -> Bundle | None:
    try:
        return find(bundle_id)
    except EngineError:
        return None


def _name(contig: str, bundle: Bundle | None, index: Index) -> str:
    """What this result calls a contig; empty if it has none of it."""
    if contig in index.contigs:
        return contig
    if not bundle:
        return next((name for name in index.contigs if _plain(name) == _plain(contig)), "")
    meant = bundle.names.get(contig)
    return next((name for name in index.contigs if meant and bundle.names.get(name) == meant), "")


def _plain(contig: str) -> str:
    """What Ensembl's and UCSC's names of a contig have in common."""
    name = contig.lower().removeprefix("chr")
    return "mt" if name == "m" else name
