"""An entry of INFO/CSQ in VEP's format."""

from urllib.parse import unquote

from app.engine.consequence import terms
from app.engine.consequence.allele import Allele
from app.engine.consequence.caller import Consequence

FIELDS = (
    "Allele|Consequence|IMPACT|SYMBOL|Gene|Feature_type|Feature|BIOTYPE|EXON|INTRON|HGVSc|HGVSp|cDNA_position|CDS_position|"
    "Protein_position|Amino_acids|Codons|Existing_variation|ALLELE_NUM|DISTANCE|STRAND|FLAGS|VARIANT_CLASS|SYMBOL_SOURCE|HGNC_ID|"
    "CANONICAL|MANE_SELECT|MANE_PLUS_CLINICAL|SOURCE|HGVS_OFFSET|HGVSg"
)
"""The fields of an entry, in VEP's order, as the Format in the header's Description names them."""

NAMES = tuple(FIELDS.split("|"))

_ESCAPES = str.maketrans({"%": "%25", ";": "%3B", "=": "%3D", ",": "%2C", "|": "%7C", " ": "_", "\t": "_", "&": "&"})


_SAID = {"Consequence": "intergenic_variant", "IMPACT": "MODIFIER", "ALLELE_NUM": "%d"}
_INTERGENIC = "|".join(_SAID.get(name, "%s" if name in ("Allele", "VARIANT_CLASS", "HGVSg") else "") for name in NAMES)


def escaped(text: str) -> str:
    """Returns a text without the characters that mean something in INFO; `=` is %3D, as in VEP's HGVS names."""
    return text.translate(_ESCAPES)


def entry(found: Consequence, allele: Allele, number: int, hgvsg: str) -> str:
    """Returns one entry. `number`: of the ALT in the file's record, from 1; `hgvsg`: with its reference."""
    transcript = found.transcript
    protein = transcript.protein or transcript.identifier
    return "|".join(
        (
            escaped(allele.text),
            terms.text(found.mask),
            terms.impact(found.mask),
            escaped(transcript.symbol),
            transcript.gene,
            "Transcript",
            transcript.identifier,
            transcript.biotype,
            found.exon,
            found.intron,
            f"{transcript.identifier}:{found.hgvsc}" if found.hgvsc else "",
            escaped(f"{protein}:{found.hgvsp}") if found.hgvsp else "",
            found.cdna,
            found.cds,
            found.protein,
            found.amino_acids,
            found.codons,
            "",
            str(number),
            str(found.distance) if found.distance >= 0 else "",
            str(transcript.strand),
            found.flags,
            allele.variant_class,
            escaped(transcript.symbol_source),
            escaped(transcript.hgnc),
            "YES" if transcript.canonical else "",
            transcript.mane_select,
            transcript.mane_plus_clinical,
            transcript.source,
            str(found.offset) if found.offset else "",
            hgvsg,
        )
    )


def intergenic(allele: Allele, number: int, hgvsg: str) -> str:
    """Returns the entry of an allele that no transcript is near."""
    return _INTERGENIC % (escaped(allele.text), number, allele.variant_class, hgvsg)


def parsed(text: str) -> list[dict[str, str]]:
    """Returns the entries of a value of CSQ as values by name, decoded; what an entry lacks is empty."""
    entries = [entry.split("|") for entry in text.split(",") if entry]
    return [dict(zip(NAMES, map(unquote, [*entry, *[""] * len(NAMES)]), strict=False)) for entry in entries]
