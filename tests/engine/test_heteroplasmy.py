"""What the summary says of each sample's mitochondrion, by whichever field has the share of the reads."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.engine.bundles import manifest
from app.engine.formats.fasta import Sequences
from app.engine.pipeline import edits
from app.engine.pipeline.annotate import annotate
from app.engine.pipeline.block import AnnotatedBlock, ContigSlice, MovedRecord, lay
from app.engine.report import heteroplasmy, heteroplasmy_words
from app.engine.report.html import html

HEADER = "##fileformat=VCFv4.2\n{}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{}\n"
WHOLE, PART = "73G 263G 750G", "3243G 8993G"


def header(*samples: str, fields: str = "") -> str:
    return HEADER.format(fields, "\t".join(samples))


def records(differences: str, rcrs: manifest.Bundle, form: str, *calls: str, filters: str = "PASS") -> str:
    """Lines of these substitutions."""
    bases = Sequences(rcrs.path(rcrs.fasta))
    rows = sorted((int(one[:-1]), one[-1]) for one in differences.split())
    return "".join(
        "\t".join(["MT", str(at), ".", bases.get("MT", at - 1, at).decode(), alt, ".", filters, ".", form, *calls]) + "\n"
        for at, alt in rows
    )


@pytest.mark.parametrize(
    ("form", "whole", "part"),
    [
        ("GT:HF", "1/1:0.99", "0/1:0.25"),
        ("GT:AF", "0/1:0.99", "0/1:0.25"),  # as Mutect2 has it: 0/1 throughout
        ("GT:VAF", "1:0.99", "0/1:0.25"),
        ("GT:AD", "1:1,99", "0/1:75,25"),
        ("GT:DP:AF:AD", "1:100:.:1,99", "0/1:100:.:75,25"),
        ("AF", "0.99", "0.25"),
        ("GT", "1/1", "0/1"),
    ],
)
def test_heteroplasmy_by_every_field(run: Callable, rcrs: manifest.Bundle, form: str, whole: str, part: str) -> None:
    text = header("one") + records(WHOLE, rcrs, form, whole) + records(PART, rcrs, form, part)
    found = run(text).summary["heteroplasmy"]
    level = None if form == "GT" else 0.25
    levels = dict.fromkeys(("lowest_level", "median_level", "highest_level"), level)
    assert found["samples"] == [{"sample": "one", "homoplasmic": 3, "heteroplasmic": 2, **levels}]
    assert (found["records"], found["not_passed"], found["homoplasmic_from"]) == (5, 0, heteroplasmy.HOMOPLASMIC)


def test_each_sample_has_its_own_counts(run: Callable, rcrs: manifest.Bundle) -> None:
    text = header("one", "other", "third") + records("73G", rcrs, "GT:AF", "0/1:1", "0/0:0.2", "./.:.")
    text += records("3333T", rcrs, "GT:AF", "0/1:0.6", "0/0:0", "1/1:.") + records("3334T", rcrs, "AF", "0.4", "0.97", "0")
    text += records("3335T", rcrs, "GT:AF", "0/1:0.1", "0/0:0", "./.:.")
    one, other, third = run(text).summary["heteroplasmy"]["samples"]
    assert (one["homoplasmic"], one["heteroplasmic"]) == (1, 3)
    assert (one["lowest_level"], one["median_level"], one["highest_level"]) == (0.1, 0.4, 0.6)
    assert [(sample["homoplasmic"], sample["heteroplasmic"]) for sample in (other, third)] == [(1, 0), (1, 0)]


def test_a_line_that_comes_in_from_another_block_is_counted() -> None:
    lines = [f"MT\t{at}\t.\tA\tG\t.\t.\tCSQ=x\tGT:AF\t0/1:0.{at}\n".encode() for at in (10, 20, 30)]

    def piece(*kept: int) -> AnnotatedBlock:
        starts = [10 * one + 9 for one in kept]
        laid = AnnotatedBlock()
        lay(laid, [ContigSlice("MT", b"MT", starts, [at + 1 for at in starts], [lines[one] for one in kept])], level=1)
        return laid

    found = piece(0, 2)
    edits.insert(found, [MovedRecord("MT", 19, 20, lines[1])], 1)
    assert found.heteroplasmy == piece(0, 1, 2).heteroplasmy and found.heteroplasmy.records == 3


def test_what_did_not_pass_is_counted_apart(run: Callable, rcrs: manifest.Bundle) -> None:
    text = header("one") + records("73G", rcrs, "GT", "1") + records("3243G", rcrs, "GT", "0/1", filters="strand_bias")
    found = run(text).summary["heteroplasmy"]
    assert (found["records"], found["not_passed"]) == (2, 1)
    assert (found["samples"][0]["homoplasmic"], found["samples"][0]["heteroplasmic"]) == (1, 0)


def test_of_many_samples_the_first_are_listed(run: Callable, rcrs: manifest.Bundle) -> None:
    many = heteroplasmy.MOST_SAMPLES + 3
    text = header(*(f"s{number}" for number in range(many))) + records("73G", rcrs, "GT", *(["1"] * many))
    found = run(text).summary["heteroplasmy"]
    assert len(found["samples"]) == heteroplasmy.MOST_SAMPLES and found["samples_left_out"] == 3
    assert "not listed: 3" in heteroplasmy_words.hint(found) and heteroplasmy_words.lines(found) == []


def test_a_file_without_samples_says_nothing(run: Callable) -> None:
    found = run("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nMT\t3243\t.\tA\tG\t.\t.\t.\n")
    assert "heteroplasmy" not in found.summary


def test_of_another_reference_only_the_mitochondrion_counts(nuclear: manifest.Bundle, tmp_path: Path) -> None:
    other = next(contig.name for contig in nuclear.contigs if contig.name not in manifest.MITOCHONDRIAL)
    own = next(contig.name for contig in nuclear.contigs if contig.name in manifest.MITOCHONDRIAL)

    def line(contig: str) -> str:
        base = Sequences(nuclear.path(nuclear.fasta)).get(contig, 99, 100).decode()
        return f"{contig}\t100\t.\t{base}\t{'A' if base != 'A' else 'G'}\t.\tPASS\t.\tGT\t0/1\n"

    for number, (text, there) in enumerate([(line(other), False), (line(other) + line(own), True)]):
        path = tmp_path / f"{number}.vcf"
        path.write_text(header("one") + text)
        summary = annotate(path, tmp_path / f"out{number}", name=path.name, bundle=nuclear).summary
        assert ("heteroplasmy" in summary) is there
    assert summary["heteroplasmy"]["records"] == summary["heteroplasmy"]["samples"][0]["heteroplasmic"] == 1


def test_the_page_and_the_mail_say_it(run: Callable, rcrs: manifest.Bundle) -> None:
    text = header("<one>") + records(WHOLE, rcrs, "GT:AF", "0/1:1") + records("3243G", rcrs, "GT:AF", "0/1:0.3")
    summary = run(text + records("8993G", rcrs, "GT:AF", "0/1:0.125")).summary
    page = html(summary)
    assert "&lt;one&gt;" in page and "12.5 to 30 %, median 21.2 %" in page
    assert heteroplasmy_words.lines(summary["heteroplasmy"]) == ["Mitochondrion: 3 homoplasmic and 2 heteroplasmic alleles"]


def test_what_matters_agrees_on_an_allele_that_most_reads_have(run: Callable, rcrs: manifest.Bundle) -> None:
    [found] = run(header("one") + records("3243G", rcrs, "GT:VAF", "0/1:0.99")).summary["what_matters"]
    assert found["genotype"] == "homoplasmic, 99 % of the reads"
