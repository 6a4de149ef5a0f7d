"""Every INFO tag that the engine itself adds; the tracks of a bundle declare theirs in its manifest."""

from app.engine.bundles.manifest import Bundle, Column

RAW = "GAS_BCSQ"  # what csq writes inside the stream; the finisher turns it into the tags below

TAGS: tuple[Column, ...] = (
    Column("GAS_CSQ", "1", "String", "Most severe consequence of the allele, a Sequence Ontology term"),
    Column("GAS_IMPACT", "1", "String", "Impact class of GAS_CSQ: HIGH, MODERATE, LOW or MODIFIER"),
    Column("GAS_GENE", "1", "String", "Gene of GAS_CSQ"),
    Column("GAS_TRANSCRIPT", "1", "String", "Transcript of GAS_CSQ"),
    Column("GAS_HGVSP", "1", "String", "Protein change of GAS_CSQ in the manner of HGVS"),
    Column(
        "GAS_FLAG",
        "1",
        "String",
        "Why the allele carries no consequence: ambiguous, breakend, ref_mismatch, symbolic or unknown_contig",
    ),
    Column(
        "BCSQ",
        ".",
        "String",
        "Consequences in every transcript, named as bcftools csq does. "
        "Format: Consequence|gene|transcript|biotype|strand|amino_acid_change|dna_change",
    ),
)


def declarations(columns: tuple[Column, ...]) -> tuple[bytes, ...]:
    """The header lines that declare these tags."""
    return tuple(f'##INFO=<ID={c.tag},Number={c.number},Type={c.type},Description="{c.description}">'.encode() for c in columns)


def added(bundle: Bundle) -> tuple[Column, ...]:
    """Every tag that an annotation with this bundle may add."""
    return (*TAGS, *(column for track in bundle.tracks for column in track.columns))
