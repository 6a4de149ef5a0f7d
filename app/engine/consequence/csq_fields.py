"""The fields of INFO/CSQ, and its entries read by them: all that readers of a result have to know of consequences."""

from urllib.parse import unquote

FIELDS = (
    "Allele|Consequence|IMPACT|SYMBOL|Gene|Feature_type|Feature|BIOTYPE|EXON|INTRON|HGVSc|HGVSp|cDNA_position|CDS_position|"
    "Protein_position|Amino_acids|Codons|Existing_variation|ALLELE_NUM|DISTANCE|STRAND|FLAGS|VARIANT_CLASS|SYMBOL_SOURCE|HGNC_ID|"
    "CANONICAL|MANE_SELECT|MANE_PLUS_CLINICAL|SOURCE|HGVS_OFFSET|HGVSg"
)
"""The fields of an entry, in VEP's order, as the Format in the header's Description names them."""

NAMES = tuple(FIELDS.split("|"))
_LACKING = ("",) * len(NAMES)


def parsed(text: str) -> list[dict[str, str]]:
    """Returns the entries of a value of CSQ as values by name, decoded; what an entry lacks is empty."""
    return [dict(zip(NAMES, entry, strict=False)) for entry in split(text)]


def split(text: str) -> list[list[str]]:
    """Returns the entries of a value of CSQ, decoded, each with a value for every field at least."""
    entries = [[*entry.split("|"), *_LACKING] for entry in text.split(",") if entry]
    return [list(map(unquote, entry)) for entry in entries] if "%" in text else entries
