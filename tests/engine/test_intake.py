"""Every kind of bad or unusual input gets its verdict: refused with a sentence, repaired, flagged, or taken as it is."""

import gzip
import zlib
from collections.abc import Callable

import pytest

from app.engine.errors import InputError
from app.engine.formats import bgzf
from app.engine.reading.input_file import BGZF_END

META = "##fileformat=VCFv4.2\n##contig=<ID=MT,length=16569>\n"
DP = '##INFO=<ID=DP,Number=1,Type=Integer,Description="d">\n'
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
GT = '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
RECORD = "MT\t3460\t.\tG\tA\t50\tPASS\tDP=10\n"
GOOD = META + DP + COLUMNS + RECORD


def many(records: int) -> bytes:
    """A good file large enough to fill several blocks."""
    return (
        META + DP + COLUMNS + "".join(f"MT\t3460\tid{number * 7919}\tG\tA\t50\tPASS\tDP={number}\n" for number in range(records))
    ).encode()


def squeezed(data: bytes) -> bytes:
    return bgzf.compress(data) + BGZF_END


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "empty"),
    "zeros": (b"\0" * 5000, "zero bytes"),
    "zip": (b"PK\x03\x04" + b"x" * 100, "zip archive"),
    "utf-16": (GOOD.encode("utf-16"), "UTF-16"),
    "utf-16 without a mark": (GOOD.encode("utf-16-le"), "UTF-16"),
    "html": ("<!DOCTYPE html><html>403</html>", "HTML page"),
    "vcard": ("BEGIN:VCARD\nVERSION:3.0\nEND:VCARD\n", "vCard"),
    "json": ('{"error": "not found"}', "JSON"),
    "maf": ("#version 2.4\nHugo_Symbol\tChromosome\n", "maf2vcf"),
    "fasta": (">chrM\nGATCACAGG\n", "FASTA"),
    "bam": (squeezed(b"BAM\x01" + b"\0" * 50), "BAM"),
    "compressed twice": (gzip.compress(gzip.compress(GOOD.encode())), "compressed twice"),
    "xz": (b"\xfd7zXZ\x00" + b"x" * 50, "xz"),
    "words": ("hello\nworld\n", "does not look like a VCF"),
    "no columns line": (META + RECORD, "#CHROM column line is missing before line 3"),
    "header only, cut": (META, "#CHROM column line is missing"),
    "truncated gzip": (gzip.compress(many(5000))[:-3000], "truncated after about"),
    "truncated bgzip": (squeezed(many(9000))[:-2000], "truncated after about"),
    "bgzip without its end": (bgzf.compress(many(10)), "end-of-file marker"),
    "corrupt bgzip": (squeezed(many(9000))[:40_000] + b"\x55" * 20 + squeezed(many(9000))[40_020:], "corrupt"),
    "hg19 mitochondrion": (META.replace("MT,length=16569", "chrM,length=16571") + COLUMNS + RECORD, "NC_001807"),
    "another build": ("##fileformat=VCFv4.0\n##reference=human_b36.fasta\n" + COLUMNS + "Y\t5\t.\tA\tG\t.\t.\t.\n", "NCBI36"),
    "another organism": (
        META + "##contig=<ID=NC_000913.3,length=4641652>\n" + COLUMNS + "NC_000913.3\t5\t.\tA\tG\t.\t.\t.\n",
        "4641652",
    ),
    "every REF wrong": (
        META + COLUMNS + "MT\t3460\t.\tC\tA\t.\t.\t.\n",
        "line 4, MT:3460 has C in the file and G in the reference",
    ),
    "few columns": (GOOD + "MT\t3461\t.\tC\n", "Line 6 has 4 columns"),
    "spaces for tabs": (META + DP + COLUMNS.replace("\t", " ") + RECORD, "spaces instead of tabs"),
    "beyond the end": (GOOD + "MT\t20000\t.\tG\tA\t.\t.\t.\n", "Line 6: MT:20000 lies beyond the end of MT"),
    "position in words": (GOOD + "MT\tx\t.\tG\tA\t.\t.\t.\n", 'POS is "x"'),
    "bad quality": (GOOD + "MT\t3460\t.\tG\tA\thigh\t.\t.\n", 'QUAL is "high"'),
    "dash allele": (GOOD + "MT\t3460\t.\tG\t-\t.\t.\t.\n", "needs the base before it"),
    "space in INFO": (GOOD + "MT\t3460\t.\tG\tA\t.\t.\tDP=10; AF=0.5 ;\n", 'Line 6: INFO contains spaces ("DP=10; AF=0.5 ;")'),
    "NUL": (GOOD + "MT\t3460\t.\tG\tA\t.\t.\tX=\0\n", "Line 6 contains NUL"),
    "missing sample": (
        META + GT + COLUMNS[:-1] + "\tFORMAT\tS1\tS2\nMT\t3460\t.\tG\tA\t.\t.\t.\tGT\t0/1\n",
        "1 genotype column, the header declares 2",
    ),
    "duplicate sample": (META + GT + COLUMNS[:-1] + "\tFORMAT\tS1\tS1\n", "used twice"),
    "too many values": (
        META + GT + COLUMNS[:-1] + "\tFORMAT\tS1\nMT\t3460\t.\tG\tA\t.\t.\t.\tGT\t0/1:3\n",
        "2 values for 1 FORMAT key",
    ),
    "allele that is not there": (
        META + GT + COLUMNS[:-1] + "\tFORMAT\tS1\nMT\t3460\t.\tG\tA\t.\t.\t.\tGT\t0/2\n",
        "names an allele",
    ),
    "end out of reach": (GOOD + "MT\t3461\t.\tC\t<DEL>\t.\t.\tEND=911656900\n", "END=911656900 lies beyond the end"),
    "version 5": (GOOD.replace("4.2", "5.0"), "not supported"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_sentence(case: str, run: Callable) -> None:
    content, words = REFUSED[case]
    with pytest.raises(InputError) as caught:
        run(content)
    assert words in caught.value.message
    assert caught.value.message.endswith((".", "?"))


REPAIRED: dict[str, tuple[str | bytes, str]] = {
    "mark": (b"\xef\xbb\xbf" + GOOD.encode(), "bom"),
    "Windows": (GOOD.replace("\n", "\r\n"), "crlf"),
    "old Macintosh": (GOOD.replace("\n", "\r"), "crlf"),
    "no version": (GOOD.removeprefix("##fileformat=VCFv4.2\n"), "no_fileformat"),
    "blank lines": (GOOD + "\n\n", "blank_lines"),
    "no contig lines": (DP.join(("##fileformat=VCFv4.2\n", COLUMNS + RECORD)), "contigs_added"),
    "RefSeq name": (GOOD.replace("MT", "NC_012920.1"), "contig_alias"),
    "undeclared": (GOOD.replace("PASS\tDP=10", "q99\tFOO=bar;BAZ"), "undeclared"),
    "lower case": (GOOD.replace("G\tA", "g\ta"), "lower_case"),
    "Latin-1": (GOOD.replace("DP=10", "DP=10;N=h\u00e9").encode("latin-1"), "encoding"),
    "no type": (GOOD.replace(",Type=Integer", ""), "declaration_repaired"),
    "other type": (GOOD.replace("DP=10", "DP=1.5"), "retyped"),
    "trailing tabs": (GOOD.replace("DP=10\n", "DP=10\t\t\n"), "trailing_tab"),
    "VCF 3.3": (
        '##format=VCFv3.3\n##INFO=DP,1,Integer,"Depth"\n' + COLUMNS + "MT\t3460\t.\tG\tIAC\t50\t0\tDP=10\n",
        "allele_notation",
    ),
    "space in a value": (GOOD.replace("DP=10", "DP=10;N=a b"), "spaces"),
    "run again": (GOOD.replace("DP=10", "DP=10;GAS_CSQ=x;BCSQ=y|z"), "earlier_run"),
}


@pytest.mark.parametrize("case", REPAIRED)
def test_repaired_and_said_so(case: str, run: Callable) -> None:
    content, code = REPAIRED[case]
    found = run(content)
    assert code in found.notes()
    assert len(found.records) == 1
    assert found.records[0][7].count("GAS_CSQ=") == 1


@pytest.mark.parametrize("content", [GOOD, gzip.compress(GOOD.encode()), squeezed(GOOD.encode())], ids=["plain", "gzip", "bgzip"])
def test_taken_as_it_is(content: str | bytes, run: Callable) -> None:
    found = run(content)
    assert found.notes() == {}
    assert found.info(0)["GAS_GENE"] == "MT-ND1"


ANNOTATED = (
    GOOD.replace(
        "#CHROM", '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from {}. Format: Allele|X">\n#CHROM'
    )
    .replace("#CHROM", '##INFO=<ID=ANN,Number=.,Type=String,Description="Functional annotations">\n#CHROM')
    .replace("DP=10", "DP=10;CSQ=A|b;ANN=A|c")
)


def test_annotations_of_other_programs_are_kept_under_another_name(run: Callable) -> None:
    found = run(ANNOTATED.replace("{}", "Ensembl VEP"))
    info = found.info(0)
    assert (info["CSQ_original"], info["ANN_original"], "ANN" in info) == ("A|b", "A|c", False)
    assert info["CSQ"].startswith("A|missense_variant|")
    declared = [line for line in found.header if line.startswith(("##INFO=<ID=CSQ", "##INFO=<ID=ANN"))]
    assert sorted(line.split(",")[0].split("ID=")[1] for line in declared) == ["ANN_original", "CSQ", "CSQ_original"]
    assert "from Ensembl VEP. Format: Allele|X" in next(line for line in declared if "CSQ_original" in line)
    assert found.notes() == {"kept_as": 2}


def test_an_earlier_run_is_replaced_and_what_it_kept_stays(run: Callable) -> None:
    before = run(ANNOTATED.replace("{}", "Ensembl VEP"))
    again = run("\n".join([*before.header, *("\t".join(record) for record in before.records), ""]))
    assert {**again.info(0)} == {**before.info(0)}
    assert again.notes() == {"earlier_run": sum(tag.startswith(("GAS_", "CSQ")) for tag in before.info(0)) - 1}


def test_contig_names_come_back_as_they_were(run: Callable) -> None:
    found = run(GOOD.replace("MT", "chrM"))
    assert found.records[0][0] == "chrM"
    assert "##contig=<ID=chrM,length=16569>" in found.header
    assert found.info(0)["GAS_GENE"] == "MT-ND1"


def test_unsorted_records_are_sorted(run: Callable) -> None:
    found = run(GOOD + "MT\t73\t.\tA\tG\t.\t.\t.\n")
    assert [record[1] for record in found.records] == ["73", "3460"]
    assert found.notes() == {"unsorted": 1}


def test_values_are_never_reformatted(run: Callable) -> None:
    info = "DP=007;F=0.10;E=1e-300;B=99999999999999;S=x,y"
    found = run(GOOD.replace("DP=10", info))
    assert found.records[0][7].startswith(info + ";GAS_")


def test_masked_alleles_come_back_with_their_reason(run: Callable) -> None:
    alleles = {"<DEL>": None, "<ODD>": "symbolic", "A[MT:12000[": None, "R": "ambiguous", "<NON_REF>": None, "*": None, ".": None}
    found = run(META + COLUMNS + "".join(f"MT\t3455\t.\tC\t{alt}\t.\t.\t.\n" for alt in alleles))
    assert [(record[1], record[4]) for record in found.records] == [("3455", alt) for alt in alleles]
    assert [found.info(index).get("GAS_FLAG") for index in range(len(alleles))] == list(alleles.values())


def test_one_wrong_ref_among_many_is_flagged(run: Callable) -> None:
    found = run(GOOD + RECORD * 3 + "MT\t3461\t.\tA\tG\t.\t.\t.\n")
    assert found.notes() == {"ref_mismatch": 1}
    assert found.info(4)["GAS_FLAG"] == "ref_mismatch"
    assert found.records[4][3:5] == ["A", "G"]


def test_splitting_keeps_counts_and_values_apart(run: Callable) -> None:
    fields = '##INFO=<ID=AF,Number=A,Type=Float,Description="f">\n##FORMAT=<ID=AD,Number=R,Type=Integer,Description="a">\n'
    record = "MT\t3460\t.\tG\tA,C,T\t.\t.\tAF=0.10,0.20,0.30\tGT:AD\t1/2:1,2,3,4\t0|3:5,6,7,8\n"
    found = run(META + fields + GT + COLUMNS[:-1] + "\tFORMAT\tS1\tS2\n" + record)
    assert (found.summary["records_in"], found.summary["splits"], found.summary["records_out"]) == (1, 2, 3)
    assert [found.info(index)["AF"] for index in range(3)] == ["0.10", "0.20", "0.30"]
    assert [record[9].split(":")[1] for record in found.records] == ["1,2", "1,3", "1,4"]


def test_wrong_number_of_values_is_not_split(run: Callable) -> None:
    fields = '##INFO=<ID=AF,Number=A,Type=Float,Description="f">\n'
    found = run(META + fields + COLUMNS + "MT\t3460\t.\tG\tA,C\t.\t.\tAF=0.1\n")
    assert [found.info(index)["AF"] for index in range(2)] == ["0.1", "0.1"]
    assert found.notes() == {"wrong_count": 1, "not_split": 1}


def test_genotypes_of_any_ploidy_are_untouched(run: Callable) -> None:
    calls = ["1", "0|1", "0/0/1", "./.", ".", "1/1/1/1"]
    names = "\t".join(f"S{number}" for number in range(len(calls)))
    found = run(META + GT + COLUMNS[:-1] + f"\tFORMAT\t{names}\nMT\t3460\t.\tG\tA\t.\t.\t.\tGT\t" + "\t".join(calls) + "\n")
    assert found.records[0][9:] == calls


def test_a_header_without_records(run: Callable) -> None:
    found = run("##fileformat=VCFv4.2\n" + COLUMNS)
    assert (found.records, found.summary["records_out"]) == ([], 0)


def test_ratio_bombs_stay_small(run: Callable) -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = bomb.compress(GOOD.encode() + RECORD.encode() * 20_000) + bomb.flush()
    assert run(data).summary["records_out"] == 20_001


def test_every_added_tag_is_declared(run: Callable) -> None:
    found = run(GOOD + "MT\t8993\t.\tT\tG\t.\t.\t.\nMT\t9000\t.\tA\tA[MT:1[\t.\t.\t.\n")
    declared = {line.split("ID=")[1].split(",")[0] for line in found.header if line.startswith("##INFO=")}
    used = {item.partition("=")[0] for record in found.records for item in record[7].split(";")}
    assert used <= declared


def test_a_format_column_without_samples_is_removed(run: Callable) -> None:
    found = run(META + COLUMNS[:-1] + "\tFORMAT\nMT\t263\t.\tA\tG\t.\t.\t.\tGT\nMT\t8860\trs1\tA\tG\t.\t.\t.\n")
    assert found.notes()["format_dropped"] == 1
    assert [len(record) for record in found.records] == [8, 8]
    assert found.header[-1].endswith("\tINFO")
