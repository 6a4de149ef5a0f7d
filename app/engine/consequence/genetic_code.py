"""The genetic codes of NCBI, as tables and as arrays.

Source of the facts: NCBI's "The Genetic Codes" (Elzanowski and Ostell), numbers, amino acids and start codons as listed there.
Codons that a code reads either as an amino acid or as a stop, by context (27, 28, 31), stand as the amino acid.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product

import numpy as np

ORDER = b"TCAG"
"""The order of bases in NCBI's tables: a codon is a number of three digits to base 4 in it."""

STANDARD = 1
VERTEBRATE_MITOCHONDRIAL = 2

CODONS: tuple[bytes, ...] = tuple(bytes(codon) for codon in product(ORDER, repeat=3))

BASE_NUMBERS = np.full(256, 4, np.uint8)
"""By byte, 0 to 3 in NCBI's order; 4 for what is no base."""
BASE_NUMBERS[list(ORDER)] = range(4)

_PLACES = np.array([16, 4, 1], np.uint8)
_MANY_BASES = 90
"""Beyond so many, arrays translate faster than a codon at a time."""

_AMBIGUOUS = dict(zip(b"RYSWKMBDHVN", b"AG CT CG AT GT AC CGT AGT ACT ACG TCAG".split(), strict=True))

# fmt: off
_TABLES: dict[int, tuple[str, str, str]] = {
    1: ("Standard", "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "TTG CTG ATG"),
    2: ("Vertebrate Mitochondrial", "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG", "ATT ATC ATA ATG GTG"),
    3: ("Yeast Mitochondrial", "FFLLSSSSYY**CCWWTTTTPPPPHHQQRRRRIIMMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATA ATG GTG"),
    4: ("Mold, Protozoan and Coelenterate Mitochondrial; Mycoplasma and Spiroplasma",
        "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "TTA TTG CTG ATT ATC ATA ATG GTG"),
    5: ("Invertebrate Mitochondrial", "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSSSVVVVAAAADDEEGGGG",
        "TTG ATT ATC ATA ATG GTG"),
    6: ("Ciliate, Dasycladacean and Hexamita Nuclear", "FFLLSSSSYYQQCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    9: ("Echinoderm and Flatworm Mitochondrial", "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG", "ATG GTG"),
    10: ("Euplotid Nuclear", "FFLLSSSSYY**CCCWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    11: ("Bacterial, Archaeal and Plant Plastid", "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
         "TTG CTG ATT ATC ATA ATG GTG"),
    12: ("Alternative Yeast Nuclear", "FFLLSSSSYY**CC*WLLLSPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "CTG ATG"),
    13: ("Ascidian Mitochondrial", "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSGGVVVVAAAADDEEGGGG", "TTG ATA ATG GTG"),
    14: ("Alternative Flatworm Mitochondrial", "FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG", "ATG"),
    15: ("Blepharisma Macronuclear", "FFLLSSSSYY*QCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    16: ("Chlorophycean Mitochondrial", "FFLLSSSSYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    21: ("Trematode Mitochondrial", "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNNKSSSSVVVVAAAADDEEGGGG", "ATG GTG"),
    22: ("Scenedesmus obliquus Mitochondrial", "FFLLSS*SYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    23: ("Thraustochytrium Mitochondrial", "FF*LSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATT ATG GTG"),
    24: ("Rhabdopleuridae Mitochondrial", "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG", "TTG CTG ATG GTG"),
    25: ("Candidate Division SR1 and Gracilibacteria", "FFLLSSSSYY**CCGWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
         "TTG ATG GTG"),
    26: ("Pachysolen tannophilus Nuclear", "FFLLSSSSYY**CC*WLLLAPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "CTG ATG"),
    27: ("Karyorelict Nuclear", "FFLLSSSSYYQQCCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    28: ("Condylostoma Nuclear", "FFLLSSSSYYQQCCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    29: ("Mesodinium Nuclear", "FFLLSSSSYYYYCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    30: ("Peritrich Nuclear", "FFLLSSSSYYEECC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    31: ("Blastocrithidia Nuclear", "FFLLSSSSYYEECCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    32: ("Balanophoraceae Plastid", "FFLLSSSSYY*WCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
         "TTG CTG ATT ATC ATA ATG GTG"),
    33: ("Cephalodiscidae Mitochondrial", "FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG", "TTG CTG ATG GTG"),
}
# fmt: on


@dataclass(frozen=True)
class GeneticCode:
    """One of NCBI's codes. `amino_acids`: a letter a codon in NCBI's order, `*` a stop; `starts`: codons that begin a protein."""

    number: int
    name: str
    amino_acids: bytes
    starts: frozenset[bytes]

    @cached_property
    def initiators(self) -> frozenset[bytes]:
        """Codons that a start may become and still be one: all that the code lists, but ATG alone under the standard code.

        There TTG and CTG begin few proteins, and weakly; VEP counts their coming as the loss of the start.
        """
        return frozenset({b"ATG"}) if self.number == STANDARD else self.starts

    @cached_property
    def _letters(self) -> dict[bytes, int]:
        return dict(zip(CODONS, self.amino_acids, strict=True))

    @cached_property
    def array(self) -> np.ndarray:
        """Letters of the 64 codons, uint8, by 16 × first + 4 × second + third base in NCBI's order."""
        return np.frombuffer(self.amino_acids, np.uint8)

    @cached_property
    def initiator_array(self) -> np.ndarray:
        """For each of the 64 codons whether it is one of the `initiators`."""
        return np.array([codon in self.initiators for codon in CODONS])

    def letter(self, codon: bytes) -> int:
        """Returns the letter of one codon; X where its ambiguous bases leave more than one, or where it is not whole."""
        found = self._letters.get(codon)
        if found is None:
            found = self._letters[codon] = self._ambiguous(codon)
        return found

    def translate(self, bases: bytes) -> bytes:
        """Returns the letters of the whole codons, stops included; what is left of a codon at the end is left out."""
        if len(bases) > _MANY_BASES:
            numbers = BASE_NUMBERS[np.frombuffer(bases, np.uint8, len(bases) // 3 * 3)].reshape(-1, 3)
            if numbers.max() < 4:
                return self.array[numbers @ _PLACES].tobytes()
        letter = self.letter
        return bytes([letter(bases[i : i + 3]) for i in range(0, len(bases) - 2, 3)])

    def to_stop(self, bases: bytes, start: int = 0) -> bytes:
        """Returns the letters from index `start` up to the first stop, which is included if there is one."""
        letter, found = self.letter, bytearray()
        for i in range(start, len(bases) - 2, 3):
            found.append(letter(bases[i : i + 3]))
            if found[-1] == 0x2A:
                break
        return bytes(found)

    def _ambiguous(self, codon: bytes) -> int:
        if len(codon) != 3:
            return ord("X")
        choices: Iterable[bytes] = [bytes([base]) if base in ORDER else _AMBIGUOUS.get(base, b"") for base in codon]
        letters = {self._letters[bytes(one)] for one in product(*choices)}
        return letters.pop() if len(letters) == 1 else ord("X")


@cache
def genetic_code(number: int) -> GeneticCode:
    """Returns the code of NCBI's number. KeyError for a number that NCBI does not use."""
    name, amino_acids, starts = _TABLES[number]
    return GeneticCode(number, name, amino_acids.encode(), frozenset(starts.encode().split()))


NUMBERS = tuple(_TABLES)
