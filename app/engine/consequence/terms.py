"""The Sequence Ontology terms of consequences: a table in Ensembl's order of severity, and sets of them as bit masks.

Source: Ensembl's "Calculated variant consequences" (terms, impact, order). A term's bit is its place in the table, so that the
lowest bit of a mask is its most severe term.
"""

from functools import lru_cache

TABLE: tuple[tuple[str, str], ...] = (
    ("transcript_ablation", "HIGH"),
    ("splice_acceptor_variant", "HIGH"),
    ("splice_donor_variant", "HIGH"),
    ("stop_gained", "HIGH"),
    ("frameshift_variant", "HIGH"),
    ("stop_lost", "HIGH"),
    ("start_lost", "HIGH"),
    ("transcript_amplification", "HIGH"),
    ("feature_elongation", "HIGH"),
    ("feature_truncation", "HIGH"),
    ("inframe_insertion", "MODERATE"),
    ("inframe_deletion", "MODERATE"),
    ("missense_variant", "MODERATE"),
    ("protein_altering_variant", "MODERATE"),
    ("splice_donor_5th_base_variant", "LOW"),
    ("splice_region_variant", "LOW"),
    ("splice_donor_region_variant", "LOW"),
    ("splice_polypyrimidine_tract_variant", "LOW"),
    ("incomplete_terminal_codon_variant", "LOW"),
    ("start_retained_variant", "LOW"),
    ("stop_retained_variant", "LOW"),
    ("synonymous_variant", "LOW"),
    ("coding_sequence_variant", "MODIFIER"),
    ("mature_miRNA_variant", "MODIFIER"),
    ("5_prime_UTR_variant", "MODIFIER"),
    ("3_prime_UTR_variant", "MODIFIER"),
    ("non_coding_transcript_exon_variant", "MODIFIER"),
    ("intron_variant", "MODIFIER"),
    ("NMD_transcript_variant", "MODIFIER"),
    ("non_coding_transcript_variant", "MODIFIER"),
    ("coding_transcript_variant", "MODIFIER"),
    ("upstream_gene_variant", "MODIFIER"),
    ("downstream_gene_variant", "MODIFIER"),
    ("TFBS_ablation", "MODERATE"),
    ("TFBS_amplification", "MODIFIER"),
    ("TF_binding_site_variant", "MODIFIER"),
    ("regulatory_region_ablation", "MODIFIER"),
    ("regulatory_region_amplification", "MODIFIER"),
    ("regulatory_region_variant", "MODIFIER"),
    ("intergenic_variant", "MODIFIER"),
    ("sequence_variant", "MODIFIER"),
)

BIT: dict[str, int] = {name: 1 << rank for rank, (name, _) in enumerate(TABLE)}
"""The bit of each term, by name."""

TRANSCRIPT_ABLATION = BIT["transcript_ablation"]
SPLICE_ACCEPTOR = BIT["splice_acceptor_variant"]
SPLICE_DONOR = BIT["splice_donor_variant"]
STOP_GAINED = BIT["stop_gained"]
FRAMESHIFT = BIT["frameshift_variant"]
STOP_LOST = BIT["stop_lost"]
START_LOST = BIT["start_lost"]
TRANSCRIPT_AMPLIFICATION = BIT["transcript_amplification"]
FEATURE_ELONGATION = BIT["feature_elongation"]
FEATURE_TRUNCATION = BIT["feature_truncation"]
INFRAME_INSERTION = BIT["inframe_insertion"]
INFRAME_DELETION = BIT["inframe_deletion"]
MISSENSE = BIT["missense_variant"]
PROTEIN_ALTERING = BIT["protein_altering_variant"]
SPLICE_DONOR_5TH_BASE = BIT["splice_donor_5th_base_variant"]
SPLICE_REGION = BIT["splice_region_variant"]
SPLICE_DONOR_REGION = BIT["splice_donor_region_variant"]
SPLICE_POLYPYRIMIDINE = BIT["splice_polypyrimidine_tract_variant"]
INCOMPLETE_TERMINAL_CODON = BIT["incomplete_terminal_codon_variant"]
START_RETAINED = BIT["start_retained_variant"]
STOP_RETAINED = BIT["stop_retained_variant"]
SYNONYMOUS = BIT["synonymous_variant"]
CODING_SEQUENCE = BIT["coding_sequence_variant"]
MATURE_MIRNA = BIT["mature_miRNA_variant"]
FIVE_PRIME_UTR = BIT["5_prime_UTR_variant"]
THREE_PRIME_UTR = BIT["3_prime_UTR_variant"]
NON_CODING_EXON = BIT["non_coding_transcript_exon_variant"]
INTRON = BIT["intron_variant"]
NMD_TRANSCRIPT = BIT["NMD_transcript_variant"]
NON_CODING_TRANSCRIPT = BIT["non_coding_transcript_variant"]
CODING_TRANSCRIPT = BIT["coding_transcript_variant"]
UPSTREAM = BIT["upstream_gene_variant"]
DOWNSTREAM = BIT["downstream_gene_variant"]
INTERGENIC = BIT["intergenic_variant"]

IMPACTS = ("HIGH", "MODERATE", "LOW", "MODIFIER")
"""Impact classes, the highest first."""


def rank(mask: int) -> int:
    """Returns the place in the table of the most severe term of a mask; the length of the table for none."""
    return (mask & -mask).bit_length() - 1 if mask else len(TABLE)


@lru_cache(maxsize=4096)
def names(mask: int) -> tuple[str, ...]:
    """Returns the terms of a mask, the most severe first."""
    return tuple(name for place, (name, _) in enumerate(TABLE) if mask >> place & 1)


@lru_cache(maxsize=4096)
def text(mask: int) -> str:
    """Returns the terms of a mask as VEP writes them: joined by `&`, the most severe first."""
    return "&".join(names(mask))


@lru_cache(maxsize=4096)
def impact(mask: int) -> str:
    """Returns the highest impact of a mask's terms; MODIFIER for none."""
    return min((TABLE[BIT[name].bit_length() - 1][1] for name in names(mask)), key=IMPACTS.index, default="MODIFIER")
