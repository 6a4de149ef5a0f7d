"""The embedded mitochondrion and its genetic code, for tests that judge by their definition."""

from itertools import product

from app.engine.bundles import manifest
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts

BUNDLE = manifest.find("rcrs")
CONTIG = bytes(Sequence.open(BUNDLE.path(BUNDLE.sequence)).view("MT"))
TRANSCRIPTS = Transcripts.open(BUNDLE.path(BUNDLE.transcripts))
MODELS = [TRANSCRIPTS[row] for row in range(len(TRANSCRIPTS))]
BY_SYMBOL = {model.symbol: model for model in MODELS}

CODONS = ["".join(codon) for codon in product("TCAG", repeat=3)]
LETTERS = dict(zip(CODONS, "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG", strict=True))
COMPLEMENT = str.maketrans("ACGT", "TGCA")
