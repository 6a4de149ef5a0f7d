"""Building a reference bundle from a recipe, part by part: download, check, convert to what is ready at once, describe.

A part is the sequence, the genes, or a track. What an interrupted build has made is not made again, and a part that the bundle
has already is taken over unless it is to be renewed.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pysam

from app.engine.bundles import layout, manifest, recipes, sequence
from app.engine.bundles.compiling import Compiled, compile_models
from app.engine.bundles.download import CHUNK_BYTES, Progress, forget, place
from app.engine.bundles.layout import TABLE
from app.engine.bundles.manifest import MANIFEST, MITOCHONDRIAL, Bundle, Part
from app.engine.bundles.manifest_text import manifest_text
from app.engine.bundles.mapped import BundleError
from app.engine.bundles.sequence import Sequence
from app.engine.bundles.sources import opened
from app.engine.bundles.track_build import Facts, Workshop, addresses, build_track, note, noted, source_facts, track_file
from app.engine.bundles.transcripts import Transcripts
from app.engine.consequence.genetic_code import VERTEBRATE_MITOCHONDRIAL
from app.engine.errors import EngineError

SEQUENCE, GENES = "sequence", "genes"
FILES = {SEQUENCE: ("genome.fa", "genome.fa.fai", sequence.FILE), GENES: (layout.FILE, TABLE)}

# How UCSC calls the scaffolds of an assembly, after the chromosome that they belong to.
SCAFFOLDS: dict[str, Callable[[str], str]] = {
    "hg38": lambda accession: accession.replace(".", "v"),
    "hg19": lambda accession: accession.partition(".")[0].lower(),
}
_SCAFFOLD = re.compile(r"(?:GL|KI)\d{6}\.\d")


def no_progress(name: str, done: int, total: int | None) -> None:
    """Progress that is not reported."""


def build(
    recipe_path: Path,
    target: Path,
    cache: Path,
    progress: Progress = no_progress,
    *,
    chosen: Collection[str] = (),
    renewed: Collection[str] = (),
    processes: int = 0,
    keep: bool = False,
    alone: bool = False,
) -> Bundle:
    """Build the bundle that the recipe describes into `target`: its parts that are not optional, those in `chosen`, and those
    that the bundle has there already.

    The latter are taken over as they are if the recipe says the same of them, unless they are `renewed`. `processes`: as many
    convert at the same time, 0 for one a core. `keep`: downloads stay in the cache. `alone`: nothing but what is renewed is made.

    Raises ValueError if something is wrong with the recipe or the names of parts, EngineError with the source that is at fault
    or, of `alone`, with the first other part that the bundle lacks or that the recipe describes otherwise.
    """
    recipe = recipes.read(recipe_path)
    tracks = {track["id"]: track for track in recipe.get("tracks", ())}
    if unknown := {*chosen, *renewed} - {SEQUENCE, GENES, *tracks}:
        known = ", ".join((SEQUENCE, GENES, *tracks))
        raise ValueError(f"The recipe has no part {', '.join(sorted(unknown))}; it has {known}.")
    old = manifest.load(target) if (target / MANIFEST).is_file() else None
    there = {part.id for part in old.parts} if old else set()
    wanted = [track for name, track in tracks.items() if not track.get("optional") or name in {*chosen, *renewed, *there}]
    work = target.parent / f".{target.name}.building"
    for folder in (cache, work):
        folder.mkdir(parents=True, exist_ok=True)
    shop = Workshop(work, cache, work / sequence.FILE, {}, {}, progress, processes or _cores(), keep)
    maker = _Maker(recipe, work, old, set(renewed), shop, alone)
    maker.sequence()
    maker.genes()
    for track in wanted:
        maker.track(track)
    return maker.finish(target, wanted)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


class _Maker:
    """Makes the parts of one bundle, each once."""

    def __init__(
        self, recipe: dict[str, Any], work: Path, old: Bundle | None, renewed: set[str], shop: Workshop, alone: bool
    ) -> None:
        self._recipe, self._work, self._old, self._renewed, self._shop = recipe, work, old, renewed, shop
        self._alone = alone
        self._parts: list[Part] = []
        self._sources: list[Facts] = []
        self._left_out: list[Mapping[str, Any]] = []
        self._contigs: list[tuple[str, int, list[str]]] = []

    def sequence(self) -> None:
        """The sequence, and after it the names and lengths of its contigs."""
        described = self._recipe["sequence"]

        def make(_: str) -> list[Facts]:
            path, facts = source_facts(described, described["url"], self._shop)
            _write_sequence(path, self._work)
            return [facts]

        self._part(SEQUENCE, "Sequence", described, {}, make, FILES[SEQUENCE])
        self._contigs = _contigs(self._work / "genome.fa.fai", self._recipe)
        names = {alias: name for name, _, aliases in self._contigs for alias in (name, *aliases)}
        self._shop = replace(self._shop, names=names, lengths={name: length for name, length, _ in self._contigs})

    def genes(self) -> None:
        """The transcripts and the table of genes."""
        described, codes = self._recipe["genes"], self._recipe.get("codes", {})

        def make(_: str) -> list[Facts]:
            path, facts = source_facts(described, described["url"], self._shop)
            compiled = add_genes(path, self._work, self._shop.names, codes)
            return [{**facts, "rows": compiled.transcripts, "left_out": [asdict(one) for one in compiled.left_out]}]

        facts = {"names": self._shop.names} | ({"codes": codes} if codes else {})
        found = self._part(GENES, "Genes", described, facts, make, FILES[GENES])
        self._left_out = found[0].get("left_out", [])

    def track(self, track: Mapping[str, Any]) -> None:
        """A track."""
        self._part(
            track["id"],
            track["title"],
            track,
            {"names": self._shop.names} | ({"genes": self._parts[1].made_from} if track["format"] == "genes" else {}),
            lambda made_from: build_track(track, self._shop, made_from),
            (track_file(track),),
        )

    def _part(
        self,
        name: str,
        title: str,
        described: Mapping[str, Any],
        facts: Mapping[str, Any],
        make: Callable[[str], list[Facts]],
        files: Iterable[str],
    ) -> list[Facts]:
        """Make a part, or take over what there is of it: of an interrupted build, or of the bundle. The facts of its sources."""
        sequence_from = next((part.made_from for part in self._parts if part.id == SEQUENCE), "")
        of = json.dumps([described, facts, sequence_from], sort_keys=True)
        made_from = hashlib.sha256(of.encode()).hexdigest()
        mark = self._work / f".{name}.part.json"
        found = noted(mark, made_from)
        if found is None:
            if name in self._renewed:
                for url in addresses(described):
                    forget(place(url, self._shop.cache))
            found = self._taken_over(name, made_from, files)
            if found is None and self._alone and name not in self._renewed:
                whole = self._recipe["id"]
                raise EngineError(f"{whole} has no part {name} as this release's recipe describes it: build it anew, and push it")
            found = found or {
                "made_from": made_from,
                "sources": (sources := make(made_from)),
                "part": asdict(_described(name, title, described, made_from, files, sources)),
            }
            note(mark, found)
        if not self._shop.keep:
            for url in addresses(described):
                forget(place(url, self._shop.cache))
        self._parts.append(Part(**{**found["part"], "files": tuple(found["part"]["files"])}))
        kept = {key: described[key] for key in ("licence",) if key in described}
        version = self._parts[-1].version
        for one in found["sources"]:
            self._sources.append({"part": name, "url": one["url"], "sha256": one["sha256"], "version": version, **kept})
        result: list[Facts] = found["sources"]
        return result

    def _taken_over(self, name: str, made_from: str, files: Iterable[str]) -> Facts | None:
        """What the bundle has of a part, its files linked; None if it lacks it, or is to have a new one."""
        part = next((part for part in self._old.parts if part.id == name), None) if self._old else None
        if self._old is None or part is None or name in self._renewed or part.made_from != made_from:
            return None
        for file in files:
            (self._work / file).unlink(missing_ok=True)
            os.link(self._old.path(file), self._work / file)
        sources = [dict(source) for source in self._old.sources if source.get("part") == name]
        if name == GENES:
            sources[0]["left_out"] = [dict(one) for one in self._old.left_out]
        return {"made_from": made_from, "sources": sources, "part": asdict(part)}

    def finish(self, target: Path, tracks: list[dict[str, Any]]) -> Bundle:
        """Describe the bundle and put it in its place."""
        made = {file for part in self._parts for file in part.files}
        for path in self._work.iterdir():
            if path.name not in made:  # marks, and what an interrupted build left
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        versions = {part.id: part.version for part in self._parts}
        described = [
            {
                **track,
                "file": track_file(track),
                "kind": "allele" if track["format"] == "vcf" else "region",
                "version": versions[track["id"]],
            }
            for track in tracks
        ]
        text = manifest_text(self._recipe, self._version(), self._contigs, self._left_out, described, self._parts, self._sources)
        (self._work / MANIFEST).write_text(text + manifest.file_table(self._work))
        manifest.load(self._work)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(self._work, target)
        return manifest.load(target)

    def _version(self) -> str:
        """The recipe's version, and, of a bundle that was there before, which of its parts is new."""
        version: str = self._recipe["version"]
        if self._old is None:
            return version
        before = {part.id: part for part in self._old.parts}
        new = [part for part in self._parts if part != before.get(part.id)]
        if not new:
            return self._old.version
        named = [re.sub(r"[^A-Za-z0-9.-]+", "-", f"{part.id}-{part.version or part.built}") for part in new]
        return f"{version}_{'_'.join(named)}"


def _described(
    name: str, title: str, described: Mapping[str, Any], made_from: str, files: Iterable[str], sources: list[Facts]
) -> Part:
    """A part that was just made. One without a version in its recipe has that of its file: the date in it, or of it."""
    dates = [source["header"]["fileDate"] for source in sources if source.get("header", {}).get("fileDate")]
    dates = dates or [source["date"] for source in sources if source.get("date")]
    date = max(dates, default="")
    return Part(
        id=name,
        title=title,
        version=described.get("version") or date or sources[0]["sha256"][:12],
        date=date,
        licence=described.get("licence", ""),
        built=datetime.now(UTC).date().isoformat(),
        made_from=made_from,
        files=tuple(files),
        rows=sum(source.get("rows", 0) for source in sources),
        mismatches=sum(source.get("mismatches", 0) for source in sources),
        repeated=sum(source.get("repeated", 0) for source in sources),
    )


def _write_sequence(source: Path, work: Path) -> None:
    with opened(source) as compressed, (work / "genome.fa").open("wb") as fasta:
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


def add_genes(models: Path, folder: Path, names: Mapping[str, str], codes: Mapping[str, int] = MappingProxyType({})) -> Compiled:
    """Write what a bundle holds of gene models, a GFF3, into its folder, where the sequence is: transcripts and table of genes.

    `names` has the contigs of the sequence by each of their names; `codes` the genetic codes (NCBI's numbers) of those that are
    not like those of vertebrates. Raises BundleError if the models cannot be used.
    """
    bases = Sequence.open(folder / sequence.FILE)
    if unknown := sorted(codes.keys() - bases.lengths.keys()):
        raise BundleError(f"the recipe gives a genetic code for {unknown[0]}, which the sequence does not have")
    usual = {contig: VERTEBRATE_MITOCHONDRIAL for name, contig in names.items() if name in MITOCHONDRIAL}
    compiled = compile_models(models, bases, folder / layout.FILE, codes={**usual, **codes}, names=names)
    (folder / TABLE).write_bytes(b"".join(Transcripts.open(folder / layout.FILE).gene_table()))
    return compiled
