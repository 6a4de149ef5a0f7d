"""An entry of INFO/CSQ in VEP's format."""

import re
from functools import lru_cache

from app.engine.consequence import terms
from app.engine.consequence.allele import Allele
from app.engine.consequence.caller import Consequence
from app.engine.consequence.csq_fields import NAMES
from app.engine.consequence.transcript import Transcript

_ESCAPES = str.maketrans({"%": "%25", ";": "%3B", "=": "%3D", ",": "%2C", "|": "%7C", " ": "_", "\t": "_"})
_TO_ESCAPE = re.compile("[%;=,| \t]").search


_SAID = {"Consequence": "intergenic_variant", "IMPACT": "MODIFIER", "ALLELE_NUM": "%d"}
_INTERGENIC = "|".join(_SAID.get(name, "%s" if name in ("Allele", "VARIANT_CLASS", "HGVSg") else "") for name in NAMES)


def escaped(text: str) -> str:
    """Returns a text without the characters that mean something in INFO; `=` is %3D, as in VEP's HGVS names."""
    return text.translate(_ESCAPES) if _TO_ESCAPE(text) else text


def before(symbol: str, gene: str, identifier: str, biotype: str) -> str:
    """Returns the fields from SYMBOL to BIOTYPE; `symbol` is escaped."""
    return f"{symbol}|{gene}|Transcript|{identifier}|{biotype}"


def behind(symbol_source: str, hgnc: str, canonical: bool, mane: str, mane_plus: str, source: str) -> str:
    """Returns the fields from SYMBOL_SOURCE to SOURCE; the first two are escaped."""
    return f"{symbol_source}|{hgnc}|{'YES' if canonical else ''}|{mane}|{mane_plus}|{source}"


@lru_cache(maxsize=1024)
def _constants(of: Transcript) -> tuple[str, str, str]:
    """What every entry of a transcript has: its fields before EXON, the name of its protein, the fields from SYMBOL_SOURCE on."""
    origin = escaped(of.symbol_source), escaped(of.hgnc), of.canonical
    return (
        before(escaped(of.symbol), of.gene, of.identifier, of.biotype),
        escaped(of.protein or of.identifier),
        behind(*origin, of.mane_select, of.mane_plus_clinical, of.source),
    )


@lru_cache(maxsize=4096)
def worded(mask: int) -> str:
    """Returns the fields Consequence and IMPACT, with the bars around them."""
    return f"|{terms.text(mask)}|{terms.impact(mask)}|"


def between(first: str, last: str, **said: str) -> str:
    """Returns what is between two fields, of which those in `said` have a value; with the bars at both ends."""
    return "|".join(["", *(said.get(name, "") for name in NAMES[NAMES.index(first) + 1 : NAMES.index(last)]), ""])


def entry(found: Consequence, allele: Allele, number: int, hgvsg: str) -> str:
    """Returns one entry. `number`: of the ALT in the file's record, from 1; `hgvsg`: with its reference."""
    transcript = found.transcript
    head, protein, tail = _constants(transcript)
    hgvsc = f"{transcript.identifier}:{found.hgvsc}" if found.hgvsc else ""
    hgvsp = f"{protein}:{escaped(found.hgvsp)}" if found.hgvsp else ""
    distance = found.distance if found.distance >= 0 else ""
    return (
        f"{escaped(allele.text)}{worded(found.mask)}{head}|{found.exon}|{found.intron}|"
        f"{hgvsc}|{hgvsp}|{found.cdna}|{found.cds}|{found.protein}|{found.amino_acids}|{found.codons}||{number}|{distance}|"
        f"{transcript.strand}|{found.flags}|{allele.variant_class}|{tail}|{found.offset or ''}|{hgvsg}"
    )


def intergenic(allele: Allele, number: int, hgvsg: str) -> str:
    """Returns the entry of an allele that no transcript is near."""
    return _INTERGENIC % (escaped(allele.text), number, allele.variant_class, hgvsg)
