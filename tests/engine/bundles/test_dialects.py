"""Gene models of Ensembl, GENCODE and RefSeq give the same transcripts, each with what its dialect says of them."""

import gzip
from pathlib import Path

import pytest

from app.engine.bundles import layout
from app.engine.bundles.compiling import compile_models
from app.engine.bundles.layout import Flags
from app.engine.bundles.mapped import BundleError
from tests.support.gff3 import bases, gff3, made

GENOME = {"1": bases(1000)}
COMPLEMENT = str.maketrans("ACGT", "TGCA")

ENSEMBL = gff3(
    "1 ensembl_havana gene 101 400 . + . ID=gene:ENSG00000000001;Name=ABC1;biotype=protein_coding;gene_id=ENSG00000000001"
    ";version=4;description=a gene%2C made up [Source:HGNC Symbol%3BAcc:HGNC:5]",
    "1 ensembl_havana mRNA 101 400 . + . ID=transcript:ENST00000000001;Parent=gene:ENSG00000000001;Name=ABC1-201"
    ";biotype=protein_coding;ccdsid=CCDS1.2;tag=basic,Ensembl_canonical,MANE_Select;transcript_id=ENST00000000001"
    ";transcript_support_level=1 (assigned to previous version 2);version=3",
    "1 havana five_prime_UTR 101 110 . + . Parent=transcript:ENST00000000001",
    "1 havana exon 101 200 . + . Parent=transcript:ENST00000000001;Name=ENSE1;rank=1;version=1",
    "1 havana CDS 111 200 . + 0 ID=CDS:ENSP00000000001;Parent=transcript:ENST00000000001;protein_id=ENSP00000000001;version=2",
    "1 havana exon 301 400 . + . Parent=transcript:ENST00000000001;Name=ENSE2;rank=2;version=1",
    "1 havana CDS 301 390 . + 0 ID=CDS:ENSP00000000001;Parent=transcript:ENST00000000001;protein_id=ENSP00000000001;version=2",
)


def test_a_transcript_of_ensembl(tmp_path: Path) -> None:
    found = made(tmp_path, ENSEMBL, GENOME)["ENST00000000001.3"]
    assert (found.index, found.contig, found.start, found.end, found.strand) == (0, "1", 101, 400, 1)
    assert (found.gene, found.symbol, found.symbol_source, found.hgnc) == ("ENSG00000000001", "ABC1", "HGNC", "HGNC:5")
    assert (found.biotype, found.protein, found.source, found.code) == (
        "protein_coding",
        "ENSP00000000001.2",
        "ensembl_havana",
        1,
    )
    assert found.exons == ((101, 200), (301, 400))
    assert (found.coding_start, found.coding_end, found.phase) == (11, 190, 0)
    assert found.bases.decode() == GENOME["1"][100:200] + GENOME["1"][300:400]
    assert (found.canonical, found.mane_select, found.mane_plus_clinical, found.basic) == (True, "1", "", True)
    assert (found.level, found.ccds, found.appris) == (1, "CCDS1.2", "")
    assert (found.incomplete_start, found.incomplete_end, found.selenocysteines, found.micro_rna) == (False, False, (), ())


def test_the_other_strand_is_read_from_its_end(tmp_path: Path) -> None:
    models = ENSEMBL.replace("\t+\t", "\t-\t")
    found = made(tmp_path, models, GENOME)["ENST00000000001.3"]
    assert found.exons == ((301, 400), (101, 200))
    assert found.bases.decode() == (GENOME["1"][100:200] + GENOME["1"][300:400]).translate(COMPLEMENT)[::-1]
    assert (found.coding_start, found.coding_end) == (11, 190)


def test_order_of_lines_compression_and_names_of_contigs_do_not_matter(tmp_path: Path) -> None:
    expected = made(tmp_path, ENSEMBL, GENOME)
    head, *lines = ENSEMBL.splitlines()
    shuffled = "\n".join([head, "# a remark", "", *reversed([line.replace("1\t", "chr1\t", 1) for line in lines])]) + "\n"
    (tmp_path / "other.gff3.gz").write_bytes(gzip.compress(shuffled.encode()))
    compile_models(tmp_path / "other.gff3.gz", expected.sequence, tmp_path / "other.bin", names={"chr1": "1"})
    assert (tmp_path / "other.bin").read_bytes() == (tmp_path / "transcripts.bin").read_bytes()


def test_what_ensembl_once_called_rna_and_processed_transcript_are_genes(tmp_path: Path) -> None:
    models = gff3(
        "1 ensembl exon 1 90 . + . Parent=transcript:ENST00000410635;rank=1",
        "1 ensembl RNA 1 90 . + . ID=gene:ENSG00000274662;Name=RN7SKP236;biotype=misc_RNA;gene_id=ENSG00000274662;version=1",
        "1 ensembl transcript 1 90 . + . ID=transcript:ENST00000410635;Parent=gene:ENSG00000274662;Name=RN7SKP236-201"
        ";biotype=misc_RNA;tag=basic;transcript_id=ENST00000410635;transcript_support_level=NA;version=1",
        "1 havana processed_transcript 200 300 . + . ID=gene:ENSG00000000002;Name=PT;biotype=processed_transcript",
        "1 havana processed_transcript 200 300 . + . ID=transcript:ENST00000000002;Parent=gene:ENSG00000000002"
        ";biotype=processed_transcript;transcript_id=ENST00000000002;version=1",
        "1 havana exon 200 300 . + . Parent=transcript:ENST00000000002",
    )
    found = made(tmp_path, models, GENOME)
    assert found.identifiers == ["ENST00000410635.1", "ENST00000000002.1"]
    assert (found["ENST00000410635.1"].symbol, found["ENST00000410635.1"].biotype) == ("RN7SKP236", "misc_RNA")
    assert found["ENST00000410635.1"].level == 0
    assert (found["ENST00000000002.1"].gene, found["ENST00000000002.1"].symbol) == ("ENSG00000000002", "PT")
    assert len(found.transcripts.genes) == 2


GENCODE = gff3(
    "1 HAVANA gene 101 400 . - . ID=ENSG00000000001.4;gene_id=ENSG00000000001.4;gene_type=protein_coding;gene_name=ABC1;level=2"
    ";hgnc_id=HGNC:5",
    "1 HAVANA transcript 101 400 . - . ID=ENST00000000001.3;Parent=ENSG00000000001.4;gene_id=ENSG00000000001.4"
    ";transcript_id=ENST00000000001.3;gene_type=protein_coding;gene_name=ABC1;transcript_type=nonsense_mediated_decay;level=2"
    ";protein_id=ENSP00000000001.2;transcript_support_level=5;hgnc_id=HGNC:5"
    ";tag=basic,MANE_Plus_Clinical,appris_alternative_2,CCDS,cds_start_NF,mRNA_start_NF,mRNA_end_NF;ccdsid=CCDS1.2",
    "1 HAVANA exon 301 400 . - . ID=exon:ENST00000000001.3:1;Parent=ENST00000000001.3;gene_id=ENSG00000000001.4",
    "1 HAVANA CDS 301 400 . - 1 ID=CDS:ENST00000000001.3;Parent=ENST00000000001.3;protein_id=ENSP00000000001.2",
    "1 HAVANA exon 101 200 . - . ID=exon:ENST00000000001.3:2;Parent=ENST00000000001.3;gene_id=ENSG00000000001.4",
    "1 HAVANA CDS 131 200 . - 0 ID=CDS:ENST00000000001.3;Parent=ENST00000000001.3;protein_id=ENSP00000000001.2",
    "1 HAVANA stop_codon 131 133 . - 0 ID=stop_codon:ENST00000000001.3;Parent=ENST00000000001.3",
    "1 HAVANA stop_codon_redefined_as_selenocysteine 198 200 . - . ID=stop:ENST00000000001.3;Parent=ENST00000000001.3",
    "1 HAVANA three_prime_UTR 101 130 . - . ID=UTR3:ENST00000000001.3;Parent=ENST00000000001.3",
)


def test_a_transcript_of_gencode(tmp_path: Path) -> None:
    compiled = made(tmp_path, GENCODE, GENOME)
    found = compiled["ENST00000000001.3"]
    assert (found.gene, found.symbol, found.symbol_source, found.hgnc) == ("ENSG00000000001", "ABC1", "HGNC", "HGNC:5")
    assert (found.biotype, found.protein) == ("nonsense_mediated_decay", "ENSP00000000001.2")
    assert (found.appris, found.ccds, found.level, found.basic) == ("A2", "CCDS1.2", 5, True)
    assert (found.mane_select, found.mane_plus_clinical, found.canonical) == ("", "1", False)
    assert (found.incomplete_start, found.incomplete_end) == (True, False)
    assert (found.coding_start, found.coding_end, found.phase) == (1, 170, 2)
    assert found.selenocysteines == (35,)  # (101 - 1 + 2) / 3 + 1
    flags = Flags(int(compiled.transcripts.flags[0]))
    assert flags == Flags.CODING | Flags.INCOMPLETE_START | Flags.MRNA_INCOMPLETE_START | Flags.MRNA_INCOMPLETE_END | (
        Flags.BASIC | Flags.SELENOCYSTEINE | Flags.IRREGULAR
    )


def test_the_pseudoautosomal_copy_of_gencode_keeps_its_mark(tmp_path: Path) -> None:
    models = GENCODE.replace("ENSG00000000001.4", "ENSG00000000001.4_PAR_Y")
    assert made(tmp_path, models, GENOME)["ENST00000000001.3"].gene == "ENSG00000000001_PAR_Y"


REFSEQ = gff3(
    "1 RefSeq region 1 1000 . + . ID=1:1..1000;Dbxref=taxon:9606;gbkey=Src",
    "1 BestRefSeq gene 101 400 . - . ID=gene-ABC1;Dbxref=GeneID:77,HGNC:HGNC:5;Name=ABC1;gbkey=Gene;gene=ABC1"
    ";gene_biotype=protein_coding",
    "1 BestRefSeq mRNA 101 400 . - . ID=rna-NM_000001.3;Parent=gene-ABC1;Dbxref=Ensembl:ENST00000000001.3,GeneID:77"
    ",GenBank:NM_000001.3,HGNC:HGNC:5;Name=NM_000001.3;gbkey=mRNA;gene=ABC1;tag=MANE Select;transcript_id=NM_000001.3",
    "1 BestRefSeq exon 301 400 . - . ID=exon-NM_000001.3-1;Parent=rna-NM_000001.3;gbkey=mRNA",
    "1 BestRefSeq exon 101 200 . - . ID=exon-NM_000001.3-2;Parent=rna-NM_000001.3;gbkey=mRNA",
    "1 BestRefSeq CDS 301 390 . - 0 ID=cds-NP_000001.2;Parent=rna-NM_000001.3;Dbxref=CCDS:CCDS1.2,GeneID:77"
    ";protein_id=NP_000001.2;transl_except=(pos:complement(198..200)%2Caa:Sec),(pos:complement(300..302)%2Caa:OTHER)",
    "1 BestRefSeq CDS 111 200 . - 0 ID=cds-NP_000001.2;Parent=rna-NM_000001.3;protein_id=NP_000001.2"
    ";transl_except=(pos:complement(198..200)%2Caa:Sec)",
)


def test_a_transcript_of_refseq(tmp_path: Path) -> None:
    found = made(tmp_path, REFSEQ, GENOME)["NM_000001.3"]
    assert (found.gene, found.symbol, found.symbol_source, found.hgnc) == ("77", "ABC1", "HGNC", "HGNC:5")
    assert (found.biotype, found.protein, found.ccds) == ("protein_coding", "NP_000001.2", "CCDS1.2")
    assert (found.mane_select, found.canonical) == ("ENST00000000001.3", True)
    assert (found.coding_start, found.coding_end) == (11, 190)
    assert found.selenocysteines == (31,)


def test_a_partial_coding_sequence_of_refseq_is_incomplete_where_it_says(tmp_path: Path) -> None:
    first = "protein_id=NP_000001.2;transl_except=(pos:complement(198..200)%2Caa:Sec)\n"
    models = REFSEQ.replace(first, first.rstrip("\n") + ";partial=true;start_range=.,111\n")
    found = made(tmp_path, models, GENOME)["NM_000001.3"]
    assert (found.incomplete_start, found.incomplete_end) == (False, True)
    found = made(tmp_path, models.replace("start_range=.,111", "end_range=200,."), GENOME)["NM_000001.3"]
    assert (found.incomplete_start, found.incomplete_end) == (True, False)


def test_mature_micro_rnas_of_refseq_are_spans_of_the_transcript_that_they_are_cut_from(tmp_path: Path) -> None:
    models = gff3(
        "1 BestRefSeq gene 101 180 . - . ID=gene-MIR1;Dbxref=GeneID:9;Name=MIR1;description=microRNA 1;gbkey=Gene;gene=MIR1",
        "1 BestRefSeq primary_transcript 101 180 . - . ID=rna-NR_1.1;Parent=gene-MIR1;gbkey=precursor_RNA;transcript_id=NR_1.1",
        "1 BestRefSeq exon 101 180 . - . ID=exon-NR_1.1-1;Parent=rna-NR_1.1;gbkey=precursor_RNA",
        "1 BestRefSeq miRNA 111 132 . - . ID=rna-MIR1;Parent=rna-NR_1.1;gbkey=ncRNA;product=hsa-miR-1-3p",
        "1 BestRefSeq exon 111 132 . - . ID=exon-MIR1-1;Parent=rna-MIR1;gbkey=ncRNA",
        "1 BestRefSeq miRNA 150 171 . - . ID=rna-MIR1-2;Parent=rna-NR_1.1;gbkey=ncRNA;product=hsa-miR-1-5p",
    )
    found = made(tmp_path, models, GENOME)
    assert found.identifiers == ["NR_1.1"]
    assert found["NR_1.1"].biotype == "miRNA"
    assert found["NR_1.1"].micro_rna == ((10, 31), (49, 70))


def test_a_coding_sequence_right_under_its_gene_is_a_transcript(tmp_path: Path) -> None:
    models = gff3(
        "1 RefSeq gene 101 200 . + . ID=gene-ND1;Dbxref=GeneID:4535;Name=ND1;gbkey=Gene;gene=ND1;gene_biotype=protein_coding",
        "1 RefSeq CDS 101 200 . + 0 ID=cds-YP_1.1;Parent=gene-ND1;protein_id=YP_1.1;transl_table=2"
        ";transl_except=(pos:200%2Caa:TERM)",
        "1 RefSeq pseudogene 301 400 . + . ID=gene-PS1;Name=PS1;gene_biotype=pseudogene",
        "1 RefSeq exon 301 400 . + . ID=id-PS1;Parent=gene-PS1",
    )
    found = made(tmp_path, models, GENOME)
    assert found.identifiers == ["ND1"]
    assert (found["ND1"].gene, found["ND1"].symbol, found["ND1"].biotype, found["ND1"].protein) == (
        "4535",
        "ND1",
        "protein_coding",
        "YP_1.1",
    )
    assert (found["ND1"].code, found["ND1"].exons, found["ND1"].coding_end) == (2, ((101, 200),), 100)
    assert found.reasons == {}
    assert found.transcripts.genes.find("ps1") is not None


@pytest.mark.parametrize(
    ("kind", "attributes", "biotype"),
    [
        ("mRNA", "gbkey=mRNA", "protein_coding"),
        ("ncRNA", "ncrna_class=antisense_RNA;gbkey=ncRNA", "antisense_RNA"),
        ("lnc_RNA", "gbkey=ncRNA", "ncRNA"),
        ("V_gene_segment", "gbkey=V_segment", "IG_V_gene"),
        ("tRNA", "", "tRNA"),
        ("transcript", "transcript_biotype=TEC", "TEC"),
        ("transcript", "biotype=retained_intron;gbkey=misc_RNA", "retained_intron"),
    ],
)
def test_the_biotype_is_an_attribute_or_guessed_from_the_type(tmp_path: Path, kind: str, attributes: str, biotype: str) -> None:
    models = gff3(
        "1 x gene 1 90 . + . ID=gene-G;Name=G",
        f"1 x {kind} 1 90 . + . ID=rna-T;Parent=gene-G;{attributes}",
        "1 x exon 1 90 . + . Parent=rna-T",
    )
    assert made(tmp_path, models, GENOME)["T"].biotype == biotype


def test_a_tag_that_says_selenoprotein_without_saying_where_means_every_tga_in_frame(tmp_path: Path) -> None:
    genome = {"1": "ATGTGAATGATTGACTGATAA"}  # ATG TGA ATG ATT GAC TGA TAA
    models = gff3(
        "1 x gene 1 21 . + . ID=gene:G", "1 x mRNA 1 21 . + . ID=transcript:T;Parent=gene:G;tag=seleno",
        "1 x exon 1 21 . + . Parent=transcript:T",
        "1 x CDS 1 21 . + 0 Parent=transcript:T",
    )  # fmt: skip
    assert made(tmp_path, models, genome)["T"].selenocysteines == (2, 6)
    assert made(tmp_path, models.replace(";tag=seleno", ""), genome)["T"].selenocysteines == ()


def test_genetic_codes_by_contig(tmp_path: Path) -> None:
    models = ENSEMBL + ENSEMBL.replace("1\t", "MT\t", 1).replace("\n1\t", "\nMT\t")
    found = made(tmp_path, models, {**GENOME, "MT": bases(500)}, codes={"MT": 2})
    assert [(found.transcripts[row].contig, found.transcripts[row].code) for row in range(2)] == [("1", 1), ("MT", 2)]
    with pytest.raises(BundleError, match="no genetic code 7, which MT is said to have"):
        made(tmp_path, models, {**GENOME, "MT": bases(500)}, codes={"MT": 7})


def test_appris_as_vep_writes_it(tmp_path: Path) -> None:
    for tags, appris in (("appris_principal_1", "P1"), ("appris_alternative_1,appris_principal_3", "P3"), ("basic", "")):
        assert made(tmp_path, ENSEMBL.replace("tag=basic", f"tag={tags}"), GENOME)["ENST00000000001.3"].appris == appris


def test_rows_are_sorted_and_every_array_of_the_layout_is_there(tmp_path: Path) -> None:
    again = ENSEMBL.replace("ENST00000000001", "ENST00000000000").replace("ENSG00000000001", "ENSG00000000000")
    found = made(tmp_path, ENSEMBL + again, GENOME)
    assert found.identifiers == ["ENST00000000000.3", "ENST00000000001.3"]
    assert {len(column) for column in found.transcripts.columns.values()} == {2}
    assert set(found.transcripts.columns) == set(layout.TRANSCRIPTS)
    assert found.transcripts.rows("1") == range(2)
    assert len(found.transcripts) == 2
    with pytest.raises(IndexError):
        found.transcripts[2]
