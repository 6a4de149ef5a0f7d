"""What callers spell otherwise than the reference or the specification does is read as it is meant, and nothing of it is lost."""

import re
from collections.abc import Callable

import pysam
import pytest

from app.engine.bundles.manifest import Bundle, Contig
from app.engine.errors import InputError
from app.engine.reading.contigs import ContigNames
from tests.support.annotated import Annotated, vcf

Run = Callable[..., Annotated]

BARE = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
SV = (
    "##fileformat=VCFv4.2\n##contig=<ID=chrM,length=16569>\n"
    '##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n##INFO=<ID=SVTYPE,Number=1,Type=String,Description="s">\n'
    '##INFO=<ID=SVLEN,Number=.,Type=Integer,Description="l">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
)
SAMPLE = BARE.rstrip("\n") + "\tFORMAT\tS\n"


def declared(*lines: str, columns: str = SAMPLE) -> str:
    """A header that declares these tags: `INFO/AF A Float`."""
    rows = (line.replace("/", " ").split() for line in lines)
    made = [f'##{kind}=<ID={name},Number={number},Type={type_},Description="d">\n' for kind, name, number, type_ in rows]
    first, rest = columns.split("\n", 1)
    return f"{first}\n{''.join(made)}{rest}"


# --- REF N says nothing of the assembly


def test_structural_variants_whose_ref_is_n_are_no_other_assembly(run: Run) -> None:
    rows = [f"chrM {500 + 1000 * i} sv{i} N <DEL> . PASS SVTYPE=DEL;END={800 + 1000 * i};SVLEN=-300" for i in range(12)]
    found = run(vcf(*rows, header=SV))
    assert [(row[3], row[4]) for row in found.records] == [("N", "<DEL>")] * 12
    assert "ref_mismatch" not in found.notes()


def test_an_inserted_sequence_behind_an_n_is_flagged_and_kept(run: Run) -> None:
    found = run(vcf("chrM 2000 . N ACGTTTGACC . PASS SVTYPE=INS;SVLEN=9;END=1999", header=SV))
    assert found.records[0][3:5] == ["N", "ACGTTTGACC"]
    assert (found.info(0)["GAS_FLAG"], found.notes()["ambiguous"]) == ("ambiguous", 1)


def test_a_ref_of_a_base_and_then_n_is_compared_where_it_has_bases(run: Run) -> None:
    assert run(vcf("chrM 3001 . GNNN GACGT . PASS END=3004", header=SV)).info(0)["GAS_FLAG"] == "ambiguous"
    with pytest.raises(InputError, match="1 of 1 records have a REF that disagrees"):
        run(vcf("chrM 3001 . TNNN TACGT . PASS END=3004", header=SV))


# --- names of contigs

NAMES = ("Mt", "mt", "chrmt", "CHRM", "RCRS", "chrRCRS", "chrM_rCRS", "ref|NC_012920.1|", "gi|251831106|ref|NC_012920.1|", "26")


@pytest.mark.parametrize("name", NAMES)
def test_the_mitochondrion_under_any_of_its_names(run: Run, name: str) -> None:
    found = run(vcf(f"{name} 73 . A G . PASS .", f"{name} 3243 . A G . PASS .", header=BARE))
    assert [row[0] for row in found.records] == [name] * 2
    assert found.info(1)["GAS_GENE"] == "MT-TL1"
    assert f"##contig=<ID={name},length=16569>" in found.header


def test_a_description_behind_the_name_is_left_out(run: Run) -> None:
    found = run(BARE + "NC_012920.1 Homo sapiens mitochondrion, complete genome\t3243\t.\tA\tG\t.\tPASS\t.\n")
    assert (found.records[0][0], found.info(0)["GAS_GENE"]) == ("NC_012920.1", "MT-TL1")
    assert found.notes()["contig_renamed"] == 1


@pytest.mark.parametrize("name", ["M,T", "M,,T", "NC_012920.1,rCRS", "MT ", "MT some description"])
@pytest.mark.parametrize("info", [".", "DB", "undeclared=1"])
def test_a_name_that_no_vcf_can_have_becomes_one_that_it_can(run: Run, name: str, info: str) -> None:
    declared = '##INFO=<ID=DB,Number=0,Type=Flag,Description="d">\n'
    header = BARE.replace("#CHROM", f"{declared}##contig=<ID={name},length=16569>\n#CHROM")
    found = run(header + f"{name}\t3243\t.\tA\tG\t.\tPASS\t{info}\nMT\t3460\t.\tG\tA\t.\tPASS\t{info}\n")
    assert [row[0] for row in found.records] == ["MT"] * 2 and found.notes()["contig_renamed"] == 1
    with pysam.VariantFile(str(found.folder / "annot.vcf.gz")) as file:
        assert [row.pos for row in file.fetch("MT")] == [3243, 3460]


@pytest.mark.parametrize("name", ["tig,01", "=M", "*"])
def test_a_name_that_no_vcf_can_have_and_that_means_nothing_is_refused(run: Run, name: str) -> None:
    with pytest.raises(InputError, match=re.escape(f'Line 3: "{name}" cannot be the name of a contig.')):
        run(vcf(f"{name} 3243 . A G . PASS .", header=BARE))


def test_an_unknown_name_of_the_right_length_is_compared_by_its_bases(run: Run) -> None:
    header = BARE.replace("#CHROM", "##contig=<ID=tig01,length=16569>\n#CHROM")
    assert run(vcf("tig01 3243 . A G . PASS .", header=header)).info(0)["GAS_GENE"] == "MT-TL1"
    with pytest.raises(InputError, match="REF that disagrees"):
        run(vcf("tig01 3243 . C G . PASS .", header=header))


def test_a_name_of_another_length_is_another_contig(run: Run) -> None:
    header = BARE.replace("#CHROM", "##contig=<ID=chrm,length=16571>\n#CHROM")
    with pytest.raises(InputError, match=r"contig 'chrm' \(length 16571\)"):
        run(vcf("chrm 3243 . A G . PASS .", header=header))


def test_an_unknown_name_is_answered_with_those_that_are_known(run: Run) -> None:
    with pytest.raises(InputError, match=r"Names that are known: MT, M, chrM"):
        run(vcf("scaffold7 5 . A G . PASS .", header=BARE))


def test_plinks_numbers_and_letters_of_the_sex_chromosomes(rcrs: Bundle) -> None:
    contigs = (Contig("chrX", 156040895, ("X",)), Contig("chrY", 57227415, ("Y",)), Contig("chr10", 9), Contig("Chr10", 9))
    names = ContigNames(Bundle(rcrs.folder, "b", "1", "t", "a", "f", contigs, (), ()), {b"scf": 156040895})
    found = {name: one.name if (one := names.find(name)) else None for name in (b"x", b"23", b"24", b"scf", b"CHR10", b"26")}
    assert found == {b"x": "chrX", b"23": "chrX", b"24": "chrY", b"scf": "chrX", b"CHR10": None, b"26": None}


# --- the edges of contigs


def test_telomeres_are_passed_through_and_found_by_the_index(run: Run) -> None:
    rows = ("chrM 0 a N A . PASS .", "chrM 0 b N ]chrM:5000]N . PASS SVTYPE=BND", "chrM 3243 c A G . PASS .")
    found = run(vcf(*rows, "chrM 16570 d N ]chrM:3000]. . PASS SVTYPE=BND", "chrM 16570 e N C . PASS .", header=SV))
    assert [(row[1], row[2]) for row in found.records] == [
        ("0", "a"), ("0", "b"), ("3243", "c"), ("16570", "d"), ("16570", "e"),
    ]  # fmt: skip
    assert [found.info(index).get("GAS_FLAG") for index in (0, 4)] == ["telomere"] * 2
    assert found.info(2)["GAS_GENE"] == "MT-TL1" and found.notes()["telomere"] == 4
    with pysam.VariantFile(str(found.folder / "annot.vcf.gz")) as file:
        assert [row.id for row in file.fetch("chrM", 0, 5)] == ["a", "b"]
        assert [row.id for row in file.fetch("chrM", 16_568, 16_570)] == ["d", "e"]


def test_a_telomere_that_comes_late_is_sorted_to_the_beginning(run: Run) -> None:
    found = run(vcf("chrM 1 one G A . PASS .", "chrM 0 zero N A . PASS .", header=SV))
    assert [row[2] for row in found.records] == ["zero", "one"]


def test_a_ref_over_the_origin_of_the_circle_is_compared_and_flagged(run: Run) -> None:
    found = run(vcf("chrM 16568 . TGGA T . PASS .", header=SV))
    assert (found.records[0][3], found.info(0)["GAS_FLAG"]) == ("TGGA", "origin")
    assert found.notes()["origin"] == 1
    with pytest.raises(InputError, match="beyond the end"):
        run(vcf("chrM 16568 . TGCC T . PASS .", header=SV))


# --- values an allele


def test_depths_declared_with_any_number_are_split_as_the_specification_reserves_them(run: Run) -> None:
    header = declared("FORMAT/GT 1 String", "FORMAT/AD . Integer", "FORMAT/PL G Integer", "INFO/MLEAC A Integer")
    row = "MT 3243 . AG A,TG,<NON_REF> 61 . MLEAC=0,1,0 GT:AD:PL 0/2:40,2,11,1:90,120,800,0,500,700,150,600,550,640"
    found = run(vcf(row, header=header))
    assert [row[9] for row in found.records] == ["0/0:40,2:90,120,800", "0/1:40,11:90,0,700", "0/0:40,1:90,150,640"]
    assert '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="d">' in found.header
    assert found.notes()["read_as_reserved"] == 1


def test_heteroplasmies_are_split_as_callers_mean_them(run: Run) -> None:
    header = declared("FORMAT/GT 1 String", "FORMAT/HF . Float", "FORMAT/SDP . String", "INFO/AC . Integer")
    found = run(vcf("MT 146 . T C,G . PASS AC=1,2 GT:HF:SDP 0/1/2:0.3,0.2:5;6,3;2", header=header))
    assert [row[9] for row in found.records] == ["0/1/0:0.3:5;6", "0/0/1:0.2:3;2"]
    assert [found.info(index)["AC"] for index in range(2)] == ["1", "2"]


def test_one_wrong_count_leaves_only_its_record_unsplit(run: Run) -> None:
    header = declared("FORMAT/GT 1 String", "FORMAT/AD R Integer", "INFO/AF A Float")
    good = ("MT 3243 . A G,T . PASS AF=0.3,0.2 GT:AD 1/2:5,30,20", "MT 11778 . G A,C . PASS AF=0.3,0.2 GT:AD 1/2:5,31,21")
    found = run(vcf(good[0], "MT 8993 . T G,C . PASS AF=0.3 GT:AD 1/2:5,30", good[1], header=header))
    assert [(found.info(i)["AF"], row[9][4:]) for i, row in enumerate(found.records)] == [
        ("0.3", "5,30"), ("0.2", "5,20"), ("0.3", "5,30"), ("0.3", "5,30"), ("0.3", "5,31"), ("0.2", "5,21"),
    ]  # fmt: skip
    notes = {note["code"]: note["examples"] for note in found.summary["notes"]}
    assert notes["not_split"] == ["line 7: INFO/AF", "line 7: FORMAT/AD"]


def test_reserved_tags_are_declared_as_the_specification_has_them(run: Run) -> None:
    found = run(vcf("MT 3243 . A G,T . PASS AF=0.1,0.2;DP=9;END=3243;DB;X=1 GT:GQ 0/1:9", header=SAMPLE))
    said = {line.split("<ID=")[1].split(",Desc")[0] for line in found.header if line.startswith(("##INFO", "##FORMAT"))}
    assert {"AF,Number=A,Type=Float", "DP,Number=1,Type=Integer", "END,Number=1,Type=Integer", "DB,Number=0,Type=Flag"} <= said
    assert {"X,Number=.,Type=String", "GQ,Number=1,Type=Integer", "GT,Number=1,Type=String"} <= said
    assert [found.info(index)["AF"] for index in range(2)] == ["0.1", "0.2"]


def test_the_header_of_a_file_that_was_joined_to_another_declares_what_follows(run: Run) -> None:
    second = declared("INFO/AF A Float", "INFO/Q A Integer", "FORMAT/GT 1 String")
    found = run(
        vcf("MT 3243 . A G,T . PASS AF=0.1,0.2 GT 0/1", header=SAMPLE) + vcf("MT 8993 . T G,C . . Q=1,2 GT 0/1", header=second)
    )
    assert '##INFO=<ID=Q,Number=A,Type=Integer,Description="d">' in found.header
    assert [info.get("Q") for info in map(found.info, range(4))] == [None, None, "1", "2"]


# --- header lines


def test_header_lines_that_run_together_are_told_apart(run: Run) -> None:
    header = (
        '##fileformat=VCFv4.2##FILTER=<ID=LowQ,Description="low">\n'
        '##FILTER=<ID=RefCall,Description="like the reference">##INFO=<ID=P,Number=0,Type=Flag,Description="first pass">\n'
        '##ALT=<ID=NON_REF,Description="anything">##INFO=<ID=N,Number=1,Type=Integer,Description="no ##INFO=<ID=X here">\n'
    )
    found = run(vcf("MT 3243 . A G . RefCall P;N=1", header=header + BARE.split("\n", 1)[1]))
    assert '##FILTER=<ID=RefCall,Description="like the reference">' in found.header
    assert '##INFO=<ID=P,Number=0,Type=Flag,Description="first pass">' in found.header
    assert '##INFO=<ID=N,Number=1,Type=Integer,Description="no ##INFO=<ID=X here">' in found.header
    assert found.notes()["run_together"] == 3 and "undeclared" not in found.notes()


def test_quotes_within_a_description_are_kept_and_noted(run: Run) -> None:
    header = BARE.replace("#CHROM", '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth of "good" reads, see <a>">\n#CHROM')
    found = run(vcf("MT 3243 . A G . PASS DP=3", header=header))
    assert r'##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth of \"good\" reads, see <a>">' in found.header
    assert found.notes()["declaration_repaired"] == 1


def test_a_filter_with_a_space_keeps_its_name(run: Run) -> None:
    found = run(vcf("MT 3243 . A G . low~qual .", header=BARE).replace("~", " "))
    assert (found.records[0][6], found.notes()["spaces"]) == ("low_qual", 1)


# --- what the specification permits


@pytest.mark.parametrize("quality", ["+Inf", "-INF", "infinity", "+NaN", "nan", "1e-5", "+.5", "007."])
def test_a_quality_however_it_may_be_spelled(run: Run, quality: str) -> None:
    assert run(vcf(f"MT 3243 . A G {quality} . .", header=BARE)).records[0][5] == quality


def test_a_contig_of_an_assembly_file_is_a_contig_of_its_own(run: Run) -> None:
    found = run(vcf("MT 3243 . A G . . .", "<MT> 3243 . A G . . .", header=BARE))
    assert [(row[0], found.info(index).get("GAS_FLAG")) for index, row in enumerate(found.records)] == [
        ("MT", None), ("MT_assembly", "unknown_contig"),
    ]  # fmt: skip
    assert "##contig=<ID=MT_assembly>" in found.header


def test_a_genotype_of_an_allele_that_is_not_called_is_noted(run: Run) -> None:
    found = run(vcf("MT 3243 . A . . . . GT 0|1", header=SAMPLE))
    assert (found.records[0][9], found.notes()["no_such_allele"]) == ("0|1", 1)


def test_a_telomere_of_a_contig_without_known_variants(run: Run) -> None:
    found = run(vcf("MT 3243 . A G . . .", "odd 0 . A G . . .", "odd 1 . A G . . .", "MT 8993 . T G . . .", header=BARE))
    assert [row[:2] for row in found.records] == [["MT", "3243"], ["MT", "8993"], ["odd", "0"], ["odd", "1"]]


def test_what_a_file_lacks_at_its_ends_is_noted(run: Run) -> None:
    assert run(vcf("MT 3243 . A G . . .", header=BARE).rstrip("\n")).notes()["no_newline"] == 1
    assert run(BARE.rstrip("\n") + "\tFORMAT\n").notes()["no_samples"] == 1
    odd = BARE.replace("#CHROM", "##contig=<ID=MT,A,length=16569>\n#CHROM")
    assert run(vcf("MT 3243 . A G . . .", header=odd)).notes()["declaration_repaired"] == 1


@pytest.mark.parametrize("index", ["9" * 12, "0" * 5000 + "3", "9" * 5000])
def test_an_index_that_no_reader_takes_is_no_allele(run: Run, index: str) -> None:
    for alt in ("A,C", "."):
        with pytest.raises(InputError, match="names an allele that is not there"):
            run(vcf(f"MT 3460 . G {alt} . . . GT 0/{index}", header=SAMPLE))
    assert run(vcf("MT 3460 . G A . . . GT 0/0001", header=SAMPLE)).summary["records_out"] == 1


# --- names of samples


@pytest.mark.parametrize(
    ("raw", "name"), [(b"S\x85", "S…"), (b"S\xa0", "S"), ("\u2003S\u0085".encode(), "S"), (b"S\x81", "S\x81")]
)
def test_names_of_samples_in_other_encodings_have_no_blanks_around_them(run: Run, raw: bytes, name: str) -> None:
    columns = BARE.encode().rstrip(b"\n") + b"\tFORMAT\t" + raw
    found = run(columns + b"\nMT\t3243\t.\tA\tG\t.\tPASS\t.\tGT\t1\n")
    assert found.header[-1].split("\t")[-1] == name and found.info(0)["GAS_GENE"] == "MT-TL1"
