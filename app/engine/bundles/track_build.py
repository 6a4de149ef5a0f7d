"""One track of a bundle, from downloads to its file: converted on all cores, and each download deleted once it is."""

import json
import multiprocessing
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from app.engine.bundles.download import Progress, digest, fetch, forget, place, published_on
from app.engine.bundles.freed_memory import keep_freed_memory
from app.engine.bundles.known_variants import KnownColumn, convert, header_of
from app.engine.bundles.layout import TABLE
from app.engine.bundles.region_writer import RegionRow, write_regions
from app.engine.bundles.sources import opened
from app.engine.bundles.track_writer import join_pieces, piece_facts
from app.engine.errors import EngineError
from app.engine.formats import tabix
from app.engine.formats.bcftools import die_with

SMALL_BYTES = 1 << 22
"""What is smaller is converted here, for a process takes longer to start."""

Facts = dict[str, Any]


@dataclass(frozen=True)
class Workshop:
    """Where a bundle is built, and with what."""

    work: Path
    cache: Path
    genome: Path
    names: Mapping[str, str]  # the contigs of the sequence by each of their names
    lengths: Mapping[str, int]
    progress: Progress
    processes: int
    keep: bool = False  # downloads


def source_facts(source: Mapping[str, Any], url: str, shop: Workshop) -> tuple[Path, Facts]:
    """A file fetched, and what the manifest says of it."""
    path = fetch({**source, "url": url}, shop.cache, shop.progress)
    return path, {"url": url, "sha256": digest(path, "sha256"), "bytes": path.stat().st_size, "date": published_on(path)}


def note(path: Path, facts: Facts) -> None:
    """Write facts so that they are there whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(facts))
    os.replace(part, path)


def noted(path: Path, made_from: str) -> Facts | None:
    """Facts that were noted of the same thing; None if there are none."""
    try:
        facts: Facts = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return facts if facts.get("made_from") == made_from else None


def addresses(source: Mapping[str, Any]) -> list[str]:
    """The addresses of a source, which may come in pieces."""
    return list(source.get("urls") or [source["url"]])


def build_track(track: Mapping[str, Any], shop: Workshop, made_from: str) -> list[Facts]:
    """Write the file of a track into the bundle that is being built; the facts of its sources.

    What an earlier, interrupted run has converted is not converted again, nor downloaded.
    """
    names = {alias: name for alias, name in shop.names.items() if alias not in track.get("without", ())}
    if track["format"] == "vcf":
        return _AlleleBuild(track, shop, made_from, names).run()
    return _build_regions(track, shop, names)


def track_file(track: Mapping[str, Any]) -> str:
    """The name of the file of a track."""
    return f"{track['id']}.track"


def _empty(track: Mapping[str, Any]) -> EngineError:
    return EngineError(f"The track {track['id']} has no row on any contig of the sequence: is it of another assembly?")


def _build_regions(track: Mapping[str, Any], shop: Workshop, names: Mapping[str, str]) -> list[Facts]:
    fetched = [source_facts(track, url, shop) for url in addresses(track)]
    read = partial(_of_genes, shop.work / TABLE) if track["format"] == "genes" else _intervals
    rows = (row for path, _ in fetched for row in read(track, path, names))
    count = write_regions(shop.work / track_file(track), rows, shop.lengths)
    if not count:
        raise _empty(track)
    for path, facts in fetched:
        facts["rows"] = 0
        _finished(path, shop)
    fetched[0][1]["rows"] = count
    return [facts for _, facts in fetched]


def _finished(path: Path, shop: Workshop) -> None:
    if not shop.keep:
        forget(path)


def _intervals(track: Mapping[str, Any], source: Path, names: Mapping[str, str]) -> Iterator[RegionRow]:
    """The rows of a BED file or of a UCSC table with its columns numbered from 0."""
    at = {"chrom": 0, "start": 1, "end": 2, **track.get("place", {})}
    with opened(source) as lines:
        for line in lines:
            fields = line.decode("utf-8", "replace").rstrip("\n").split("\t")
            if len(fields) > at["end"] and (name := names.get(fields[at["chrom"]])):
                values = [_cell(fields[column["from"]].replace(",", " ")) for column in track["columns"]]
                # an insertion has no length in these tables: it concerns the base before it
                start, end = int(fields[at["start"]]), int(fields[at["end"]])
                yield name, start if end > start else max(start - 1, 0), max(end, 1), values


def _of_genes(table: Path, track: Mapping[str, Any], source: Path, names: Mapping[str, str]) -> Iterator[RegionRow]:
    """The rows of a table with a header, one a gene, at the places of the genes of that name; each value with the gene's name."""
    places: dict[str, list[tuple[str, int, int]]] = {}
    for place_line in table.read_text().splitlines():
        name, contig, first, last, *_ = place_line.split("\t")
        places.setdefault(name, []).append((contig, int(first) - 1, int(last)))
    wanted = track.get("where", {})
    with opened(source) as lines:
        header = next(iter(lines), b"").decode().rstrip("\r\n").split("\t")
        named = [track.get("gene", "gene"), *wanted, *(column["from"] for column in track["columns"])]
        if missing := [name for name in named if name not in header]:
            raise EngineError(f"{source.name} has no column {', '.join(missing)}")
        for line in lines:
            row = dict(zip(header, line.decode("utf-8", "replace").rstrip("\r\n").split("\t"), strict=False))
            gene = row[named[0]]
            if all(row.get(name) == value for name, value in wanted.items()):
                values = [row.get(column["from"], "") for column in track["columns"]]
                cells = [b"" if value in ("", "NA") else _cell(f"{gene}:{value}") for value in values]
                for contig, start, end in places.get(gene, ()) if any(cells) else ():
                    yield contig, start, end, cells


def _cell(value: str) -> bytes:
    """A value as INFO may carry it."""
    found = re.sub(r"[\s;=]+", "_", value.strip())
    return b"" if found == "." else found.encode()


@dataclass
class _Source:
    """A file that is being converted: how much of it is missing, and what is known of it."""

    number: int
    path: Path
    facts: Facts
    left: int = 0
    counts: list[Facts] = field(default_factory=list)


class _AlleleBuild:
    """Builds a track of alleles: files are fetched one after another while those before them are converted."""

    def __init__(self, track: Mapping[str, Any], shop: Workshop, made_from: str, names: Mapping[str, str]) -> None:
        self._track, self._shop, self._made_from, self._names = track, shop, made_from, names
        self._columns = [
            KnownColumn(column["from"], column.get("as", "text"), column.get("prefix", "")) for column in track["columns"]
        ]
        self._pieces = shop.work / f"{track['id']}.pieces"
        self._pending: dict[Future[Facts], _Source] = {}
        self._done: dict[int, Facts] = {}
        self._rows = 0

    def run(self) -> list[Facts]:
        """Fetch, convert and join."""
        begun = self._pieces / "made_from"
        if not (begun.exists() and begun.read_text() == self._made_from):
            self.clear()
            self._pieces.mkdir()
            begun.write_text(self._made_from)
        with ExitStack() as stack:
            pool: ProcessPoolExecutor | None = None
            for number, url in enumerate(addresses(self._track)):
                if facts := noted(self._mark(number), self._made_from):
                    self._done[number] = facts
                    forget(place(url, self._shop.cache))
                    continue
                path, facts = source_facts(self._track, url, self._shop)
                source = _Source(number, path, facts)
                if path.stat().st_size < SMALL_BYTES:
                    source.left = 1
                    self._counted(source, self._convert(number, path, None))
                    continue
                pool = pool or stack.enter_context(_pool(self._shop.processes))
                self._submit(pool, source)
                while len(set(map(id, self._pending.values()))) >= self._shop.processes:
                    self._settle()
            while self._pending:
                self._settle()
        folders = [folder for number in sorted(self._done) for folder in self._folders(number)]
        columns = [column.stored for column in self._columns]
        if not join_pieces(self._shop.work / track_file(self._track), folders, columns, self._shop.lengths):
            raise _empty(self._track)
        self.clear()
        return [self._done[number] for number in sorted(self._done)]

    def clear(self) -> None:
        """Delete the pieces and the marks of what is converted."""
        for mark in self._shop.work.glob(f".{self._track['id']}.*.json"):
            mark.unlink()
        if self._track.get("index"):
            forget(place(self._track["index"], self._shop.cache))
        shutil.rmtree(self._pieces, ignore_errors=True)

    def _mark(self, number: int) -> Path:
        return self._shop.work / f".{self._track['id']}.{number}.json"

    def _folders(self, number: int) -> list[Path]:
        return sorted(path for path in (self._pieces / str(number)).glob("*") if path.is_dir())

    def _convert(self, number: int, path: Path, part: tuple[str, int] | None) -> Facts:
        return convert(path, self._pieces / str(number), self._shop.genome, self._names, self._columns, part)

    def _submit(self, pool: ProcessPoolExecutor, source: _Source) -> None:
        """Convert a file in another process, or each of its contigs in one, if an index says where they begin."""
        parts: list[tuple[str, int] | None] = [None]
        if self._track.get("index"):
            index = fetch({"url": self._track["index"]}, self._shop.cache, self._shop.progress)
            parts = [(name, one.span[0]) for name, one in tabix.read(index.read_bytes()).contigs.items() if name in self._names]
        source.left = len(parts)
        folder = self._pieces / str(source.number)
        for part in parts:
            if part and (whole := piece_facts(folder / self._names[part[0]])):
                self._counted(source, whole)
            else:
                arguments = source.path, folder, self._shop.genome, self._names, self._columns, part
                self._pending[pool.submit(convert, *arguments)] = source

    def _settle(self) -> None:
        """Wait until something is converted."""
        done, _ = wait(self._pending, return_when=FIRST_COMPLETED)
        for future in done:
            self._counted(self._pending.pop(future), future.result())

    def _counted(self, source: _Source, counts: Facts) -> None:
        source.counts.append(counts)
        self._rows += counts["rows"]
        self._shop.progress(f"{self._track['id']}, rows", self._rows, None)
        source.left -= 1
        if source.left:
            return
        total = {name: sum(one[name] for one in source.counts) for name in ("rows", "repeated", "mismatches", "symbolic")}
        facts = {**source.facts, **total, "header": header_of(source.path), "made_from": self._made_from}
        note(self._mark(source.number), facts)
        self._done[source.number] = facts
        _finished(source.path, self._shop)


def _pool(processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context("spawn"), initializer=_begun, initargs=(os.getpid(),)
    )


def _begun(parent: int) -> None:
    die_with(parent)
    keep_freed_memory()
