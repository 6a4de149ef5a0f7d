"""What the portal has to know of reference bundles: how their contigs are called, and where their genes are.

The bundle itself stays where the annotators are. Of it the portal reads the manifest and the table of genes, at the first
question to a result that was made with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

import structlog

from app.domain.keys import Gone
from app.engine.bundles import manifest, stores
from app.engine.bundles.layout import TABLE
from app.engine.bundles.manifest import MANIFEST, Bundle
from app.engine.bundles.stores import LATEST
from app.engine.errors import EngineError
from app.services.kept import Kept
from app.services.references import stored

log = structlog.get_logger()

REFERENCES = 8
"""How many are kept: of a genome, each is a few megabytes."""

LATEST_SECONDS = 600
"""Seconds for which the latest version of a bundle is taken for the latest."""

NEAR, LOOKED_AT = 5, 100
"""Names that are offered for one that nothing has, and among how many they are chosen."""


@dataclass(frozen=True)
class GeneInterval:
    """1-based, both ends in it. `contig` is empty where genes on several contigs share the name."""

    name: str
    contig: str
    begin: int
    end: int


class GeneTable:
    """Genes by name or id, in small letters or large.

    What is kept is the table as text, a few megabytes: as objects, sixty thousand genes would be ten times as much.
    """

    def __init__(self, rows: bytes) -> None:
        self._rows = b"\n" + rows
        self._folded = self._rows.upper()  # every letter at the same place

    def find(self, name: str) -> GeneInterval | None:
        """The gene, or all of one name from the first to the last; None if there is none."""
        wanted = name.upper().encode()
        # its name; its id or its number at HGNC; its id, where the number follows
        spelled = (b"\n%b\t", b"\t%b\n", b"\t%b\tHGNC:")
        found = next(filter(None, ([self._row(at) for at in self._all(one % wanted)] for one in spelled)), [])
        if not found:
            return None
        contigs = {gene.contig for gene in found}
        begin, end = min(gene.begin for gene in found), max(gene.end for gene in found)
        return GeneInterval(found[0].name, contigs.pop() if len(contigs) == 1 else "", begin, end)

    def symbol(self, name: str) -> str:
        """The symbol for a symbol, an id or a number at HGNC; empty if there is none."""
        found = self.find(name)
        return found.name if found else ""

    def symbols(self, names: Collection[str]) -> dict[str, str]:
        """The symbols of many names, ids or numbers at HGNC (`HGNC:5`), in capitals, by these: in one pass. What there is not is
        left out."""
        wanted = {name.encode() for name in names}
        rows = zip(self._folded.split(b"\n"), self._rows.split(b"\n"), strict=True)
        parts = ((folded.split(b"\t"), row) for folded, row in rows if folded)
        found = {one: row.partition(b"\t")[0] for fields, row in parts for one in (*fields[4:], fields[0]) if one in wanted}
        return {name.decode(): symbol.decode() for name, symbol in found.items()}

    def near(self, name: str) -> list[str]:
        """Names that this one is a part of, the shortest first; or else those that are spelled nearly so."""
        found = (self._row(at).name for at in self._all(name.upper().encode()))
        named = (one for one in found if name.upper() in one.upper())
        parts = sorted(dict.fromkeys(islice(named, LOOKED_AT)), key=len)[:NEAR]
        return parts or [self.symbol(one) for one in get_close_matches(name.upper(), self._alike(name.upper()), NEAR, 0.7)]

    def _alike(self, name: str) -> list[str]:
        """Symbols of about this length that begin or end as this one does."""
        head, tail = re.escape(name[:2].encode()), re.escape(name[-2:].encode())
        size = f"{{{max(1, len(name) - 1)},{len(name) + 1}}}".encode()
        rows = re.findall(rb"\n(?=[^\t]%b\t)(%b[^\t]*|[^\t]*%b)\t" % (size, head, tail), self._folded)
        return [row.decode() for row in dict.fromkeys(rows)][:2000]

    def _all(self, wanted: bytes) -> Iterator[int]:
        """The places where this stands."""
        at = self._folded.find(wanted)
        while at >= 0:
            yield at
            at = self._folded.find(wanted, at + 1)

    def _row(self, at: int) -> GeneInterval:
        """The gene of the row at this place, or of the one that begins behind it."""
        begin = at + 1 if self._rows[at : at + 1] == b"\n" else self._rows.rfind(b"\n", 0, at) + 1
        name, contig, first, last, *_ = self._rows[begin : self._rows.index(b"\n", begin)].decode().split("\t")
        return GeneInterval(name, contig, int(first), int(last))


@dataclass(frozen=True)
class Reference:
    """A bundle, as far as the portal reads it."""

    bundle: Bundle
    genes: GeneTable | None  # an older bundle may have no table of them


@dataclass
class References:
    """The bundles that are embedded, or in the `folder` of installed ones, or in the `store` that annotators pull them from."""

    folder: str
    store: str
    s3: Any
    clock: Callable[[], float] = time.monotonic
    _newest: dict[str, tuple[float, str]] = field(default_factory=dict)  # when it was asked for, and what it was
    _found: dict[str, tuple[float, Bundle]] = field(default_factory=dict)  # likewise, of what is installed
    _kept: Kept[Reference | None] = field(default_factory=lambda: Kept(REFERENCES))

    async def reference_of(self, summary: Mapping[str, Any]) -> Reference | None:
        """What the result with this summary was made with; None where it cannot be had, and gene and contig are only words."""
        bundle = summary.get("bundle", {})
        bundle_id, version = str(bundle.get("id", "")), str(bundle.get("version", ""))
        try:
            return await self._kept.once(f"{bundle_id}/{version}", lambda: self._read(bundle_id, version))
        except Exception as error:
            # a question without it takes longer, and is answered all the same
            log.warning("reference not readable", bundle=bundle_id, version=version, error=repr(error))
            return None

    async def bundle_of(self, place: str) -> Bundle | None:
        """The bundle that GAS_REFERENCES names as `id`, `id/version` or `id/latest`; None where it cannot be had."""
        bundle_id, _, version = place.partition("/")
        try:
            if not version:
                return await self._installed(bundle_id)
            version = await self._latest(bundle_id) if version == LATEST else version
            found = await self._kept.once(f"{bundle_id}/{version}", lambda: self._read(bundle_id, version))
        except Exception as error:
            # a page without the versions of parts is better than none
            log.warning("reference not readable", bundle=bundle_id, version=version, error=repr(error))
            return None
        return found.bundle if found else None

    async def _installed(self, bundle_id: str) -> Bundle:
        """The bundle on this host, as it was a few minutes ago. Raises EngineError."""
        looked, bundle = self._found.get(bundle_id, (0.0, None))
        if bundle is None or self.clock() - looked > LATEST_SECONDS:
            bundle = await asyncio.to_thread(manifest.find, bundle_id, *([Path(self.folder)] if self.folder else []))
            self._found[bundle_id] = self.clock(), bundle
        return bundle

    async def _latest(self, bundle_id: str) -> str:
        """The version that was pushed last, as it was a few minutes ago."""
        asked, version = self._newest.get(bundle_id, (0.0, ""))
        if not version or self.clock() - asked > LATEST_SECONDS:
            version = (await self._object(f"{bundle_id}/{LATEST}")).decode().strip()
            self._newest[bundle_id] = self.clock(), version
        return version

    async def _read(self, bundle_id: str, version: str) -> Reference | None:
        if here := await asyncio.to_thread(_here, bundle_id, version, self.folder):
            return here
        try:
            return await self._fetched(f"{bundle_id}/{version}") if self.store else None
        except Gone:
            return None

    async def _fetched(self, place: str) -> Reference:
        bundle = manifest.described((await self._object(f"{place}/{MANIFEST}")).decode(), Path(place))
        wanted = next((file for file in bundle.files if file.path == TABLE), None)
        if wanted is None:
            return Reference(bundle, None)
        rows = await self._object(stores.stored_key(bundle.id, wanted))
        if hashlib.sha256(rows).hexdigest() != wanted.sha256:
            raise EngineError(f"{TABLE} does not match its checksum")
        return Reference(bundle, await asyncio.to_thread(GeneTable, rows))

    async def _object(self, key: str) -> bytes:
        """A file of the store. Raises Gone."""
        return await stored(self.store, self.s3, key)


def _here(bundle_id: str, version: str, folder: str) -> Reference | None:
    """The bundle of this version, if it is on this host."""
    try:
        bundle = manifest.find(bundle_id, *([Path(folder)] if folder else []))
    except EngineError:
        return None
    if bundle.version != version:
        return None
    path = bundle.path(TABLE)
    return Reference(bundle, GeneTable(path.read_bytes()) if path.is_file() else None)
