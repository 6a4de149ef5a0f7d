"""An entry of INFO/CSQ in VEP's format."""

from functools import lru_cache

from app.engine.consequence import terms
from app.engine.consequence.allele import Allele
from app.engine.consequence.caller import Consequence
from app.engine.consequence.csq_fields import NAMES
from app.engine.consequence.transcript import Transcript

_ESCAPES = str.maketrans({"%": "%25", ";": "%3B", "=": "%3D", ",": "%2C", "|": "%7C", " ": "_", "\t": "_", "&": "&"})


_SAID = {"Consequence": "intergenic_variant", "IMPACT": "MODIFIER", "ALLELE_NUM": "%d"}
_INTERGENIC = "|".join(_SAID.get(name, "%s" if name in ("Allele", "VARIANT_CLASS", "HGVSg") else "") for name in NAMES)


def escaped(text: str) -> str:
    """Returns a text without the characters that mean something in INFO; `=` is %3D, as in VEP's HGVS names."""
    return text.translate(_ESCAPES)


@lru_cache(maxsize=1024)
def _constants(transcript: Transcript) -> tuple[str, str, str]:
    """What every entry of a transcript has: its fields before EXON, the name of its protein, the fields from SYMBOL_SOURCE on."""
    before = (escaped(transcript.symbol), transcript.gene, "Transcript", transcript.identifier, transcript.biotype)
    origin = (escaped(transcript.symbol_source), escaped(transcript.hgnc), "YES" if transcript.canonical else "")
    behind = (*origin, transcript.mane_select, transcript.mane_plus_clinical, transcript.source)
    return "|".join(before), escaped(transcript.protein or transcript.identifier), "|".join(behind)


def entry(found: Consequence, allele: Allele, number: int, hgvsg: str) -> str:
    """Returns one entry. `number`: of the ALT in the file's record, from 1; `hgvsg`: with its reference."""
    transcript = found.transcript
    before, protein, behind = _constants(transcript)
    hgvsc = f"{transcript.identifier}:{found.hgvsc}" if found.hgvsc else ""
    hgvsp = f"{protein}:{escaped(found.hgvsp)}" if found.hgvsp else ""
    distance = found.distance if found.distance >= 0 else ""
    return (
        f"{escaped(allele.text)}|{terms.text(found.mask)}|{terms.impact(found.mask)}|{before}|{found.exon}|{found.intron}|"
        f"{hgvsc}|{hgvsp}|{found.cdna}|{found.cds}|{found.protein}|{found.amino_acids}|{found.codons}||{number}|{distance}|"
        f"{transcript.strand}|{found.flags}|{allele.variant_class}|{behind}|{found.offset or ''}|{hgvsg}"
    )


def intergenic(allele: Allele, number: int, hgvsg: str) -> str:
    """Returns the entry of an allele that no transcript is near."""
    return _INTERGENIC % (escaped(allele.text), number, allele.variant_class, hgvsg)
