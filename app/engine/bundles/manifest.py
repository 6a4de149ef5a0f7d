"""Reference bundles: a folder of sequence, genes and tracks, described by `manifest.toml`; data, never code."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from app.engine.errors import EngineError

EMBEDDED = Path(__file__).parent / "embedded"
MANIFEST = "manifest.toml"

MITOCHONDRIAL = frozenset({"MT", "chrM", "M", "chrMT", "NC_012920.1"})
"""Names of a mitochondrion: its genes have a genetic code of their own, and HGVS numbers its bases with m."""


@dataclass(frozen=True)
class Contig:
    """A sequence of a reference: its name and its length in bases."""

    name: str
    length: int
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """One INFO tag that a track adds."""

    tag: str
    number: str
    type: str
    description: str


@dataclass(frozen=True)
class Track:
    """Known variants (`allele`) or intervals (`region`), a value a column; `track_format` says how they are stored."""

    id: str
    title: str
    file: str
    kind: str
    columns: tuple[Column, ...]
    version: str = ""


@dataclass(frozen=True)
class BundleFile:
    """A file of a bundle: its path in it, and what it must be to be believed."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """What a bundle is built from and renewed by: the sequence, the genes, or a track, with its own version."""

    id: str
    title: str
    version: str
    date: str = ""  # of its newest source, YYYY-MM-DD
    licence: str = ""
    built: str = ""  # the day when it was built
    made_from: str = ""  # checksum of all that its recipe says of it
    files: tuple[str, ...] = ()
    rows: int = 0
    mismatches: int = 0  # alleles left out because the sequence has other bases there
    repeated: int = 0  # alleles left out because the source has them twice


@dataclass(frozen=True)
class Bundle:
    """A verified description of a bundle; its files are opened where they are needed."""

    folder: Path
    id: str
    version: str
    title: str
    assembly: str
    fasta: str
    contigs: tuple[Contig, ...]
    tracks: tuple[Track, ...]
    files: tuple[BundleFile, ...]
    sources: tuple[Mapping[str, Any], ...] = ()
    sequence: str = "genome.seq"
    transcripts: str = "transcripts.bin"
    distance: int = 5000  # bases within which a transcript is upstream or downstream of an allele
    parts: tuple[Part, ...] = ()
    left_out: tuple[Mapping[str, Any], ...] = ()  # transcripts of the gene models that contradict themselves, and why

    def path(self, name: str) -> Path:
        """Returns where a file of the bundle lies."""
        return self.folder / name

    @cached_property
    def names(self) -> Mapping[str, Contig]:
        """Every name and alias of every contig."""
        return {name: contig for contig in self.contigs for name in (*contig.aliases, contig.name)}


def load(folder: Path) -> Bundle:
    """The bundle in a folder; EngineError if its manifest is missing or malformed."""
    try:
        return described((folder / MANIFEST).read_text(), folder)
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(f"The reference bundle in {folder} cannot be read: {error!r}") from error


@lru_cache(maxsize=16)
def described(text: str, folder: Path) -> Bundle:
    """The bundle that this manifest describes; EngineError if it is malformed. Its files need not be in the folder yet."""
    import tomllib  # a tenth of what the command line would import for its help

    try:
        manifest = tomllib.loads(text)
        manifest.pop("genes", None)  # of older releases, whose bundles are still read to explore their results
        return Bundle(
            folder=folder,
            contigs=tuple(Contig(c["name"], c["length"], tuple(c.get("aliases", ()))) for c in manifest.pop("contigs")),
            tracks=tuple(Track(**{**t, "columns": tuple(Column(**c) for c in t["columns"])}) for t in manifest.pop("tracks", ())),
            files=tuple(BundleFile(**f) for f in manifest.pop("files")),
            sources=tuple(manifest.pop("sources", ())),
            left_out=tuple(manifest.pop("left_out", ())),
            parts=tuple(Part(**{**p, "files": tuple(p.get("files", ()))}) for p in manifest.pop("parts", ())),
            **manifest,
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise EngineError(f"The reference bundle in {folder} cannot be read: {error!r}") from error


def find(bundle_id: str, *folders: Path) -> Bundle:
    """The bundle of that id in the first of the folders that has it, the embedded ones last."""
    for folder in (*folders, EMBEDDED):
        if bundle_id and bundle_id == Path(bundle_id).name and (folder / bundle_id / MANIFEST).is_file():
            return load(folder / bundle_id)
    raise EngineError(f"There is no reference bundle {bundle_id!r} in {', '.join(map(str, (*folders, EMBEDDED)))}.")


def is_embedded(bundle_id: str) -> bool:
    """Whether the release itself has a bundle of that id."""
    return bundle_id == Path(bundle_id).name and (EMBEDDED / bundle_id / MANIFEST).is_file()


def installed(*folders: Path) -> list[Bundle]:
    """Every bundle of the folders and the embedded ones, each id once, by the first that has it."""
    manifests = [manifest for folder in (*folders, EMBEDDED) for manifest in sorted(folder.glob(f"[!.]*/{MANIFEST}"))]
    found: dict[str, Path] = {}
    for manifest in manifests:
        found.setdefault(manifest.parent.name, manifest.parent)
    return [load(folder) for folder in found.values()]


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal, in constant memory."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(bundle: Bundle) -> list[str]:
    """What is wrong with the bundle's files, one sentence each; empty if every size and checksum agrees."""
    faults = []
    for file in bundle.files:
        path = bundle.path(file.path)
        if not path.is_file():
            faults.append(f"{file.path} is missing")
        elif path.stat().st_size != file.bytes:
            faults.append(f"{file.path} has {path.stat().st_size} bytes instead of {file.bytes}")
        elif sha256(path) != file.sha256:
            faults.append(f"{file.path} does not match its checksum")
    return faults


def file_table(folder: Path) -> str:
    """The `[[files]]` part of a manifest for what is in the folder."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    return "".join(
        f'\n[[files]]\npath = "{name}"\nbytes = {(folder / name).stat().st_size}\nsha256 = "{sha256(folder / name)}"\n'
        for name in names
    )
