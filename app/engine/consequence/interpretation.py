"""What is said of an allele in the words of bcftools csq, in Sequence Ontology, with its impact, the worst first."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# csq's word: Sequence Ontology term, impact; the most severe first
TERMS: Mapping[bytes, tuple[str, str]] = {
    b"transcript_ablation": ("transcript_ablation", "HIGH"),
    b"splice_acceptor": ("splice_acceptor_variant", "HIGH"),
    b"splice_donor": ("splice_donor_variant", "HIGH"),
    b"stop_gained": ("stop_gained", "HIGH"),
    b"frameshift": ("frameshift_variant", "HIGH"),
    b"stop_lost": ("stop_lost", "HIGH"),
    b"start_lost": ("start_lost", "HIGH"),
    b"feature_elongation": ("feature_elongation", "HIGH"),
    b"feature_truncation": ("feature_truncation", "HIGH"),
    b"inframe_insertion": ("inframe_insertion", "MODERATE"),
    b"inframe_deletion": ("inframe_deletion", "MODERATE"),
    b"missense": ("missense_variant", "MODERATE"),
    b"inframe_altering": ("protein_altering_variant", "MODERATE"),
    b"splice_region": ("splice_region_variant", "LOW"),
    b"incomplete_terminal_codon": ("incomplete_terminal_codon_variant", "LOW"),
    b"start_retained": ("start_retained_variant", "LOW"),
    b"stop_retained": ("stop_retained_variant", "LOW"),
    b"synonymous": ("synonymous_variant", "LOW"),
    b"coding_sequence": ("coding_sequence_variant", "MODIFIER"),
    b"5_prime_utr": ("5_prime_UTR_variant", "MODIFIER"),
    b"3_prime_utr": ("3_prime_UTR_variant", "MODIFIER"),
    b"non_coding_exon": ("non_coding_transcript_exon_variant", "MODIFIER"),
    b"intron": ("intron_variant", "MODIFIER"),
    b"non_coding": ("non_coding_transcript_variant", "MODIFIER"),
    b"intergenic": ("intergenic_variant", "MODIFIER"),
}
RANK = {term: rank for rank, term in enumerate(TERMS)}
IMPACTS = ("HIGH", "MODERATE", "LOW", "MODIFIER")
SEVERITY = {term: rank for rank, (term, _) in enumerate(TERMS.values())}

# fmt: off
AMINO_ACIDS = {
    "A": "Ala", "C": "Cys", "D": "Asp", "E": "Glu", "F": "Phe", "G": "Gly", "H": "His", "I": "Ile", "K": "Lys", "L": "Leu",
    "M": "Met", "N": "Asn", "P": "Pro", "Q": "Gln", "R": "Arg", "S": "Ser", "T": "Thr", "V": "Val",
    "W": "Trp", "Y": "Tyr", "*": "Ter", "U": "Sec", "X": "Xaa",
}
# fmt: on
_CHANGE = re.compile(r"(\d+)([A-Z*]+)(?:\.\.\d+)?(?:>(\d+)([A-Z*]+)(?:\.\.\d+)?)?")


@dataclass(frozen=True, eq=False, slots=True)  # counted by identity, for speed
class Consequence:
    """The worst consequence of an allele, and the text of the tags that say it and all others."""

    term: str
    impact: str
    gene: str
    tags: bytes


SILENT = Consequence("", "", "", b"")  # of alleles of which nothing can be said
INTERGENIC = Consequence("intergenic_variant", "MODIFIER", "", b";GAS_CSQ=intergenic_variant;GAS_IMPACT=MODIFIER")


def interpret(raw: bytes) -> Consequence:
    """The consequence that csq's text means."""
    entries = [entry.split(b"|") for entry in raw.split(b",")]
    worst = min(entries, key=_severity)
    words = worst[0].lstrip(b"*").split(b"&")
    word = b"frameshift" if b"frameshift" in words else min(words, key=lambda word: RANK.get(word, len(RANK)))
    term, impact = TERMS.get(word) or (word.decode(), "MODIFIER")
    fields = [*worst, *[b""] * 7][:7]
    gene, protein = fields[1].decode(), hgvs_protein(fields[5].decode(), words)
    tags = [
        ("GAS_CSQ", term),
        ("GAS_IMPACT", impact),
        ("GAS_GENE", gene),
        ("GAS_TRANSCRIPT", fields[2].decode()),
        ("GAS_HGVSP", protein),
    ]
    text = ";".join(f"{tag}={value}" for tag, value in tags if value)
    return Consequence(term, impact, gene, b";%b;BCSQ=%b" % (text.encode(), raw))


def _severity(entry: list[bytes]) -> tuple[int, bool]:
    rank = min(RANK.get(word, len(RANK)) for word in entry[0].lstrip(b"*").split(b"&"))
    return rank, len(entry) < 4 or entry[3] != b"protein_coding"


def hgvs_protein(change: str, words: list[bytes]) -> str:
    """`52A>52T` as `p.Ala52Thr`; empty where csq's text does not determine the HGVS name."""
    match = _CHANGE.fullmatch(change)
    if not match:
        return ""
    start, before, after = int(match[1]), match[2], match[4]
    if b"start_lost" in words:
        return "p.Met1?"
    if after is None:
        return f"p.{_three(before[0])}{start}=" if len(before) == 1 else ""
    if b"frameshift" in words:
        return _frameshift(start, before, after)
    return _inframe(start, before, after)


def _three(letters: str) -> str:
    return "".join(AMINO_ACIDS.get(letter, "Xaa") for letter in letters)


def _frameshift(start: int, before: str, after: str) -> str:
    """The first amino acid that changes; the distance to the new stop is not always told, so it is left out."""
    for offset, (old, new) in enumerate(zip(before, after, strict=False)):
        if old != new:
            return f"p.{_three(old)}{start + offset}{'Ter' if new == '*' else _three(new) + 'fs'}"
    return ""


def _inframe(start: int, before: str, after: str) -> str:
    """Substitution, deletion or both, after what both ends have in common is taken away, as far towards the end as it goes."""
    while before and after and before[0] == after[0]:
        before, after, start = before[1:], after[1:], start + 1
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    if not before:
        return ""  # an insertion is named by its neighbours, which csq does not tell
    first, end = f"{_three(before[0])}{start}", start + len(before) - 1
    if before[0] == "*":
        return f"p.{first}{_three(after[:1])}ext*?" if after else ""
    if after[:1] == "*":
        return f"p.{first}Ter"
    if len(before) == len(after) == 1:
        return f"p.{first}{_three(after)}"
    span = first + (f"_{_three(before[-1])}{end}" if len(before) > 1 else "")
    return f"p.{span}del" if not after else f"p.{span}delins{_three(after)}"
