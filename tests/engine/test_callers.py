"""Whatever caller a file is from: no allele is lost, values go with their alleles, phase is kept, and htslib reads the result."""

import re
from collections.abc import Callable
from math import comb

import cyvcf2
import pysam
import pytest

from app.engine.bundles import manifest
from app.engine.formats.fasta import Sequences
from tests.support.annotated import Annotated
from tests.support.callers import CALLERS, text

ADDED = re.compile(r"GAS_|CSQ$|.*_original$")


@pytest.fixture(scope="module")
def genome() -> str:
    bundle = manifest.find("rcrs")
    sequences = Sequences(bundle.path(bundle.fasta))
    try:
        return sequences.get("MT", 0, 16569).decode()
    finally:
        sequences.close()


def haplotype(genome: str, position: int, ref: str, alt: str) -> str:
    """What an allele makes of the genome; symbolic ones stand for themselves."""
    if not alt.isalpha() or ref == "N":
        return f"{position} {alt}"
    return genome[: position - 1] + alt + genome[position - 1 + len(ref) :]


def numbers(content: str) -> dict[tuple[str, str], str]:
    """Number by kind and name, as the file declares it."""
    found = re.findall(r"##(INFO|FORMAT)=<ID=([^,]+),Number=([^,]+),", content)
    return {(kind, name): number for kind, name, number in found}


def of_allele(value: str, number: str, index: int, count: int) -> str:
    """The part of a value that is about one allele (from 0) of `count`."""
    parts = value.split(",")
    if number == "A" and len(parts) == count:
        return parts[index]
    if number == "R" and len(parts) == count + 1:
        return f"{parts[0]},{parts[index + 1]}"
    if number == "G" and len(parts) == comb(count + 2, 2):
        return ",".join(parts[comb(high + 1, 2) + low] for low, high in ((0, 0), (0, index + 1), (index + 1, index + 1)))
    return value


def expected(genome: str, content: str) -> dict[tuple[str, str], tuple[dict[str, str], list[dict[str, str]]]]:
    """By ID and haplotype: INFO and the samples of each allele, worked out from the input by the rules of the specification."""
    declared, found = numbers(content), {}
    for line in content.splitlines():
        if line.startswith("#"):
            continue
        _, position, name, ref, alt, _, _, info, form, *samples = line.split("\t")
        alts = alt.split(",")
        for index, one in enumerate(alts):
            said = {}
            for item in info.split(";"):
                key, equals, value = item.partition("=")
                said[key] = of_allele(value, declared.get(("INFO", key), "."), index, len(alts)) if equals else ""
            calls = []
            for sample in samples:
                values = dict(zip(form.split(":"), sample.split(":"), strict=False))
                for key in values:
                    if key == "GT":
                        values[key] = re.sub(r"\d+", lambda m, own=index + 1: "1" if int(m[0]) == own else "0", values[key])
                    else:
                        values[key] = of_allele(values[key], declared.get(("FORMAT", key), "."), index, len(alts))
                calls.append(values)
            found[name, haplotype(genome, int(position), ref, one)] = said, calls
    return found


@pytest.mark.parametrize("caller", CALLERS)
def test_nothing_that_a_caller_says_is_lost(run: Callable[..., Annotated], genome: str, caller: str) -> None:
    content = text(CALLERS[caller], lambda position, count: genome[position - 1 : position - 1 + count])
    found = run(content)
    wanted = expected(genome, content)
    assert found.summary["records_out"] == found.summary["records_in"] + found.summary["splits"] == len(wanted)
    assert not {"ref_mismatch", "not_split"} & found.notes().keys()
    for index, (_, position, name, ref, alt, _, _, _, form, *samples) in enumerate(found.records):
        info, calls = wanted.pop((name, haplotype(genome, int(position), ref, alt)))
        assert {key: value for key, value in found.info(index).items() if not ADDED.match(key)} == {
            key: value for key, value in info.items() if key not in ("CSQ", "ANN", ".")
        }
        assert [dict(zip(form.split(":"), sample.split(":"), strict=False)) for sample in samples] == calls
    assert not wanted


@pytest.mark.parametrize("caller", CALLERS)
def test_htslib_reads_the_result(run: Callable[..., Annotated], genome: str, caller: str) -> None:
    found = run(text(CALLERS[caller], lambda position, count: genome[position - 1 : position - 1 + count]))
    with pysam.VariantFile(str(found.folder / "annot.vcf.gz")) as file:
        rows = [(row.pos, row.id, dict(row.info), [dict(sample) for sample in row.samples.values()]) for row in file]
    assert len(rows) == found.summary["records_out"]


def called(row: cyvcf2.Variant | pysam.VariantRecord) -> list[list[int]]:
    """The indices of alleles of each sample, -1 where missing."""
    if isinstance(row, cyvcf2.Variant):
        return [one[:-1] for one in row.genotypes] if "GT" in row.FORMAT else []
    return [[-1 if index is None else index for index in one["GT"]] for one in row.samples.values() if "GT" in one]


@pytest.mark.parametrize("caller", CALLERS)
def test_cyvcf2_reads_the_result(run: Callable[..., Annotated], genome: str, caller: str) -> None:
    """Every record, its alleles, INFO of every tag and genotypes of every sample, as htslib's other reader has them."""
    found = run(text(CALLERS[caller], lambda position, count: genome[position - 1 : position - 1 + count]))
    path = str(found.folder / "annot.vcf.gz")
    reader = cyvcf2.VCF(path)
    seen = [(row.POS, row.ID, row.REF, row.ALT, {*dict(row.INFO)}, called(row)) for row in reader]
    assert reader.samples == found.header[-1].split("\t")[9:]
    with pysam.VariantFile(path) as file:
        # pysam has END as the end of the record, and not among its tags
        rows = [(row.pos, row.id, row.ref, list(row.alts or ()), {*row.info, *ended(row)}, called(row)) for row in file]
    assert len(seen) == found.summary["records_out"]
    assert seen == rows


def ended(row: pysam.VariantRecord) -> set[str]:
    return {"END"} if re.search(r"[\t;]END=", str(row)) else set()


@pytest.mark.parametrize("caller", CALLERS)
def test_every_allele_that_can_have_a_consequence_has_one(run: Callable[..., Annotated], genome: str, caller: str) -> None:
    found = run(text(CALLERS[caller], lambda position, count: genome[position - 1 : position - 1 + count]))
    silent = [row[4] for index, row in enumerate(found.records) if "CSQ" not in found.info(index) and row[3] != "N"]
    assert set(silent) <= {".", "<NON_REF>"}
