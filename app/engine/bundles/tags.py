"""Every INFO tag that the engine itself adds; the tracks of a bundle declare theirs in its manifest."""

from app.engine.bundles.manifest import Bundle, Column
from app.engine.consequence.csq_fields import FIELDS

TAGS: tuple[Column, ...] = (
    Column("GAS_CSQ", "1", "String", "Most severe consequence of the allele in GAS_TRANSCRIPT, a Sequence Ontology term"),
    Column("GAS_IMPACT", "1", "String", "Impact class of GAS_CSQ: HIGH, MODERATE, LOW or MODIFIER"),
    Column("GAS_GENE", "1", "String", "Gene of GAS_TRANSCRIPT"),
    Column("GAS_OTHER_GENES", ".", "String", "Genes besides GAS_GENE in a transcript of which the allele lies"),
    Column("GAS_TRANSCRIPT", "1", "String", "Transcript that stands for all that CSQ has, picked in the order of VEP's --pick"),
    Column("GAS_HGVSC", "1", "String", "HGVS name of the allele in GAS_TRANSCRIPT"),
    Column("GAS_HGVSP", "1", "String", "HGVS name of the protein change in GAS_TRANSCRIPT"),
    Column("GAS_HGVSG", "1", "String", "HGVS name of the allele on its contig, with the accession where the reference has one"),
    Column("GAS_GENES", "1", "Integer", "Genes that a very large variant overlaps; CSQ has the worst of them"),
    Column("GAS_GENES_LEFT_OUT", "1", "Integer", "Those of GAS_GENES that have no entry in CSQ"),
    Column(
        "GAS_FLAG",
        ".",
        "String",
        "Why the allele carries no consequence: ambiguous, origin, ref_mismatch, symbolic (of unknown kind), telomere or "
        "unknown_contig; or what to know of it: spelling (another spelling of the same allele has other terms), codon_in_cis "
        "(another allele changes the same codon on the same chromosome), codon_possibly_in_cis (perhaps on the same chromosome)",
    ),
    Column(
        "GAS_OLD_REC",
        ".",
        "String",
        "Record of the file that was split or moved, as of bcftools norm --old-rec-tag: CHROM|POS|REF|ALT|number of the allele "
        "where there are several; REF and ALT are . where they are long",
    ),
    Column(
        "CSQ",
        ".",
        "String",
        f"Consequence annotations from GAS, for every transcript, in the format of Ensembl VEP. Format: {FIELDS}",
    ),
)


def declarations(columns: tuple[Column, ...]) -> tuple[bytes, ...]:
    """The header lines that declare these tags."""
    return tuple(f'##INFO=<ID={c.tag},Number={c.number},Type={c.type},Description="{c.description}">'.encode() for c in columns)


def added(bundle: Bundle) -> tuple[Column, ...]:
    """Every tag that an annotation with this bundle may add."""
    return (*TAGS, *(column for track in bundle.tracks for column in track.columns))
