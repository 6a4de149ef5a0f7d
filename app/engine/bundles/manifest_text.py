"""The text of a manifest: what `manifest.described` reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.engine.bundles.manifest import Part

Contig = tuple[str, int, Sequence[str]]
"""Name, length and aliases."""


def manifest_text(
    recipe: Mapping[str, Any],
    version: str,
    contigs: Iterable[Contig],
    left_out: Iterable[Mapping[str, Any]],
    tracks: Iterable[Mapping[str, Any]],
    parts: Iterable[Part],
    sources: Iterable[Mapping[str, Any]],
) -> str:
    """All of it but the table of files."""
    head = {key: recipe[key] for key in ("id", "title", "assembly", "distance") if key in recipe}
    text = _table("", {**head, "version": version, "fasta": "genome.fa"})
    text += "".join(_table("contigs", {"name": name, "length": bases, "aliases": list(names)}) for name, bases, names in contigs)
    text += "".join(_table("left_out", one) for one in left_out)
    for track in tracks:
        text += _table("tracks", {key: track.get(key, "") for key in ("id", "title", "file", "kind", "version")})
        for column in track["columns"]:
            text += _table("tracks.columns", {key: column[key] for key in ("tag", "number", "type", "description")})
    text += "".join(_table("parts", {key: value for key, value in asdict(part).items() if value}) for part in parts)
    return text + "".join(_table("sources", one) for one in sources)


def _table(name: str, values: Mapping[str, Any]) -> str:
    lines = [f"\n[[{name}]]"] if name else []
    return "\n".join([*lines, *(f"{key} = {_value(value)}" for key, value in values.items())]) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return str(value) if isinstance(value, int) else _quoted(str(value))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
