"""One transcript of a gene, as the caller of consequences reads it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Transcript:
    """A transcript on one contig. Positions are 1-based and inclusive; of the contig unless they say cDNA."""

    index: int  # row in the bundle's transcripts
    contig: str
    start: int
    end: int
    strand: int  # 1 or -1
    identifier: str  # with its version where the source has one, as in ENST00000361390.2
    gene: str  # stable identifier of the gene, without version
    symbol: str
    symbol_source: str
    hgnc: str
    biotype: str
    protein: str  # identifier of the protein with version where the source has one; "" without
    source: str  # of the models, such as ensembl_havana
    code: int  # NCBI's number of the genetic code
    exons: tuple[tuple[int, int], ...]  # (start, end) in the direction of transcription
    coding_start: int  # cDNA position of the first base of the coding sequence; 0 without one
    coding_end: int  # cDNA position of its last base, the stop codon included
    phase: int  # bases that the first codon lacks where the 5' end is incomplete: 0, 1 or 2; (3 - GFF's phase) % 3
    bases: bytes  # the spliced sequence, upper case, in the direction of transcription
    selenocysteines: tuple[int, ...]  # 1-based amino acid positions where TGA is read as U
    incomplete_start: bool  # cds_start_NF
    incomplete_end: bool  # cds_end_NF
    canonical: bool
    mane_select: str  # the matching RefSeq (or Ensembl) identifier, or "1" where the file only has the tag; "" without
    mane_plus_clinical: str
    appris: str
    level: int  # transcript support level 1 to 5; 0 unknown
    ccds: str
    basic: bool
    micro_rna: tuple[tuple[int, int], ...]  # cDNA spans of mature microRNAs
