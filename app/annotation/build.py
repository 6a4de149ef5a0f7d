"""Building a reference bundle from a recipe: download, check, convert to what streams, describe.

A recipe is a TOML file that names URLs: one FASTA, one GFF3 in Ensembl's dialect, and tracks in VCF, BED or UCSC's table dumps.
Downloads resume; a finished file is not fetched again.
"""

import gzip
import itertools
import os
import shutil
import subprocess
import tempfile
import tomllib
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pysam

from app.annotation import bcftools, reference
from app.annotation.errors import EngineError
from app.annotation.reference import MANIFEST, Bundle

Progress = Callable[[str, int, int | None], None]  # file name, bytes so far, bytes in all if known
CHUNK = 1 << 20
MITOCHONDRIAL = {"MT", "chrM", "M"}


def build(recipe_path: Path, target: Path, cache: Path, progress: Progress = lambda name, done, total: None) -> Bundle:
    """Build the bundle that the recipe describes into `target`; EngineError says which source is at fault."""
    recipe = tomllib.loads(recipe_path.read_text())
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        work = Path(scratch)
        with _opened(_fetch(recipe["sequence"], cache, progress)) as source, (work / "genome.fa").open("wb") as fasta:
            shutil.copyfileobj(source, fasta, CHUNK)
        pysam.faidx(str(work / "genome.fa"))
        contigs = _contigs(work / "genome.fa.fai", recipe)
        names = {alias: name for name, _, aliases in contigs for alias in (name, *aliases)}
        codes = _genes(_fetch(recipe["genes"], cache, progress), work, set(names.values()))
        tracks = [_track(track, _fetched(track, cache, progress), work, names) for track in recipe.get("tracks", ())]
        (work / MANIFEST).write_text(_manifest(recipe, contigs, codes, tracks) + reference.file_table(work))
        reference.load(work)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(work, target)
    return reference.load(target)


def _fetched(track: dict[str, Any], cache: Path, progress: Progress) -> list[Path]:
    """The files of a track, which may come in pieces (`urls`)."""
    return [_fetch({**track, "url": url}, cache, progress) for url in track.get("urls") or [track["url"]]]


def _fetch(source: dict[str, Any], cache: Path, progress: Progress) -> Path:
    """The file at the source's URL, from the cache if it is complete there, else continued from where it stopped."""
    url = source["url"]
    name = url.rsplit("/", 1)[-1]
    done, partial = cache / name, cache / f"{name}.part"
    if not done.exists():
        have = partial.stat().st_size if partial.exists() else 0
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 the recipe is the operator's
        try:
            with urllib.request.urlopen(request, timeout=60) as answer, partial.open("ab" if have else "wb") as file:  # noqa: S310
                if have and answer.status != 206:
                    file.truncate(0)
                    have = 0
                total = have + int(answer.headers["Content-Length"]) if answer.headers["Content-Length"] else None
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                    have += len(chunk)
                    progress(name, have, total)
        except OSError as error:
            raise EngineError(f"{url} cannot be fetched: {error}. Run the command again to continue.") from error
        if total is not None and have != total:
            raise EngineError(f"{url} ended after {have} of {total} bytes. Run the command again to continue.")
        os.replace(partial, done)
    if (wanted := source.get("sha256")) and (found := reference.sha256(done)) != wanted:
        done.unlink()
        raise EngineError(f"{url} has the checksum {found} instead of {wanted}. It was thrown away.")
    return done


def _opened(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix in (".gz", ".bgz") else path.open("rb")


def _contigs(fai: Path, recipe: dict[str, Any]) -> list[tuple[str, int, list[str]]]:
    """Names, lengths and aliases: UCSC's for the chromosomes, and those that the recipe gives."""
    given = recipe.get("aliases", {})
    found = []
    for line in fai.read_text().splitlines():
        name, length = line.split("\t")[:2]
        usual = ["chrM", "M"] if name == "MT" else [f"chr{name}"] if not name.startswith("chr") and len(name) <= 2 else []
        found.append((name, int(length), list(dict.fromkeys([*usual, *given.get(name, [])]))))
    return found


def _genes(source: Path, work: Path, contigs: set[str]) -> list[tuple[str, int]]:
    """Split the gene models by genetic code: the mitochondrion has its own."""
    files = {1: "genes.gff3", 2: "genes.mt.gff3"}
    seen: set[int] = set()
    with _opened(source) as lines, (work / files[1]).open("wb") as nuclear, (work / files[2]).open("wb") as mitochondrial:
        for file in (nuclear, mitochondrial):
            file.write(b"##gff-version 3\n")
        for line in lines:
            contig = line.split(b"\t", 1)[0].decode()
            if line.startswith(b"#") or contig not in contigs:
                continue
            code = 2 if contig in MITOCHONDRIAL else 1
            seen.add(code)
            (mitochondrial if code == 2 else nuclear).write(line)
    for code in files.keys() - seen:
        (work / files[code]).unlink()
    if not seen:
        raise EngineError(f"{source.name} has no genes on any contig of the sequence")
    return [(files[code], code) for code in sorted(seen)]


def _track(track: dict[str, Any], sources: list[Path], work: Path, names: dict[str, str]) -> dict[str, Any]:
    """Convert a track to a sorted, compressed, indexed table; its entry for the manifest."""
    allele = track["format"] == "vcf"
    file = f"{track['id']}.{'tsv' if allele else 'bed'}"
    pieces = (_variants(track, source, work, names) if allele else _intervals(track, source, names) for source in sources)
    rows = itertools.chain.from_iterable(pieces)
    order = ["sort", "-t", "\t", "-k1,1", "-k2,2n", "-S", "256M", "-T", str(work), "-o", str(work / file)]
    with subprocess.Popen(order, stdin=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}) as sort:
        assert sort.stdin is not None
        for row in rows:
            sort.stdin.write(("\t".join(row) + "\n").encode())
    if sort.returncode:
        raise EngineError(f"sort ended with status {sort.returncode} for the track {track['id']}")
    pysam.tabix_compress(str(work / file), str(work / f"{file}.gz"), force=True)
    (work / file).unlink()
    place: dict[str, Any] = {"seq_col": 0, "start_col": 1, "end_col": 1} if allele else {"preset": "bed"}
    pysam.tabix_index(str(work / f"{file}.gz"), force=True, **place)
    return {**track, "file": f"{file}.gz", "kind": "allele" if allele else "region"}


def _variants(track: dict[str, Any], source: Path, work: Path, names: dict[str, str]) -> Iterator[list[str]]:
    """Contig, position, ref, alt and values of each allele of a VCF, normalised like the input of an annotation."""
    with tempfile.TemporaryFile() as messages:
        norm = ["norm", "--no-version", "-m", "-any", "-c", "x", "-f", str(work / "genome.fa"), "-Ov", "-"]
        child = bcftools.spawn(*norm, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages)
        feeder = _copier(_renamed(source, names), child.stdin)
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


def _copier(lines: Iterable[bytes], entrance: Any) -> Any:
    import threading

    def copy() -> None:
        try:
            with entrance:
                entrance.writelines(lines)
        except BrokenPipeError:
            pass

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    return thread


def _renamed(source: Path, names: dict[str, str]) -> Iterator[bytes]:
    """The lines of a VCF with its contigs called as in the sequence; records elsewhere are left out."""
    with _opened(source) as lines:
        for line in lines:
            if line.startswith(b"##contig="):
                continue
            if line.startswith(b"#CHROM"):
                yield from (f"##contig=<ID={name}>\n".encode() for name in dict.fromkeys(names.values()))
            if line.startswith(b"#"):
                yield line
            else:
                contig, tab, rest = line.partition(b"\t")
                if name := names.get(contig.decode()):
                    yield name.encode() + tab + rest


def _intervals(track: dict[str, Any], source: Path, names: dict[str, str]) -> Iterator[list[str]]:
    """Contig, start, end (0-based, half-open) and values of a BED file or of a UCSC table with its columns numbered from 0."""
    at = {"chrom": 0, "start": 1, "end": 2, **track.get("place", {})}
    with _opened(source) as lines:
        for line in lines:
            fields = line.decode("utf-8", "replace").rstrip("\n").split("\t")
            if len(fields) > at["end"] and (name := names.get(fields[at["chrom"]])):
                values = [_cell(fields[column["from"]]) for column in track["columns"]]
                yield [name, fields[at["start"]], fields[at["end"]], *values]


def _cell(value: str) -> str:
    """A value as INFO may carry it."""
    return "".join("_" if character in " ;=\t" else character for character in value) or "."


def _manifest(recipe: dict[str, Any], contigs: list[Any], codes: list[Any], tracks: list[dict[str, Any]]) -> str:
    lines = [f"{key} = {_quoted(recipe[key])}" for key in ("id", "version", "title", "assembly")] + ['fasta = "genome.fa"']
    for name, length, aliases in contigs:
        lines += [
            "",
            "[[contigs]]",
            f"name = {_quoted(name)}",
            f"length = {length}",
            f"aliases = [{', '.join(map(_quoted, aliases))}]",
        ]
    for file, code in codes:
        lines += ["", "[[genes]]", f"file = {_quoted(file)}", f"genetic_code = {code}"]
    for track in tracks:
        lines += ["", "[[tracks]]"]
        lines += [f"{key} = {_quoted(track.get(key, ''))}" for key in ("id", "title", "file", "kind", "version")]
        for column in track["columns"]:
            lines += [
                "[[tracks.columns]]",
                *(f"{key} = {_quoted(column[key])}" for key in ("tag", "number", "type", "description")),
            ]
    for source in (recipe["sequence"], recipe["genes"], *tracks):
        lines += [
            "",
            "[[sources]]",
            *(f"{key} = {_quoted(source[key])}" for key in ("url", "version", "licence") if key in source),
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
