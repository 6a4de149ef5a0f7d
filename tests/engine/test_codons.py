"""Alleles that change one codon are flagged: certain on one chromosome, perhaps on one, or never together."""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from app.engine.bundles import build, manifest, sequence
from app.engine.formats.fasta import Sequences
from app.engine.pipeline import writer
from app.engine.pipeline.annotate import annotate
from app.engine.reading import input_file
from tests.support.annotated import Annotated, vcf
from tests.support.gff3 import gff3
from tests.support.made_up_gene import made_up, place

HEADER = (
    '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="p">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO'
)
CIS, MAYBE = "codon_in_cis", "codon_possibly_in_cis"
Outcome = tuple[list[tuple[int, str, str, str]], dict[str, int]]


def flags(found: Annotated) -> list[str]:
    return [found.info(index).get("GAS_FLAG", "") for index in range(len(found.records))]


def with_samples(*records: str, samples: int = 1) -> str:
    names = "\t".join(f"S{number}" for number in range(samples))
    return vcf(*records, header=f"{HEADER}\tFORMAT\t{names}\n")


def test_two_substitutions_of_one_codon_are_flagged_and_the_two_as_one_are_not(run: Callable[..., Annotated]) -> None:
    """m.8992C>T and m.8993T>G are synonymous and Leu156Arg, together they are Leu156Trp (samtools/bcftools#2094)."""
    found = run(with_samples("MT 8992 . C T . . . GT 1|1", "MT 8993 . T G . . . GT 1|1", "MT 8992 . CT TG . . . GT 1|1"))
    assert [(row[1], row[4]) for row in found.records] == [("8992", "T"), ("8992", "TG"), ("8993", "G")]
    assert flags(found) == [CIS, "", CIS]
    assert found.summary["flags"] == {CIS: 2}


GENOTYPES = [
    # format, samples of the one allele, of the other, what is said of both
    ("GT", "0|1", "0|1", CIS),
    ("GT", "0|1", "1|0", ""),
    ("GT", "0/1", "0/1", MAYBE),
    ("GT", "0/1", "0|1", MAYBE),
    ("GT", "1/1", "0/1", CIS),  # one is on both
    ("GT", "0/1", "1/1", CIS),
    ("GT", "1", "1", CIS),
    ("GT", "0/1/1", "0/1/1", CIS),  # four copies on three chromosomes
    ("GT", "0/0/1", "0/0/1", MAYBE),
    ("GT", ".|1", "1|.", MAYBE),
    ("GT", "0|1", "./.", ""),
    ("GT", "0/1", "0/0", ""),
    ("GT:PS", "0|1:7", "0|1:7", CIS),
    ("GT:PS", "0|1:7", "1|0:7", ""),
    ("GT:PS", "0|1:7", "1|0:9", MAYBE),
    ("GT:PS", "0|1:7", "0|1", MAYBE),
    ("GT", "0|1 0|1", "1|0 0/0", ""),  # never together
    ("GT", "0|1 0/1", "1|0 0/1", MAYBE),
    ("GT", "0|1 0/1 0|1", "1|0 0/1 0|1", CIS),
]


@pytest.mark.parametrize(("form", "one", "other", "told"), GENOTYPES)
def test_what_genotypes_tell(form: str, one: str, other: str, told: str, run: Callable[..., Annotated]) -> None:
    rows = (f"MT 8992 . C T . . . {form} {one}", f"MT 8993 . T G . . . {form} {other}")
    assert flags(run(with_samples(*rows, samples=one.count(" ") + 1))) == [told, told]


def test_without_genotypes_two_alleles_may_be_on_one_chromosome(run: Callable[..., Annotated]) -> None:
    assert flags(run(vcf("MT 8992 . C T . . .", "MT 8993 . T G . . ."))) == [MAYBE, MAYBE]
    no_calls = "MT 8992 . C T . . . PS 1", "MT 8993 . T G . . . GT 0|1"
    assert flags(run(with_samples(*no_calls))) == [MAYBE, MAYBE]


ALONE = {
    "alleles of one base exclude each other": ("MT 8992 . C T,A . . .",),
    "neighbours in two codons": ("MT 8991 . A G . . .", "MT 8992 . C T . . ."),
    "a deletion of the base": ("MT 8991 . ACT A . . .", "MT 8993 . T G . . ."),
    "outside of genes": ("MT 301 . A G . . .", "MT 302 . A G . . ."),
    "an insertion between two codons": ("MT 8991 . A AGGG . . .", "MT 8993 . T G . . ."),
    "a transfer RNA": ("MT 3243 . A G . . .", "MT 3244 . G A . . ."),
}


@pytest.fixture
def real(rcrs: manifest.Bundle) -> Callable[[str], str]:
    """A record with the reference's bases instead of as many letters in REF, and before an insertion or deletion in ALT."""

    def real(record: str) -> str:
        contig, position, name, ref, alt, *others = record.split()
        bases = Sequences(rcrs.path(rcrs.fasta)).get(contig, int(position) - 1, int(position) - 1 + len(ref)).decode()
        alts = ",".join(bases[0] + one[1:] if len(one) != len(ref) else one for one in alt.split(","))
        return " ".join((contig, position, name, bases, alts, *others))

    return real


@pytest.mark.parametrize("case", ALONE)
def test_what_is_no_codon_of_two_alleles(case: str, real: Callable[[str], str], run: Callable[..., Annotated]) -> None:
    assert set(flags(run(vcf(*map(real, ALONE[case]))))) == {""}


TOGETHER = {
    "the first and the third base": ("MT 8992 . C T . . .", "MT 8994 . G A . . ."),
    "a deletion of another base": ("MT 8992 . CT C . . .", "MT 8994 . G A . . ."),
    "an insertion": ("MT 8992 . C CA . . .", "MT 8994 . G A . . ."),
    "in one of two genes that overlap": ("MT 8567 . T C . . .", "MT 8568 . C T . . ."),
    "the last of three codons": ("MT 8987 . TTGCTAC GGGGGGG . . .", "MT 8994 . G A . . ."),
}


@pytest.mark.parametrize("case", TOGETHER)
def test_what_is_a_codon_of_two_alleles(case: str, real: Callable[[str], str], run: Callable[..., Annotated]) -> None:
    assert flags(run(vcf(*map(real, TOGETHER[case])))) == [MAYBE, MAYBE]


def test_a_flag_joins_the_others_of_an_allele(run: Callable[..., Annotated]) -> None:
    found = run(vcf("MT 8527 . A AA . . .", "MT 8528 . T C . . ."))  # the end of the run is the start of MT-ATP6
    assert flags(found) == [f"spelling,{MAYBE}", MAYBE]


@pytest.fixture(scope="module", params=[1, -1], ids=["forward", "reverse"])
def split(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, manifest.Bundle]:
    """The made-up gene on a strand, as a bundle; the codon of its bases 46 to 48 has an intron in it."""
    contig, transcript = made_up(request.param)
    folder, sign = tmp_path_factory.mktemp("bundle"), "+" if request.param > 0 else "-"
    (folder / "genome.fa").write_text(f">1\n{contig.decode()}\n")
    pysam.faidx(str(folder / "genome.fa"))
    sequence.build(folder / "genome.fa", folder / sequence.FILE)
    low, high = sorted((place(request.param, "1"), place(request.param, "60")))
    exons = sorted(transcript.exons)
    coding = [(max(start, low), min(end, high)) for start, end in exons]
    phases = dict(zip(coding[:: request.param], (0, 0, 1), strict=True))
    lines = [f"1 x gene {transcript.start} {transcript.end} . {sign} . ID=gene:G;biotype=protein_coding"]
    lines += [f"1 x mRNA {transcript.start} {transcript.end} . {sign} . ID=transcript:T;Parent=gene:G;biotype=protein_coding"]
    lines += [f"1 x exon {start} {end} . {sign} . Parent=transcript:T" for start, end in exons]
    lines += [f"1 x CDS {start} {end} . {sign} {phases[start, end]} Parent=transcript:T" for start, end in coding]
    models = tmp_path_factory.mktemp("models") / "genes.gff3"
    models.write_text(gff3(*lines))
    build.add_genes(models, folder, {"1": "1"})
    described = 'id = "split"\nversion = "1"\ntitle = "t"\nassembly = "made-up"\nfasta = "genome.fa"\n'
    described += f'[[contigs]]\nname = "1"\nlength = {len(contig)}\n'
    (folder / manifest.MANIFEST).write_text(described + manifest.file_table(folder))
    return request.param, manifest.load(folder)


@pytest.fixture
def outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Annotate a text in blocks of a size: position, REF, ALT and flag of each allele, and the flags counted."""

    def outcome(content: str, bundle: manifest.Bundle, block: int, jobs: int = 1) -> Outcome:
        monkeypatch.setattr(input_file, "RAW_CHUNK", block)
        (tmp_path / "in").write_text(content)
        result = annotate(tmp_path / "in", tmp_path / "out", name="x", bundle=bundle, jobs=jobs)
        rows = [line.split("\t") for line in gzip.decompress(result.vcf.read_bytes()).decode().splitlines() if line[0] != "#"]
        infos = [dict(item.partition("=")[::2] for item in row[7].split(";")) for row in rows]
        found = [(int(row[1]), row[3], row[4], info.get("GAS_FLAG", "")) for row, info in zip(rows, infos, strict=True)]
        return found, json.loads((tmp_path / "out" / "summary.json").read_text())["flags"]

    return outcome


@pytest.mark.parametrize("block", [60, 1 << 20], ids=["many blocks", "one block"])
def test_a_codon_with_an_intron_in_it(block: int, split: tuple[int, manifest.Bundle], outcome: Callable[..., Outcome]) -> None:
    strand, bundle = split
    contig, _ = made_up(strand)
    ends = sorted((place(strand, "47"), place(strand, "48")))
    rows = []
    for position in range(ends[0] - 6, ends[1] + 7):
        if position in ends or position % 7 == 0:
            ref = chr(contig[position - 1])
            rows.append(f"1 {position} . {ref} {'A' if ref != 'A' else 'C'} . . .")
    found, counted = outcome(vcf(*rows, header=HEADER + "\n"), bundle, block)
    assert [position for position, *_, flag in found if flag == MAYBE] == ends
    assert len(found) == len(rows) > 6 and counted == {MAYBE: 2}


def test_what_waits_for_too_long_is_given_up(
    split: tuple[int, manifest.Bundle], outcome: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory does not grow with the length of introns: the result is whole, with fewer flags."""
    strand, bundle = split
    contig, _ = made_up(strand)
    ends = sorted((place(strand, "47"), place(strand, "48")))
    rows = [f"1 {at} . {chr(contig[at - 1])} {'AC'[contig[at - 1] == 65]} . . ." for at in range(ends[0], ends[1] + 1)]
    monkeypatch.setattr(writer, "HELD_BYTES", 1)
    found, _ = outcome(vcf(*rows, header=HEADER + "\n"), bundle, 60)
    assert len(found) == len(rows) and not any(flag for *_, flag in found)


def dense(sequence: str, samples: int) -> list[str]:
    """Alleles of every kind at nearly every base of MT-ND1 and behind it, with genotypes."""
    dice, rows = random.Random(5), []
    for position in range(3300, 3600):
        if dice.random() < 0.3:
            continue
        ref = sequence[position - 1 : position - 1 + dice.choice((1, 1, 1, 1, 2, 4))]
        alts = {
            "".join(dice.choices("ACGT", k=dice.choice((1, 1, len(ref), len(ref), 3)))) for _ in range(dice.choice((1, 1, 2)))
        }
        alts = sorted(alts - {ref})
        if alts:
            alleles = (*range(len(alts) + 1), 0, 0)
            calls = [f"{dice.choice(alleles)}{dice.choice('||/')}{dice.choice(alleles)}" for _ in range(samples)]
            rows.append(
                "\t".join(("MT", str(position), ".", ref, ",".join(alts), ".", ".", ".", *(["GT", *calls] if samples else [])))
            )
    return [f"{row}\n" for row in rows]


def test_codons_are_counted_in_threes(rcrs: manifest.Bundle, run: Callable[..., Annotated]) -> None:
    """Substitutions in MT-ND1, which begins at 3307: those are flagged whose codon has another one at another base."""
    bases, dice = Sequences(rcrs.path(rcrs.fasta)).get("MT", 0, 20_000).decode(), random.Random(3)
    positions = [position for position in range(3307, 4262) if dice.random() < 0.3]
    rows = [f"MT {at} . {bases[at - 1]} {'AC'[bases[at - 1] == 'A']} . . ." for at in positions]
    codons = [(at - 3307) // 3 for at in positions]
    assert flags(run(vcf(*rows))) == [MAYBE if codons.count(codon) > 1 else "" for codon in codons]


@pytest.mark.parametrize("samples", [0, 3])
@pytest.mark.parametrize(("block", "jobs"), [(400, 1), pytest.param(1000, 3, marks=pytest.mark.slow)])
def test_codons_at_the_edges_of_blocks(
    samples: int, block: int, jobs: int, rcrs: manifest.Bundle, outcome: Callable[..., Outcome]
) -> None:
    rows = dense(Sequences(rcrs.path(rcrs.fasta)).get("MT", 0, 20_000).decode(), samples)
    header = HEADER + ("\tFORMAT\t" + "\t".join(f"S{number}" for number in range(samples)) if samples else "") + "\n"
    whole, counted = outcome(header + "".join(rows), rcrs, 1 << 24)
    cut, told = outcome(header + "".join(rows), rcrs, block, jobs)
    assert sorted(cut) == sorted(whole) and told == counted
    random.Random(1).shuffle(rows)
    presorted, again = outcome(header + "".join(rows), rcrs, block)
    assert sorted(presorted) == sorted(whole) and again == counted
    assert {MAYBE, *([CIS] if samples else [])} <= {word for *_, flag in whole for word in flag.split(",")}
