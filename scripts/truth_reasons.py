"""Why values of Ensembl VEP and of the engine may differ, as predicates; docs/measurements/truth.md explains and counts them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from app.engine.consequence.genetic_code import STANDARD
from app.engine.consequence.transcript import Transcript

SEARCHED_BASES = 1000
"""How far VEP looks for the 3'-most place; so near to the end of a contig it looks at the wrong bases."""

NOT_HGVS = re.compile(
    r"Ter\d+[A-Z][a-z]{2}fs|_\?|delext"  # a frameshift of the stop, unknown ends, mixed types
    r"|^p\.(?:[A-Z][a-z]{2}){2,}\d"  # several amino acids before one number
    r"|^p\.[A-Z][a-z]{2}\d+delinsTer$|insTer$"  # one amino acid by a stop, which is a substitution
    r"|^p\.(?!Met1\?)...\d+\?"  # a start that is not Met1
    r"|_Ter\d+del|^p\.Ter\d+delins|^p\.\w{3}0_"  # a lost stop without its extension, amino acid 0
    r"|^p\.(\w{3})\d+\1fs"  # a frameshift that begins with an amino acid that stays
)
TER_NUMBER = re.compile(r"Ter(?:\d+|\?)$")
FIRST_SHIFTED = re.compile(r"p\.\w{3}1\w{3}fsTer\?$")


@dataclass(frozen=True)
class Pair:
    """A value of VEP and of the engine that differ, and where."""

    field: str
    vep: str
    ours: str
    model: Transcript | None
    position: int
    contig_bases: int
    terms: frozenset[str]  # that only one of both has for this entry

    @property
    def code(self) -> int:
        """NCBI's number of the genetic code."""
        return self.model.code if self.model else STANDARD

    @property
    def strand(self) -> int:
        """1 or -1."""
        return self.model.strand if self.model else 1

    @property
    def incomplete(self) -> bool:
        """Whether bases of the coding sequence are missing at an end."""
        model = self.model
        if model is None:
            return False
        bases = model.coding_end - model.coding_start + 1 + model.phase
        return bool(model.phase or bases % 3 or model.incomplete_start or model.incomplete_end)

    @property
    def selenocysteine(self) -> bool:
        """Whether the protein has one."""
        return bool(self.model and self.model.selenocysteines)


REASONS: tuple[tuple[str, Callable[[Pair], bool]], ...] = (
    ("VEP's string is no valid HGVS", lambda pair: pair.field == "HGVSp" and bool(NOT_HGVS.search(pair.vep))),
    (
        "VEP names the protein with the standard genetic code",
        lambda pair: pair.field == "HGVSp" and pair.code != 1,
    ),
    (
        "VEP counts the amino acids with the standard genetic code",
        lambda pair: pair.field == "Protein_position" and pair.code != 1 and pair.vep.split("/")[0] == pair.ours.split("/")[0],
    ),
    (
        "VEP has no alternative start codons",
        lambda pair: pair.code != 1 and pair.field in ("Consequence", "IMPACT", "Amino_acids"),
    ),
    (
        "VEP names the change of a protein whose start is lost",
        lambda pair: pair.field == "HGVSp" and pair.ours == "p.Met1?",
    ),
    (
        "VEP names a lost stop without its extension",
        lambda pair: pair.field == "HGVSp" and "ext" in pair.ours and "ext" not in pair.vep,
    ),
    (
        "VEP takes the part of a codon at an incomplete end for a stop, or names what is beside it only",
        lambda pair: (
            pair.field == "HGVSp"
            and pair.incomplete
            and (pair.ours in ("", "p.?") or re.search("Xaa|fsTer.?$", pair.ours) is not None)
        ),
    ),
    (
        "VEP shows no base where only those are left that an incomplete start lacks",
        lambda pair: pair.field in ("Codons", "Amino_acids") and pair.incomplete and pair.vep.endswith("/-"),
    ),
    (
        "VEP finds no stop behind a frameshift of the first amino acid, or of one before a selenocysteine",
        lambda pair: (
            pair.field == "HGVSp"
            and (pair.selenocysteine or FIRST_SHIFTED.match(pair.vep) is not None)
            and "Ter" in pair.vep
            and "Ter" in pair.ours
        ),
    ),
    (
        "VEP reads on behind the stop of a reverse-strand transcript in other bases",
        lambda pair: (
            pair.strand < 0
            and (
                (pair.field == "HGVSp" and (TER_NUMBER.sub("", pair.vep) == TER_NUMBER.sub("", pair.ours) or "Ter" in pair.vep))
                or (pair.field == "Codons" and pair.vep.split("/")[0] == pair.ours.split("/")[0])
                or (pair.field in ("Consequence", "IMPACT") and pair.terms == {"stop_lost", "stop_retained_variant"})
            )
        ),
    ),
    (
        "VEP inserts amino acids at another place than the 3'-most",
        lambda pair: pair.field == "HGVSp" and pair.ours.endswith("dup") and re.search("ins|dup", pair.vep) is not None,
    ),
    (
        "VEP deletes amino acids at another place than the 3'-most",
        lambda pair: pair.field == "HGVSp" and pair.ours.endswith("del") and pair.vep.endswith("del"),
    ),
    (
        "VEP counts an intron before the last base of the coding sequence from the 3' UTR",
        lambda pair: pair.field == "HGVSc" and "*-" in pair.vep and "*-" not in pair.ours,
    ),
    (
        "VEP leaves the total out where no earlier variant had needed it",
        lambda pair: pair.field == "CDS_position" and pair.ours.split("/")[0] == (pair.vep or "-"),
    ),
    (
        "VEP shifts wrongly near the end of a contig",
        lambda pair: (
            pair.field in ("HGVSc", "HGVS_OFFSET") and min(pair.position, pair.contig_bases - pair.position) <= SEARCHED_BASES
        ),
    ),
    (
        "named at its 3'-most place, though spelled outside",
        lambda pair: pair.field in ("HGVSc", "HGVSp", "HGVS_OFFSET") and not pair.vep,
    ),
)
