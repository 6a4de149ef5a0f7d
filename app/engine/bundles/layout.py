"""What the file of transcripts holds: the arrays by name, and the bits of a transcript's flags.

Transcripts are rows sorted by contig (in the order of the sequence), start, end and identifier; genes are rows of their own.
Positions are 1-based and both ends are included. A text is an index into the heap of texts, where each is once; 0 is the empty
one.
"""

from enum import IntFlag

FILE = "transcripts.bin"
"""Name of the file in a bundle."""

TABLE = "genes.tsv"
"""File of a bundle that `Genes.table` is written into, for readers that have no need of the rest."""

KIND, VERSION = "transcripts", 2

BIN_SHIFT = 13
"""A bin of the interval join has 2^13 bases."""


class Flags(IntFlag):
    """What is true of a transcript."""

    CODING = 1
    INCOMPLETE_START = 2  # cds_start_NF, or RefSeq's partial coding sequence
    INCOMPLETE_END = 4  # cds_end_NF, likewise
    MRNA_INCOMPLETE_START = 8  # mRNA_start_NF
    MRNA_INCOMPLETE_END = 16  # mRNA_end_NF
    CANONICAL = 32  # Ensembl_canonical; of RefSeq's, RefSeq Select and MANE Select
    BASIC = 64
    SELENOCYSTEINE = 128
    IRREGULAR = 256  # has rules that `consequence.columns` lacks: selenocysteines, microRNAs, very short exons or introns


TAGS = {
    "cds_start_NF": Flags.INCOMPLETE_START,
    "cds_end_NF": Flags.INCOMPLETE_END,
    "mRNA_start_NF": Flags.MRNA_INCOMPLETE_START,
    "mRNA_end_NF": Flags.MRNA_INCOMPLETE_END,
    "Ensembl_canonical": Flags.CANONICAL,
    "RefSeq_Select": Flags.CANONICAL,
    "MANE_Select": Flags(0),
    "basic": Flags.BASIC,
    "gencode_basic": Flags.BASIC,
}
"""Attribute `tag` of Ensembl, GENCODE and RefSeq, blanks written as underscores."""

TRANSCRIPTS = {
    "starts": "<i4",
    "ends": "<i4",
    "strands": "|i1",  # 1 or -1
    "codes": "|u1",  # NCBI's number of the genetic code
    "flags": "<u2",  # Flags
    "phases": "|u1",  # bases missing before the first codon: CDS position 1 is that many bases before coding_starts
    "levels": "|u1",  # transcript support level; 0 unknown
    "coding_starts": "<i4",  # cDNA position; 0 without a coding sequence
    "coding_ends": "<i4",
    "genes": "<u4",  # row of the gene
    "identifiers": "<u4",  # texts from here on
    "symbols": "<u4",
    "symbol_sources": "<u4",
    "hgncs": "<u4",
    "biotypes": "<u4",
    "proteins": "<u4",
    "sources": "<u4",
    "mane_selects": "<u4",
    "mane_plus_clinicals": "<u4",
    "appris": "<u4",
    "ccds": "<u4",
}
"""Columns of transcripts, an item a row."""

PARTS = {
    "exon_starts": "<i4",  # ascending within a transcript, whatever its strand
    "exon_ends": "<i4",
    "exon_cdna": "<i4",  # cDNA position of the first transcribed base of the exon
    "exon_keys": "<i8",  # row << 32 | start: ascending in the whole file, so that one search finds the exon of many pairs
    "selenocysteine_rows": "<u4",  # row of the transcript, ascending
    "selenocysteine_positions": "<i4",  # amino acid position
    "micro_rna_rows": "<u4",  # row of the transcript, ascending
    "micro_rna_starts": "<i4",  # cDNA position
    "micro_rna_ends": "<i4",
}
"""Columns of what transcripts have several of."""

OFFSETS = {
    "exon_offsets": "<u4",  # the exons of a row are those from its offset to that of the next row
    "spliced_offsets": "<i8",  # likewise its spliced sequence in `spliced`
}
"""Columns of one item more than there are rows."""

GENES = {
    "gene_contigs": "<u4",  # index of the contig
    "gene_starts": "<i4",
    "gene_ends": "<i4",
    "gene_strands": "|i1",
    "gene_identifiers": "<u4",  # texts from here on
    "gene_names": "<u4",
    "gene_biotypes": "<u4",
}
"""Columns of genes."""

# Beside these: `spliced` (|u1, the letters of all spliced sequences in the direction of transcription), `texts` (|u1, UTF-8) with
# `text_offsets` (<u4), `gene_names_sorted` and `gene_identifiers_sorted` (<u4, rows of genes in the order of the text in upper
# case), and the bins of the join, for each contig one after another: `bin_firsts` (<u4, first row that starts in the bin or after
# it), `bin_offsets` (<u4) and `bin_rows` (<u4, rows that started before the bin and reach into it). Each contig has two bins more
# than it reaches, which are empty. The facts have the contigs: name, first row, number of rows, first bin, number of bins.
