"""What a question means in one result: its own names of contigs, and the region of a gene."""

from __future__ import annotations

from dataclasses import fields, replace

from app.engine.bundles.manifest import Bundle
from app.engine.formats.tabix import StoredIndex
from app.explorer import expression, search
from app.explorer.gene_lookup import GeneInterval, Reference
from app.explorer.record import WHOLE, Filter, Region
from app.services.submissions import Refused

SHOWN = 80
"""Letters of a name that are shown, also of those in the file: its owner may have written any."""


class Unknown(Refused):
    """There is no such contig or gene; the text names some that are there."""


def understood(wanted: Filter, reference: Reference | None, index: StoredIndex) -> tuple[Filter, str]:
    """The filter with what its search box asks for, and how that was understood. Raises NotUnderstood, BadFilter."""
    if not wanted.search:
        return wanted, ""
    bundle, genes = (reference.bundle, reference.genes) if reference else (None, None)
    meant = search.understand(wanted.search, genes, lambda name: _name(name, bundle, index))
    asked = {
        one.name: getattr(meant.filter, one.name) for one in fields(Filter) if getattr(meant.filter, one.name) != one.default
    }
    if meant.filter.where and wanted.where:
        asked["where"] = expression.parse(f"({wanted.where.text}) and ({meant.filter.where.text})")
    return replace(wanted, search="", **asked), meant.words


def panelled(wanted: Filter, reference: Reference | None) -> tuple[Filter, str]:
    """The filter with the symbols of its panel's genes, and what is said of them: those that the reference does not know."""
    if not wanted.panel:
        return wanted, ""
    known = search.symbols(wanted.panel, reference.genes if reference else None)
    missing = [name for name in wanted.panel if not known.get(name)] if reference and reference.genes else []
    some = f", of which the reference does not know {', '.join(missing[:10])}{'…' if missing[10:] else ''}" if missing else ""
    said = f"the panel of {len(wanted.panel):,} gene{'' if len(wanted.panel) == 1 else 's'}{some}"
    return replace(wanted, panel=tuple(dict.fromkeys(known.get(name) or name for name in wanted.panel))), said


def resolve_filter(wanted: Filter, reference: Reference | None, index: StoredIndex) -> Filter:
    """The question with the names that this result uses, and with the gene's region where its place is known. Raises Unknown."""
    bundle = reference.bundle if reference else None
    region = wanted.region
    if region and region.contig and not (name := _name(region.contig, bundle, index)):
        there = ", ".join(contig[:SHOWN] for contig in list(index.contigs)[:30])
        raise Unknown(f"There is no contig {region.contig[:SHOWN]} in this result. It has {there}.")
    if region and region.contig:
        region = replace(region, contig=name)
    if wanted.gene and reference and reference.genes:
        gene = _gene(wanted.gene, reference)
        wanted = replace(wanted, gene=gene.name)
        # a contig that the result does not have has no part of it
        name = _name(gene.contig, bundle, index) or gene.contig
        if name and (region is None or region.contig in (name, "")):
            begin, end = max(gene.begin, region.begin if region else 1), min(gene.end, region.end if region else WHOLE)
            # an empty region has nothing in it; its test finds nothing either
            region = Region(name, begin, max(begin, end))
    return replace(wanted, region=region)


def _gene(name: str, reference: Reference) -> GeneInterval:
    assert reference.genes
    if found := reference.genes.find(name):
        return found
    near = reference.genes.near(name)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Please use its symbol, or its Ensembl id."
    raise Unknown(f"The reference {reference.bundle.assembly} knows no gene {name[:SHOWN]}. {hint}")


def _name(contig: str, bundle: Bundle | None, index: StoredIndex) -> str:
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
