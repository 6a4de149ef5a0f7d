"""What is written is read by others: bcftools, tabix, cyvcf2, a reader of tables and a strict one; and inputs of any size."""

import csv
import gzip
import hashlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cyvcf2
import pysam
import pytest
import typer
from typer.testing import CliRunner

from app.cli.annotate import annotate as annotate_command
from app.engine.bundles import manifest
from app.engine.consequence.csq_fields import NAMES
from app.engine.formats import bcftools
from app.engine.limits import Limits
from app.engine.pipeline.annotate import annotate
from tests.support import mutations, strict
from tests.support.promises import Forked, nuclear_seed

SAMPLE = Path(__file__).parents[2] / "app" / "web" / "static" / "sample.vcf"
HEADER = '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
INPUTS = {f"seed {number}": seed for number, seed in enumerate(mutations.SEEDS)} | {"sample": SAMPLE.read_bytes()}


def table(path: Path, above: int = 0) -> tuple[list[str], list[list[str]]]:
    """Columns and rows as a reader of tables sees them that knows quotes, below the first `above` lines."""
    csv.field_size_limit(1 << 24)
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as text:
        columns, *rows = csv.reader(itertools.islice(text, above, None), delimiter="\t")
    return columns, rows


@dataclass
class Written:
    path: Path
    text: bytes
    total: int

    def records(self) -> list[list[str]]:
        return [line.split("\t") for line in self.text.decode().splitlines() if not line.startswith("#")]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcftools, "spawn", Forked)


@pytest.fixture
def write(tmp_path: Path, rcrs: manifest.Bundle) -> Callable[..., Written]:
    def write(data: bytes, bundle: manifest.Bundle = rcrs, limits: Limits | None = None) -> Written:
        (tmp_path / "in").write_bytes(data)
        result = annotate(tmp_path / "in", tmp_path / "out", name="x", bundle=bundle, limits=limits or Limits())
        return Written(result.vcf, gzip.decompress(result.vcf.read_bytes()), result.summary["records_out"])

    return write


def check(written: Written) -> None:
    """Every reader sees every record, and the same in it."""
    assert list(strict.faults(written.text, odd_names=False)) == []
    records = written.records()
    assert len(records) == written.total > 0
    with open(os.devnull, "wb") as nothing:
        assert Forked("view", str(written.path), stdout=nothing, stderr=nothing).wait() == 0
    with pysam.TabixFile(str(written.path)) as index:
        assert [row.split("\t") for contig in index.contigs for row in index.fetch(contig)] == records
        contig, position = records[0][:2]
        assert next(index.fetch(contig, int(position) - 1, int(position))).split("\t") == records[0]
    seen = [(v.CHROM, v.POS, v.REF, v.ALT, v.INFO.get("GAS_CSQ"), v.INFO.get("GAS_FLAG")) for v in cyvcf2.VCF(str(written.path))]
    infos = [dict(item.partition("=")[::2] for item in record[7].split(";")) for record in records]
    assert seen == [
        (r[0], int(r[1]), r[3], [] if r[4] == "." else [r[4]], info.get("GAS_CSQ"), info.get("GAS_FLAG"))
        for r, info in zip(records, infos, strict=True)
    ]
    above = sum(line.startswith(b"##") for line in written.text.splitlines())
    columns, rows = table(written.path, above)
    assert columns[:8] == COLUMNS.split("\t")
    assert rows == records


def test_cyvcf2_reads_the_consequences_by_their_header(write: Callable[..., Written], nuclear: manifest.Bundle) -> None:
    """The entries of INFO/CSQ have the fields that the header's Format names, as those of VEP."""
    rows = "MT\t3460\t.\tG\tA,C\t.\t.\t.\nMT\t7445\t.\tA\tG\t.\t.\t.\nMT\t8567\t.\tT\tC\t.\t.\t.\n"
    reader = cyvcf2.VCF(str(write(f"##fileformat=VCFv4.2\n{COLUMNS}\n{rows}".encode(), nuclear).path))
    description = reader.get_header_type("CSQ")["Description"].strip('"')
    names = description.partition("Format: ")[2].split("|")
    found = []
    for record in reader:
        for text in record.INFO["CSQ"].split(","):
            entry = dict(zip(names, text.split("|"), strict=True))
            if entry["BIOTYPE"] == "protein_coding" and not entry["DISTANCE"]:
                found.append(
                    (record.POS, *(entry[name] for name in ("Allele", "SYMBOL", "Consequence", "Codons", "HGVSc", "HGVSp")))
                )
    assert found == [
        (3460, "A", "MT-ND1", "missense_variant", "Gcc/Acc", "ENST00000361390:c.154G>A", "YP_003024026.1:p.Ala52Thr"),
        (3460, "C", "MT-ND1", "missense_variant", "Gcc/Ccc", "ENST00000361390:c.154G>C", "YP_003024026.1:p.Ala52Pro"),
        (7445, "G", "MT-CO1", "stop_retained_variant", "agA/agG", "ENST00000361624:c.1542A>G", "YP_003024028.1:p.Ter514%3D"),
        (8567, "C", "MT-ATP8", "missense_variant", "Tcc/Ccc", "ENST00000361851:c.202T>C", "YP_003024030.1:p.Ser68Pro"),
        (8567, "C", "MT-ATP6", "missense_variant", "aTc/aCc", "ENST00000361899:c.41T>C", "YP_003024031.1:p.Ile14Thr"),
    ]


Entries = list[tuple[str, int, str, str, list[str]]]


def entries(written: Written) -> Entries:
    """Every entry of CSQ as it was written: contig, position, REF, ALT and fields, empty ones as dots."""
    found = []
    for record in written.records():
        values = dict(item.partition("=")[::2] for item in record[7].split(";")).get("CSQ", "")
        found += [(record[0], int(record[1]), record[3], record[4], entry) for entry in values.split(",") if entry]
    return [(*site, [field or "." for field in entry.split("|")]) for *site, entry in found]


def by_cyvcf2(path: Path) -> Entries:
    rows = cyvcf2.VCF(str(path))
    found = [
        (row.CHROM, row.POS, row.REF, (row.ALT or ["."])[0], entry)
        for row in rows
        for entry in (row.INFO.get("CSQ") or "").split(",")
    ]
    return [(*site, [field or "." for field in entry.split("|")]) for *site, entry in found if entry]


def by_pysam(path: Path) -> Entries:
    with pysam.VariantFile(str(path)) as rows:
        found = [
            (row.chrom, row.pos, row.ref, (row.alts or ["."])[0], entry) for row in rows for entry in row.info.get("CSQ", ())
        ]
    return [(*site, [field or "." for field in entry.split("|")]) for *site, entry in found]


def by_split_vep(path: Path) -> Entries:
    """Debian's bcftools with its plugins, where it is installed."""
    command = [shutil.which("bcftools") or "bcftools", "+split-vep", str(path), "-A", "tab", "-d", "-f"]
    text = subprocess.run([*command, "%CHROM\t%POS\t%REF\t%ALT\t%CSQ\n"], capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in text.splitlines()]
    return [(contig, int(position), ref, alt, fields) for contig, position, ref, alt, *fields in rows if fields != ["."]]


needs_plugins = pytest.mark.skipif(
    not any(Path(folder, "split-vep.so").exists() for folder in ("/usr/lib/x86_64-linux-gnu/bcftools", "/usr/libexec/bcftools")),
    reason="bcftools is not installed with its plugins",
)


@pytest.mark.parametrize("reader", [by_cyvcf2, by_pysam, pytest.param(by_split_vep, marks=needs_plugins)])
def test_every_entry_of_csq_is_read_as_it_was_written(
    reader: Callable[[Path], Entries], write: Callable[..., Written], nuclear: manifest.Bundle, rcrs: manifest.Bundle
) -> None:
    for content, bundle in ((nuclear_seed(), nuclear), (SAMPLE.read_bytes(), rcrs)):
        written = write(content, bundle)
        said = entries(written)
        assert len(said) >= 10 and {len(fields) for *_, fields in said} == {len(NAMES)}
        assert reader(written.path) == said


@pytest.mark.parametrize("case", INPUTS)
def test_others_read_it(case: str, write: Callable[..., Written]) -> None:
    check(write(INPUTS[case]))


def test_others_read_a_genome_of_two_codes(write: Callable[..., Written], nuclear: manifest.Bundle) -> None:
    written = write(nuclear_seed(), nuclear)
    check(written)
    assert {record[0] for record in written.records()} == {"1", "MT"}


def test_thousands_of_samples(write: Callable[..., Written]) -> None:
    names = "\t".join(f"S{number}" for number in range(4000))
    calls = "\t".join(("0/1", "1/1", "./.", "0|1") * 1000)
    record = f"MT\t3460\t.\tG\tA\t.\t.\t.\tGT\t{calls}\n"
    written = write(f"{HEADER}{COLUMNS}\tFORMAT\t{names}\n{record}{record}".encode())
    check(written)
    assert written.records()[1][9:] == calls.split("\t")


def test_very_long_lines(write: Callable[..., Written]) -> None:
    long = "A" * 3_000_000
    written = write(f"{HEADER}{COLUMNS}\nMT\t3460\t.\tG\tA\t.\t.\tN={long}\nMT\t3461\t.\tC\tT\t.\t.\t.\n".encode())
    check(written)
    assert written.records()[0][7].startswith(f"N={long};")


@pytest.fixture
def gas() -> Callable[..., tuple[int, str]]:
    """The command line: exit code, and all that it says."""
    app = typer.Typer()
    app.command()(annotate_command)

    def gas(*arguments: object) -> tuple[int, str]:
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], terminal_width=200)
        return done.exit_code, done.output

    return gas


def test_the_table_is_read_by_others_and_says_where_each_row_is_from(gas: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    assert gas(SAMPLE, "-o", tmp_path)[0] == 0
    columns, rows = table(tmp_path / "sample.annot.tsv")
    (provenance,), impacts = ({row[columns.index(name)] for row in rows} for name in ("provenance", "impact"))
    assert provenance.startswith("rcrs/2 ")
    assert impacts <= {"HIGH", "MODERATE", "LOW", "MODIFIER", ""}


def test_provenance_is_in_every_output(gas: Callable[..., tuple[int, str]], tmp_path: Path, rcrs: manifest.Bundle) -> None:
    assert gas(SAMPLE, "-o", tmp_path)[0] == 0
    digest = hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    for path in tmp_path.iterdir():
        if path.suffix != ".tbi":
            body = path.read_bytes()
            text = (gzip.decompress(body) if path.suffix == ".gz" else body).decode()
            shown = digest[:12] if path.suffix == ".tsv" else digest
            assert shown in text and rcrs.id in text and "gas" in text, path.name


def test_the_command_teaches(gas: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    status, said = gas("--help")
    assert status == 0
    for words in ("Exit codes", "gas annotate patient.vcf.gz -o results", "NAME.annot.vcf.gz", "the file is at fault"):
        assert words in said
    (tmp_path / "file").write_text("")
    usage = {
        ("--out", tmp_path / "file"): "is a file",
        ("--out", tmp_path / "file" / "below"): "cannot be written",
        ("--out", tmp_path, "--bundle", "none"): "There is no reference bundle 'none'",
        ("--out", tmp_path, "--limit", "beer=1"): "There is no limit 'beer'",
        ("--out", tmp_path, "--limit", "records=few"): "expected a number",
    }
    for arguments, words in usage.items():
        status, said = gas(SAMPLE, *arguments)
        assert status == 2 and words in " ".join(said.replace("│", " ").split()), said
    status, said = gas(SAMPLE, "-o", tmp_path, "--limit", "records=3")
    assert status == 1 and "more than 3 records" in said
