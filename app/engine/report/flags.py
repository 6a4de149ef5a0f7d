"""What the words of GAS_FLAG say of an allele, in words for people."""

from app.engine.consequence.annotation import SPELLING
from app.engine.consequence.codons import IN_CIS, POSSIBLY_IN_CIS

FLAGS = {
    SPELLING: "another spelling of the same allele has other terms, for the edge of a region lies within its equivalent places",
    IN_CIS: "another allele changes the same codon on the same chromosome: read them together",
    POSSIBLY_IN_CIS: "another allele changes the same codon, perhaps on the same chromosome: read them together",
    "ambiguous": "it has IUPAC ambiguity codes, and no consequence",
    "breakend": "it is a breakend, and has no consequence",
    "ref_mismatch": "its REF disagrees with the reference, so it has no consequence",
    "symbolic": "it is a symbolic allele, and has no consequence",
    "unknown_contig": "the reference does not have its contig, so it has no consequence",
}
"""The sentence of each word of GAS_FLAG."""
