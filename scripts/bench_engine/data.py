"""What the engine is measured on, made from seeds: a genome with genes and a track, and VCFs with and without samples."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.bundles import build, manifest
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts

CONTIGS, CONTIG_BASES = 5, 10_000_000
GENES = 1_500
KNOWN = 5_000_000
BUNDLE = "nuclear"
LETTERS = np.frombuffer(b"ACGT", np.uint8)
_NAMES = [str(number) for number in range(1, CONTIGS + 1)]
_COMPLEMENT = bytes.maketrans(b"ACGT", b"TGCA")
_RECIPE = """id = "{bundle}"
version = "1"
title = "A generated genome"
assembly = "generated"
[sequence]
url = "{site}/genome.fa"
[genes]
url = "{site}/genes.gff3"
[[tracks]]
id = "known"
title = "Known alleles"
format = "vcf"
url = "{site}/known.vcf"
[[tracks.columns]]
tag = "GAS_RSID"
from = "ID"
number = "1"
type = "String"
description = "Identifier"
[[tracks.columns]]
tag = "GAS_KAF"
from = "AF"
number = "1"
type = "Float"
description = "Frequency"
"""
_META = """##FILTER=<ID=q10,Description="Low quality">
##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">
##INFO=<ID=AN,Number=1,Type=Integer,Description="Alleles">
##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=MQ,Number=1,Type=Float,Description="Mapping quality">
##INFO=<ID=DB,Number=0,Type=Flag,Description="In a data base">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths of alleles">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
"""
_COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
_GENOTYPES = ("0/0", "0/0", "0/0", "0/1", "0/1", "1/1", "./.")
_CALLS = 4096  # different ones, of which each record draws

Array = NDArray[Any]
Row = tuple[str, int, str, str]
"""Contig, position, REF and ALT."""


def nuclear(folder: Path) -> manifest.Bundle:
    """Returns the bundle of the generated genome, which is made in `folder` unless it is there."""
    target = folder / "bundles" / BUNDLE
    if not (target / manifest.MANIFEST).is_file():
        sources = folder / "sources"
        sources.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        _sources(sources)
        with _site(sources) as site:
            (folder / "recipe.toml").write_text(_RECIPE.format(bundle=BUNDLE, site=site))
            build.build(folder / "recipe.toml", target, folder / "cache")
    return manifest.load(target)


@contextmanager
def _site(folder: Path) -> Iterator[str]:
    """A folder as a site on loopback, which is where a bundle is built from."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _sources(folder: Path) -> None:
    """Writes genome.fa, genes.gff3 and known.vcf."""
    rng = np.random.default_rng(11)
    bases = {name: LETTERS[rng.choice(4, CONTIG_BASES, p=(0.3, 0.2, 0.2, 0.3))] for name in _NAMES}
    with (folder / "genes.gff3").open("w") as models:
        models.write("##gff-version 3\n")
        each = GENES // CONTIGS
        step = CONTIG_BASES // each
        for number in range(GENES):
            contig = _NAMES[number // each]
            start = number % each * step + int(rng.integers(500, 3000))
            models.writelines(_gene(rng, bases[contig], contig, start, start + step - 3_500, number))
    with (folder / "genome.fa").open("wb") as fasta:
        for name, letters in bases.items():
            fasta.write(b">%b\n" % name.encode())
            fasta.writelines(bytes(line) + b"\n" for line in letters.reshape(-1, 100))
    with (folder / "known.vcf").open("w") as known:
        known.write(_header(_lengths(), "").replace(_META, '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n'))
        for name in _NAMES:
            positions, refs, alts = _known(name, bases[name])
            shares = rng.random(len(positions)).tolist()
            rows = zip(positions.tolist(), bytes(refs).decode(), bytes(alts).decode(), shares, strict=True)
            known.writelines(f"{name}\t{at}\trs{at}\t{ref}\t{alt}\t.\t.\tAF={share:.5f}\n" for at, ref, alt, share in rows)


def _known(contig: str, letters: Array) -> tuple[Array, Array, Array]:
    """The known alleles of a contig: positions, REF and ALT."""
    rng = np.random.default_rng(100 + int(contig))
    positions = np.sort(rng.choice(CONTIG_BASES - 100, KNOWN // CONTIGS, replace=False)) + 50
    refs = letters[positions - 1]
    return positions, refs, _others(rng, refs)


def _others(rng: np.random.Generator, refs: Array) -> Array:
    """For each base one of the three others."""
    return LETTERS[(np.searchsorted(LETTERS, refs) + rng.integers(1, 4, len(refs))) % 4]


def _gene(rng: np.random.Generator, letters: Array, contig: str, start: int, most: int, number: int) -> Iterator[str]:
    """Lines of a gene with two transcripts, the first of which is given a reading frame in the genome."""
    strand, exons, at = "+-"[int(rng.integers(2))], list[tuple[int, int]](), start
    for _ in range(int(rng.integers(3, 12))):
        size = int(rng.integers(90, 320))
        if at + size > most and len(exons) > 1:
            break
        exons.append((at, at + size - 1))
        at += size + int(rng.integers(150, 1600))
    gene, symbol = f"ENSG{number:011d}", f"SYN{number:04d}"
    source = f"{contig}\tensembl_havana\t"
    named = f"ID=gene:{gene};Name={symbol};biotype=protein_coding;version=1"
    yield f"{source}gene\t{start}\t{exons[-1][1]}\t.\t{strand}\t.\t{named}\n"
    for nth, kept in enumerate((exons, exons[: max(2, len(exons) - 1)])):
        transcript = f"ENST{2 * number + nth:011d}"
        coding = [[max(first, kept[0][0] + 40), min(last, kept[-1][1] - 40)] for first, last in kept]
        beyond = sum(last - first + 1 for first, last in coding) % 3
        coding[-1 if strand == "+" else 0][strand == "+"] += -beyond if strand == "+" else beyond
        if not nth:
            _frame(letters, coding, strand)
        tail = f"Parent=transcript:{transcript}\n"
        yield (
            f"{source}mRNA\t{kept[0][0]}\t{kept[-1][1]}\t.\t{strand}\t.\tID=transcript:{transcript};Parent=gene:{gene};"
            f"biotype=protein_coding;tag=basic;transcript_id={transcript};version=1\n"
        )
        utrs = [(kept[0][0], coding[0][0] - 1), (coding[-1][1] + 1, kept[-1][1])]
        for kind, (first, last) in zip(("five", "three")[:: 1 if strand == "+" else -1], utrs, strict=True):
            yield f"{source}{kind}_prime_UTR\t{first}\t{last}\t.\t{strand}\t.\t{tail}"
        yield from (f"{source}exon\t{first}\t{last}\t.\t{strand}\t.\t{tail}" for first, last in kept)
        done = 0
        for first, last in coding if strand == "+" else coding[::-1]:
            yield f"{source}CDS\t{first}\t{last}\t.\t{strand}\t{-done % 3}\tID=CDS:P{transcript};{tail}"
            done += last - first + 1


def _frame(letters: Array, coding: list[list[int]], strand: str) -> None:
    """Writes a start codon, no stop before the end, and a stop into the coding bases."""
    places = np.concatenate([np.arange(first - 1, last) for first, last in coding])
    places = places if strand == "+" else places[::-1]
    text = bytes(letters[places])
    text = text if strand == "+" else text.translate(_COMPLEMENT)
    codons = [text[at : at + 3] for at in range(3, len(text) - 3, 3)]
    text = b"".join([b"ATG", *(b"C" + one[1:] if one in (b"TAA", b"TAG", b"TGA") else one for one in codons), b"TAA"])
    letters[places] = np.frombuffer(text if strand == "+" else text.translate(_COMPLEMENT), np.uint8)


def _lengths() -> dict[str, int]:
    return dict.fromkeys(_NAMES, CONTIG_BASES)


def _header(lengths: dict[str, int], samples: str) -> str:
    contigs = "".join(f"##contig=<ID={name},length={length}>\n" for name, length in lengths.items())
    return f"##fileformat=VCFv4.2\n{contigs}{_META}{_COLUMNS}{samples}\n"


def nuclear_rows(bundle: manifest.Bundle, records: int) -> Iterator[Row]:
    """Half known alleles, half others: of those four in five substitutions, the rest insertions and deletions."""
    sequence = Sequence.open(bundle.path(bundle.sequence))
    for name in _NAMES:
        letters, rng = sequence.view(name), np.random.default_rng(200 + int(name))
        positions, refs, alts = _known(name, letters)
        wanted = records // CONTIGS
        took = np.sort(rng.choice(len(positions), wanted // 2, replace=False))
        rows = list(zip(positions[took].tolist(), bytes(refs[took]).decode(), bytes(alts[took]).decode(), strict=True))
        rows += _made(rng, letters, np.sort(rng.choice(CONTIG_BASES - 200, wanted - len(rows), replace=False)) + 100, (80, 90))
        yield from ((name, *row) for row in sorted(rows))


def mitochondrial_rows(bundle: manifest.Bundle, records: int) -> Iterator[Row]:
    """Nine of ten are substitutions, the rest insertions and deletions."""
    (contig,) = bundle.contigs
    letters, rng = Sequence.open(bundle.path(bundle.sequence)).view(contig.name), np.random.default_rng(7)
    places = np.setdiff1d(np.arange(1, contig.length - 12), np.arange(3099, 3110))  # rCRS has an N at 3107
    chosen = np.sort(rng.choice(places, records, replace=records > len(places)))
    yield from ((contig.name, *row) for row in _made(rng, letters, chosen, (90, 95)))


def _made(rng: np.random.Generator, letters: Array, positions: Array, shares: tuple[int, int]) -> list[tuple[int, str, str]]:
    """An allele at each position: below the first of `shares` percent a substitution, below the second an insertion."""
    kinds, sizes = rng.integers(0, 100, len(positions)).tolist(), rng.integers(1, 5, len(positions)).tolist()
    refs = letters[positions - 1]
    alts, inserted = bytes(_others(rng, refs)).decode(), bytes(LETTERS[rng.integers(0, 4, len(positions) + 4)]).decode()
    bases = bytes(refs).decode()
    found = []
    for index, (at, kind, size) in enumerate(zip(positions.tolist(), kinds, sizes, strict=True)):
        base = bases[index]
        if kind < shares[0]:
            found.append((at, base, alts[index]))
        elif kind < shares[1]:
            found.append((at, base, base + inserted[index : index + size]))
        else:
            found.append((at, bytes(letters[at - 1 : at + size]).decode(), base))
    return found


def write_vcf(path: Path, bundle: manifest.Bundle, rows: Iterator[Row], samples: int = 0, *, plain: bool = False) -> None:
    """Writes a VCF with the INFO that callers write; `plain`: samples have genotypes only, as in a panel."""
    rng = np.random.default_rng(31)
    called = "\tFORMAT" + "".join(f"\tS{number}" for number in range(samples)) if samples else ""
    columns = _panel(rng, samples) if plain else _depths(rng, samples)
    lengths = {contig.name: contig.length for contig in bundle.contigs}
    with path.open("w", buffering=1 << 20) as vcf:
        vcf.write(_header(lengths, called))
        while batch := list(islice(rows, 10_000)):
            counts, depths, qualities = (
                rng.integers(low, high, len(batch)).tolist() for low, high in ((1, 99), (10, 9999), (20, 60))
            )
            kinds, shares = rng.integers(0, 100, len(batch)).tolist(), rng.random(len(batch)).tolist()
            for (name, at, ref, alt), kind, count, depth, quality, share in zip(
                batch, kinds, counts, depths, qualities, shares, strict=True
            ):
                identifier = "." if kind % 3 else f"rs{depth}{count}"
                info = f"AC={count};AN=200;AF={share:.4f};DP={depth};MQ={quality}.{kind}{';DB' if kind & 1 else ''}"
                passed = "PASS" if kind != 5 else "q10"
                vcf.write(f"{name}\t{at}\t{identifier}\t{ref}\t{alt}\t{depth % 999}.{kind}\t{passed}\t{info}{columns()}\n")


def _depths(rng: np.random.Generator, samples: int) -> Callable[[], str]:
    """FORMAT and samples with genotype, depths and quality."""
    if not samples:
        return lambda: ""
    calls = [
        f"\t{_GENOTYPES[kind]}:{one},{other}:{one + other}:{quality}"
        for kind, one, other, quality in rng.integers(0, (7, 40, 40, 99), (_CALLS, 4)).tolist()
    ]
    drawn = _draws(rng, samples)
    return lambda: "\tGT:AD:DP:GQ" + "".join([calls[index] for index in next(drawn)])


def _panel(rng: np.random.Generator, samples: int) -> Callable[[], str]:
    """FORMAT and samples with phased genotypes alone."""
    lines = [
        "\tGT" + "".join([("\t0|0", "\t0|1", "\t1|0", "\t1|1")[kind] for kind in row])
        for row in rng.choice(4, (64, samples), p=(0.9, 0.04, 0.04, 0.02)).tolist()
    ]
    drawn = _draws(rng, 1)
    return lambda: lines[next(drawn)[0] % len(lines)]


def _draws(rng: np.random.Generator, count: int) -> Iterator[list[int]]:
    while True:
        yield from rng.integers(0, _CALLS, (1000, count)).tolist()


def human_rows(bundle: manifest.Bundle, records: int) -> Iterator[Row]:
    """Substitutions, insertions and deletions near the first genes of the first contig, as an exome has them."""
    contig = bundle.contigs[0].name
    starts = Transcripts.open(bundle.path(bundle.transcripts)).starts[: 10 * records]
    letters, rng = Sequence.open(bundle.path(bundle.sequence)).view(contig), np.random.default_rng(9)
    chosen = np.sort(rng.choice(np.unique(starts), records)) + rng.integers(0, 3000, records)
    yield from ((contig, *row) for row in _made(rng, letters, np.sort(chosen), (90, 95)))
