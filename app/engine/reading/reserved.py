"""The tags that the VCF specification reserves, and a few that callers agree on: how many values they have, and of which type.

Source: VCF 4.5, tables of INFO and FORMAT in sections 1.6.1, 1.6.2 and 3, 4; what 4.3 and before say otherwise is read as `.`.
"""

_INFO = """
AA 1 String|AC A Integer|AD R Integer|ADF R Integer|ADR R Integer|AF A Float|AN 1 Integer|BQ 1 Float|CIGAR A String|DB 0 Flag
DP 1 Integer|END 1 Integer|H2 0 Flag|H3 0 Flag|MQ 1 Float|MQ0 1 Integer|NS 1 Integer|SOMATIC 0 Flag|VALIDATED 0 Flag
1000G 0 Flag|IMPRECISE 0 Flag|NOVEL 0 Flag|SVTYPE 1 String|SVLEN A Integer|CIPOS . Integer|CIEND . Integer|HOMLEN A Integer
HOMSEQ A String|BKPTID A String|MATEID A String|EVENT A String|SVCLAIM A String|CN A Float
"""
_FORMAT = """
AD R Integer|ADF R Integer|ADR R Integer|DP 1 Integer|EC A Integer|FT 1 String|GL G Float|GP G Float|GQ 1 Integer|GT 1 String
HQ 2 Integer|LEN 1 Integer|MQ 1 Integer|PL G Integer|PP G Integer|PQ 1 Integer|PS 1 Integer|CN 1 Float|CNQ 1 Float
"""
# By convention of callers, which often declare them with any number: GATK, Mutect2, FreeBayes, DeepVariant, MToolBox.
_USUAL_INFO = "MLEAC A Integer|MLEAF A Float|AO A Integer|QA A Integer"
_USUAL_FORMAT = (
    "VAF A Float|AO A Integer|QA A Integer|HF A Float|CILOW A Float|CIUP A Float|SDP A String|F1R2 R Integer|F2R1 R Integer"
)


def _rows(words: str) -> dict[bytes, tuple[bytes, bytes]]:
    rows = [row.split() for row in words.replace("\n", "|").split("|") if row]
    return {name.encode(): (number.encode(), type_.encode()) for name, number, type_ in rows}


RESERVED: dict[str, dict[bytes, tuple[bytes, bytes]]] = {"INFO": _rows(_INFO), "FORMAT": _rows(_FORMAT)}
"""By kind and name: Number and Type of a tag that a file does not declare."""

DESCRIPTION = b'"As the VCF specification reserves it"'

PER_ALLELE: dict[str, dict[bytes, bytes]] = {
    kind: {name: number for name, (number, _) in {**RESERVED[kind], **_rows(usual)}.items() if number in (b"A", b"R", b"G")}
    for kind, usual in (("INFO", _USUAL_INFO), ("FORMAT", _USUAL_FORMAT))
}
"""By kind and name: one value an allele (A), an allele and the reference (R) or a genotype (G)."""
