"""Building a reference bundle from a recipe: download, check, convert to what streams, describe.

A recipe is a TOML file that names URLs: one FASTA, one GFF3, and tracks in VCF, BED or UCSC's table dumps.
What an interrupted build has downloaded and converted is not done again.
"""

import gzip
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, Any

import pysam

from app.engine.bundles import layout, manifest, recipes, sequence
from app.engine.bundles.compiling import Compiled, compile_models
from app.engine.bundles.download import CHUNK_BYTES, Progress, digest, fetch
from app.engine.bundles.layout import TABLE
from app.engine.bundles.manifest import MANIFEST, MITOCHONDRIAL, Bundle
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence.genetic_code import VERTEBRATE_MITOCHONDRIAL
from app.engine.errors import EngineError
from app.engine.formats import bcftools

LEFT_OUT = ".left_out.json"

# How UCSC calls the scaffolds of an assembly, after the chromosome that they belong to.
SCAFFOLDS: dict[str, Callable[[str], str]] = {
    "hg38": lambda accession: accession.replace(".", "v"),
    "hg19": lambda accession: accession.partition(".")[0].lower(),
}
_SCAFFOLD = re.compile(r"(?:GL|KI)\d{6}\.\d")


def build(recipe_path: Path, target: Path, cache: Path, progress: Progress = lambda name, done, total: None) -> Bundle:
    """Build the bundle that the recipe describes into `target`.

    Raises ValueError if something is wrong with the recipe, EngineError with the source that is at fault.
    """
    recipe = recipes.read(recipe_path)
    work = target.parent / f".{target.name}.building"
    for folder in (cache, work):
        folder.mkdir(parents=True, exist_ok=True)
    fetched: dict[str, Path] = {}

    def source(described: dict[str, Any], url: str = "") -> Path:
        wanted = {**described, "url": url or described["url"]}
        fetched[wanted["url"]] = fetch(wanted, cache, progress)
        return fetched[wanted["url"]]

    genome = source(recipe["sequence"])
    _once(work, "genome", [genome], {}, lambda: _sequence(genome, work))
    contigs = _contigs(work / "genome.fa.fai", recipe)
    names = {alias: name for name, _, aliases in contigs for alias in (name, *aliases)}
    genes = source(recipe["genes"])
    _once(work, "genes", [genome, genes], {"names": names}, lambda: _genes(genes, work, names))
    left_out = json.loads((work / LEFT_OUT).read_text())
    tracks = []
    for track in recipe.get("tracks", ()):
        files = [source(track, url) for url in track.get("urls") or [track["url"]]]
        facts = {"track": track, "names": names}
        _once(work, track["id"], [genome, *files], facts, partial(_track, track, files, work, names, progress))
        tracks.append({**track, "file": _file(track), "kind": "allele" if track["format"] == "vcf" else "region"})
    described = _manifest(recipe, contigs, left_out, tracks, fetched)
    made = {"genome.fa", "genome.fa.fai", sequence.FILE, layout.FILE, TABLE, *(track["file"] for track in tracks)}
    for path in work.iterdir():
        if path.name.removesuffix(".tbi") not in made:  # marks, and what an interrupted build left
            path.unlink()
    (work / MANIFEST).write_text(described + manifest.file_table(work))
    manifest.load(work)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(work, target)
    return manifest.load(target)


def _once(work: Path, name: str, sources: list[Path], facts: dict[str, Any], make: Callable[[], object]) -> None:
    """Make a part of the bundle, unless it was made from just these sources before."""
    mark = work / f".{name}.done"
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    wanted = hashlib.sha256(json.dumps([stats, facts], sort_keys=True).encode()).hexdigest()
    if not (mark.exists() and mark.read_text() == wanted):
        mark.unlink(missing_ok=True)
        make()
        mark.write_text(wanted)


def _opened(path: Path) -> Any:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if compressed else path.open("rb")


def _sequence(source: Path, work: Path) -> None:
    with _opened(source) as compressed, (work / "genome.fa").open("wb") as fasta:
        shutil.copyfileobj(compressed, fasta, CHUNK_BYTES)
    pysam.faidx(str(work / "genome.fa"))
    sequence.build(work / "genome.fa", work / sequence.FILE)


def _contigs(fai: Path, recipe: dict[str, Any]) -> list[tuple[str, int, list[str]]]:
    """Names, lengths and aliases: UCSC's for chromosomes and scaffolds, and those that the recipe gives."""
    given, scaffolds = recipe.get("aliases", {}), recipe.get("scaffolds", {})
    placed = {name: chromosome for chromosome, members in scaffolds.get("placed", {}).items() for name in members}
    found = []
    for line in fai.read_text().splitlines():
        name, length = line.split("\t")[:2]
        usual = ["chrM", "M"] if name == "MT" else [f"chr{name}"] if not name.startswith("chr") and len(name) <= 2 else []
        if scaffolds and _SCAFFOLD.fullmatch(name):
            called = SCAFFOLDS[scaffolds["style"]](name)
            usual = [f"chr{placed[name]}_{called}_random" if name in placed else f"chrUn_{called}"]
        found.append((name, int(length), list(dict.fromkeys([*usual, *given.get(name, [])]))))
    return found


def add_genes(models: Path, folder: Path, names: Mapping[str, str]) -> Compiled:
    """Write what a bundle holds of gene models, a GFF3, into its folder, where the sequence is: transcripts and table of genes.

    `names` has the contigs of the sequence by each of their names. Raises BundleError if the models cannot be used.
    """
    codes = {contig: VERTEBRATE_MITOCHONDRIAL for name, contig in names.items() if name in MITOCHONDRIAL}
    bases = Sequence.open(folder / sequence.FILE)
    compiled = compile_models(models, bases, folder / layout.FILE, codes=codes, names=names)
    (folder / TABLE).write_bytes(b"".join(Transcripts.open(folder / layout.FILE).genes.table()))
    return compiled


def _genes(source: Path, work: Path, names: dict[str, str]) -> None:
    compiled = add_genes(source, work, names)
    (work / LEFT_OUT).write_text(json.dumps([asdict(one) for one in compiled.left_out]))


def _file(track: dict[str, Any]) -> str:
    return f"{track['id']}.{'tsv' if track['format'] == 'vcf' else 'bed'}.gz"


def _track(track: dict[str, Any], sources: list[Path], work: Path, names: dict[str, str], progress: Progress) -> None:
    """Convert a track to a sorted, compressed, indexed table."""
    allele, path = track["format"] == "vcf", work / _file(track).removesuffix(".gz")
    names = {alias: name for alias, name in names.items() if alias not in track.get("without", ())}
    pieces = (_variants(track, source, work, names) if allele else _intervals(track, source, names) for source in sources)
    order = ["sort", "-t", "\t", "-k1,1", "-k2,2n", "-S", "256M", "-T", str(work), "-o", str(path)]
    with subprocess.Popen(order, stdin=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}) as sort:
        assert sort.stdin is not None
        rows = 0
        for rows, row in enumerate(itertools.chain.from_iterable(pieces), 1):
            sort.stdin.write(("\t".join(row) + "\n").encode())
            if rows % 100_000 == 0:
                progress(f"{track['id']}, rows", rows, None)
    if sort.returncode:
        raise EngineError(f"sort ended with status {sort.returncode} for the track {track['id']}")
    if not rows:
        raise EngineError(f"The track {track['id']} has no row on any contig of the sequence: is it of another assembly?")
    pysam.tabix_compress(str(path), f"{path}.gz", force=True)
    path.unlink()
    place: dict[str, Any] = {"seq_col": 0, "start_col": 1, "end_col": 1} if allele else {"preset": "bed"}
    pysam.tabix_index(f"{path}.gz", force=True, **place)


def _variants(track: dict[str, Any], source: Path, work: Path, names: dict[str, str]) -> Iterator[list[str]]:
    """Contig, position, ref, alt and values of each allele of a VCF, normalised like the input of an annotation."""
    with tempfile.TemporaryFile() as messages:
        norm = ["norm", "--no-version", "-m", "-any", "-c", "x", "-f", str(work / "genome.fa"), "-Ov", "-"]
        child = bcftools.spawn(*norm, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages)
        tags = [column["from"] for column in track["columns"] if column["from"] != "ID"]
        feeder = _copier(_bare(source, names, tags), child.stdin)
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(b"#"):
                continue
            contig, position, identifier, ref, alt, _, _, info = line.decode().rstrip("\n").split("\t", 8)[:8]
            values = dict(item.partition("=")[::2] for item in info.split(";"))
            cells = [
                identifier if column["from"] == "ID" else values.get(column["from"], ".") or "1" for column in track["columns"]
            ]
            if any(cell != "." for cell in cells) and alt != ".":
                yield [contig, position, ref, alt, *map(_cell, cells)]
        child.stdout.close()
        feeder.join()
        if child.wait():
            messages.seek(0)
            raise EngineError(f"{source.name} cannot be normalised: {messages.read()[-300:].decode('utf-8', 'replace')}")


def _copier(lines: Iterable[bytes], entrance: IO[bytes] | None) -> threading.Thread:
    assert entrance is not None

    def copy() -> None:
        try:
            with entrance:
                entrance.writelines(lines)
        except BrokenPipeError:
            pass

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    return thread


def _bare(source: Path, names: dict[str, str], tags: list[str]) -> Iterator[bytes]:
    """A VCF of just these INFO tags, its contigs called as in the sequence; records elsewhere are left out."""
    kept = {tag.encode(): f'##INFO=<ID={tag},Number=.,Type=String,Description="">\n'.encode() for tag in tags}
    with _opened(source) as lines:
        for line in lines:
            if line.startswith(b"##INFO=<ID="):
                name = re.split(b"[,>]", line[11:], maxsplit=1)[0]
                if name in kept:
                    kept[name] = line
            elif not line.startswith(b"#"):
                contig, position, identifier, ref, alt, _, _, info = line.rstrip(b"\r\n").split(b"\t", 8)[:8]
                if called := names.get(contig.decode()):
                    wanted = b";".join(item for item in info.split(b";") if item.partition(b"=")[0] in kept) or b"."
                    yield b"\t".join((called.encode(), position, identifier, ref, alt, b".", b".", wanted)) + b"\n"
            elif line.startswith(b"#CHROM"):
                yield b"##fileformat=VCFv4.2\n" + b"".join(kept.values())
                yield from (f"##contig=<ID={name}>\n".encode() for name in dict.fromkeys(names.values()))
                yield b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def _intervals(track: dict[str, Any], source: Path, names: dict[str, str]) -> Iterator[list[str]]:
    """Contig, start, end (0-based, half-open) and values of a BED file or of a UCSC table with its columns numbered from 0."""
    at = {"chrom": 0, "start": 1, "end": 2, **track.get("place", {})}
    with _opened(source) as lines:
        for line in lines:
            fields = line.decode("utf-8", "replace").rstrip("\n").split("\t")
            if len(fields) > at["end"] and (name := names.get(fields[at["chrom"]])):
                values = [_cell(fields[column["from"]].replace(",", " ")) for column in track["columns"]]
                # an insertion has no length in these tables: it concerns the base before it
                start, end = int(fields[at["start"]]), int(fields[at["end"]])
                yield [name, str(start if end > start else max(start - 1, 0)), str(max(end, 1)), *values]


def _cell(value: str) -> str:
    """A value as INFO may carry it."""
    return re.sub(r"[\s;=]+", "_", value.strip()) or "."


def _manifest(
    recipe: dict[str, Any], contigs: list[Any], left_out: list[Any], tracks: list[dict[str, Any]], fetched: dict[str, Path]
) -> str:
    lines = [f"{key} = {_quoted(recipe[key])}" for key in ("id", "version", "title", "assembly")] + ['fasta = "genome.fa"']
    lines += [f"distance = {recipe['distance']}"] if "distance" in recipe else []
    for name, length, aliases in contigs:
        lines += [
            "",
            "[[contigs]]",
            f"name = {_quoted(name)}",
            f"length = {length}",
            f"aliases = [{', '.join(map(_quoted, aliases))}]",
        ]
    for one in left_out:
        lines += ["", "[[left_out]]", f"line = {one['line']}"]
        lines += [f"{key} = {_quoted(one[key])}" for key in ("transcript", "reason")]
    for track in tracks:
        lines += ["", "[[tracks]]"]
        lines += [f"{key} = {_quoted(track.get(key, ''))}" for key in ("id", "title", "file", "kind", "version")]
        for column in track["columns"]:
            lines += [
                "[[tracks.columns]]",
                *(f"{key} = {_quoted(column[key])}" for key in ("tag", "number", "type", "description")),
            ]
    for source in (recipe["sequence"], recipe["genes"], *tracks):
        for url in source.get("urls") or [source["url"]]:
            facts = {"url": url, "sha256": digest(fetched[url], "sha256")}
            facts |= {key: source[key] for key in ("version", "licence") if key in source}
            lines += ["", "[[sources]]", *(f"{key} = {_quoted(value)}" for key, value in facts.items())]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
