"""The last step: consequences corrected and ranked, what the tracks know put beside them, lines written, everything counted."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from operator import attrgetter

from app.engine.bundles.gene_table import Places
from app.engine.bundles.manifest import Bundle
from app.engine.consequence import mitochondrial
from app.engine.consequence.csq_process import Csq
from app.engine.consequence.interpretation import INTERGENIC, SILENT, Consequence, interpret
from app.engine.consequence.tracks import tracks
from app.engine.limits import Limits
from app.engine.reading.headers import Header
from app.engine.reading.records import AlleleBatch, Key
from app.engine.report.counts import Counts

_FREQUENCIES = [re.compile(before + rb"AF=([0-9][^,;\t\n]*)") for before in (b"\t", b";")]  # a literal beginning is found fast
_MEMO = 4_000  # neighbours share their consequences, so a short memory is enough
_MARGIN = 100  # bases around a gene in which an allele may still be of consequence to it


class BlockAnnotator:
    """Turns alleles into lines of the result. `places` are where genes are; without them, csq is asked about every allele."""

    def __init__(self, header: Header, bundle: Bundle, places: Places | None, limits: Limits) -> None:
        self._header, self._bundle, self._places = header, bundle, places
        nuclear = [genes for genes in bundle.genes if genes.genetic_code != mitochondrial.CODE]
        self._csq = [Csq(bundle, genes, limits.silent_seconds) for genes in nuclear]
        self._tracks = tracks(bundle)
        self._translated = mitochondrial.contigs(bundle)
        self._knowing: dict[str, list[Csq]] = {}
        self._memo: dict[bytes, Consequence] = {}

    def close(self) -> None:
        for one in (*self._csq, *self._tracks):
            one.close()

    def lines(self, batch: AlleleBatch, totals: Counts) -> list[bytes]:
        """The lines of these alleles, in order; they are counted, too."""
        wanted = self._wanted(batch)
        knowing = self._consulted(batch.place) if wanted else []
        for csq in knowing[:1]:
            csq.submit(batch.place, wanted)
        said = [track.tags(batch) for track in self._tracks]  # meanwhile
        answers: dict[Key, bytes] = {}
        for index, csq in enumerate(knowing):
            if index:
                csq.submit(batch.place, wanted)
            answers |= csq.collect()
        told = self._interpreted(batch.place, wanted, answers)
        told[None] = SILENT
        found = [told.get(key, INTERGENIC) for key in batch.keys]
        columns = [batch.heads, map(attrgetter("tags"), found), *said, batch.tails]
        if batch.bare:
            columns[0], columns[1] = [], [_first(parts) for parts in zip(*columns[:-1], strict=True)]
            columns = [columns[1], batch.tails]
        lines = list(map(b"".join, zip(*columns, strict=True)))
        self._count(batch, found, said, totals)
        return lines

    def _wanted(self, batch: AlleleBatch) -> dict[Key, None]:
        """The alleles that csq is asked about, each once."""
        if self._places is None:
            return dict.fromkeys(sorted(filter(None, batch.keys), key=_position))
        margin = _MARGIN + max(map(len, batch.refs))
        wanted: dict[Key, None] = {}
        for begin, end in self._places.between(batch.place, batch.starts[0] - margin, max(batch.ends) + _MARGIN):
            first = bisect_left(batch.starts, begin - margin)
            wanted.update((key, None) for key in batch.keys[first : bisect_left(batch.starts, end + _MARGIN)] if key)
        if batch.wide or batch.moved:
            near = zip(batch.keys, batch.starts, strict=True)
            wanted.update((key, None) for key, start in near if key and (len(key) > 3 or int(key[0]) != start + 1))
            wanted = dict.fromkeys(sorted(wanted, key=_position))
        return wanted

    def _consulted(self, place: str) -> list[Csq]:
        if place not in self._knowing:
            self._knowing[place] = [csq for csq in self._csq if csq.knows(place)]
        return self._knowing[place]

    def _interpreted(self, place: str, keys: Iterable[Key], answers: dict[Key, bytes]) -> dict[Key | None, Consequence]:
        """The consequence of each allele that has one."""
        if translated := self._translated.get(place.encode()):
            plain = (key for key in keys if len(key) == 3)
            answers = {key: raw for key in plain if (raw := translated.consequences(int(key[0]), key[1], key[2]))}
        if len(self._memo) > _MEMO:
            self._memo.clear()
        for raw in answers.values():
            if raw not in self._memo:
                self._memo[raw] = interpret(raw)
        told: dict[Key | None, Consequence] = {key: SILENT for key in keys if len(key) > 3}
        told.update((key, self._memo[raw]) for key, raw in answers.items())
        return told

    def _count(self, batch: AlleleBatch, found: list[Consequence], said: list[list[bytes]], totals: Counts) -> None:
        totals.records += len(found)
        totals.contigs[batch.name] += len(found)
        totals.add_alleles(batch.refs, batch.alts)
        totals.add_consequences(found)
        for track, texts in zip(self._bundle.tracks, said, strict=True):
            told = Counter(texts)
            del told[b""]
            counts = {
                column.tag: sum(count for text, count in told.items() if b";%b" % column.tag.encode() in text)
                for column in track.columns
            }
            totals.tags.update(counts)
            totals.tracks[track.id] += told.total()
        if self._header.samples:
            totals.add_samples(batch.tails, len(self._header.samples))
        if b"AF" in self._header.fields["INFO"]:
            text = b"\n".join(batch.heads)
            for pattern in _FREQUENCIES:
                totals.add_frequencies(pattern.findall(text))


def _position(key: Key) -> int:
    return int(key[0])


def _first(parts: tuple[bytes, ...]) -> bytes:
    """A line up to its INFO, where the head may have none."""
    head, *said = parts
    return head + (b"".join(said)[1:] or b".") if head.endswith(b"\t") else head + b"".join(said)
