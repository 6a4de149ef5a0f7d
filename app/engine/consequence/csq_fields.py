"""The fields of INFO/CSQ, and its entries read by them: all that readers of a result have to know of consequences."""

from urllib.parse import unquote

FIELDS = (
    "Allele|Consequence|IMPACT|SYMBOL|Gene|Feature_type|Feature|BIOTYPE|EXON|INTRON|HGVSc|HGVSp|cDNA_position|CDS_position|"
    "Protein_position|Amino_acids|Codons|Existing_variation|ALLELE_NUM|DISTANCE|STRAND|FLAGS|VARIANT_CLASS|SYMBOL_SOURCE|HGNC_ID|"
    "CANONICAL|MANE_SELECT|MANE_PLUS_CLINICAL|SOURCE|HGVS_OFFSET|HGVSg"
)
"""The fields of an entry, in VEP's order, as the Format in the header's Description names them."""

NAMES = tuple(FIELDS.split("|"))


def parsed(text: str) -> list[dict[str, str]]:
    """Returns the entries of a value of CSQ as values by name, decoded; what an entry lacks is empty."""
    entries = [entry.split("|") for entry in text.split(",") if entry]
    return [dict(zip(NAMES, map(unquote, [*entry, *[""] * len(NAMES)]), strict=False)) for entry in entries]
