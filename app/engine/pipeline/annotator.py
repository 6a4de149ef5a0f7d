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
from app.engine.reading.records import Key, Run
from app.engine.report.counts import Tally

_FREQUENCIES = [re.compile(before + rb"AF=([0-9][^,;\t\n]*)") for before in (b"\t", b";")]  # a literal beginning is found fast
_MEMO = 4_000  # neighbours share their consequences, so a short memory is enough
_MARGIN = 100  # bases around a gene in which an allele may still be of consequence to it


class Finisher:
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

    def lines(self, run: Run, tally: Tally) -> list[bytes]:
        """The lines of these alleles, in order; they are counted, too."""
        wanted = self._wanted(run)
        knowing = self._consulted(run.place) if wanted else []
        for csq in knowing[:1]:
            csq.ask(run.place, wanted)
        said = [track.tags(run) for track in self._tracks]  # meanwhile
        answers: dict[Key, bytes] = {}
        for index, csq in enumerate(knowing):
            if index:
                csq.ask(run.place, wanted)
            answers |= csq.answers()
        told = self._interpreted(run.place, wanted, answers)
        told[None] = SILENT
        found = [told.get(key, INTERGENIC) for key in run.keys]
        columns = [run.heads, map(attrgetter("tags"), found), *said, run.tails]
        if run.bare:
            columns[0], columns[1] = [], [_first(parts) for parts in zip(*columns[:-1], strict=True)]
            columns = [columns[1], run.tails]
        lines = list(map(b"".join, zip(*columns, strict=True)))
        self._count(run, found, said, tally)
        return lines

    def _wanted(self, run: Run) -> dict[Key, None]:
        """The alleles that csq is asked about, each once."""
        if self._places is None:
            return dict.fromkeys(sorted(filter(None, run.keys), key=_position))
        margin = _MARGIN + max(map(len, run.refs))
        wanted: dict[Key, None] = {}
        for begin, end in self._places.between(run.place, run.starts[0] - margin, max(run.ends) + _MARGIN):
            first = bisect_left(run.starts, begin - margin)
            wanted.update((key, None) for key in run.keys[first : bisect_left(run.starts, end + _MARGIN)] if key)
        if run.wide or run.moved:
            near = zip(run.keys, run.starts, strict=True)
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

    def _count(self, run: Run, found: list[Consequence], said: list[list[bytes]], tally: Tally) -> None:
        tally.records += len(found)
        tally.contigs[run.name] += len(found)
        tally.add_alleles(run.refs, run.alts)
        tally.add_consequences(found)
        for track, texts in zip(self._bundle.tracks, said, strict=True):
            told = Counter(texts)
            del told[b""]
            counts = {
                column.tag: sum(count for text, count in told.items() if b";%b" % column.tag.encode() in text)
                for column in track.columns
            }
            tally.tags.update(counts)
            tally.tracks[track.id] += told.total()
        if self._header.samples:
            tally.add_samples(run.tails, len(self._header.samples))
        if b"AF" in self._header.fields["INFO"]:
            text = b"\n".join(run.heads)
            for pattern in _FREQUENCIES:
                tally.add_frequencies(pattern.findall(text))


def _position(key: Key) -> int:
    return int(key[0])


def _first(parts: tuple[bytes, ...]) -> bytes:
    """A line up to its INFO, where the head may have none."""
    head, *said = parts
    return head + (b"".join(said)[1:] or b".") if head.endswith(b"\t") else head + b"".join(said)
