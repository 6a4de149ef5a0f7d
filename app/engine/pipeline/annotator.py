"""The last step: consequences, what the tracks know put beside them, lines written, everything counted."""

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from app.engine.bundles.manifest import Bundle
from app.engine.consequence.annotation import SILENT, SPELLING, AlleleAnnotation, AlleleAnnotator
from app.engine.consequence.codons import MOST_BASES
from app.engine.consequence.tracks import TrackSaid, tracks
from app.engine.pipeline import codons
from app.engine.pipeline.codons import EdgeAllele
from app.engine.reading.allele_batch import AlleleBatch, Key
from app.engine.reading.headers import Header
from app.engine.reading.normalize import REACH
from app.engine.report.batch_rows import values_of_batch
from app.engine.report.counts import Counts
from app.engine.report.rows import Values

MOST_ENTRIES = 100_000
"""Entries of INFO/CSQ, of some 250 bytes each, that are made before they are compressed."""

_FREQUENCIES = [re.compile(before + rb"AF=([0-9][^,;\t\n]*)") for before in (b"\t", b";")]  # a literal beginning is found fast


class BlockAnnotator:
    """Turns alleles into lines of the result. `distance`: see `AlleleAnnotator`; `moved`: they are sorted by leftmost place."""

    def __init__(self, header: Header, bundle: Bundle, distance: int | None = None, *, moved: bool = False) -> None:
        self._header, self._bundle = header, bundle
        self._slack = MOST_BASES + (REACH if moved else 0)
        self._answers = AlleleAnnotator(bundle, distance)
        self._tracks = tracks(bundle)

    def close(self) -> None:
        for track in self._tracks:
            track.close()

    def portions(self, batch: AlleleBatch) -> Iterator[tuple[AlleleBatch, int]]:
        """The batch in parts of MOST_ENTRIES entries of CSQ at most, or of one allele, with their number, by estimate."""
        before = np.cumsum(self._answers.entries(batch.place, batch.starts, batch.ends))
        begin = entries = 0
        while begin < len(before):
            end = max(int(np.searchsorted(before, entries + MOST_ENTRIES, side="right")), begin + 1)
            yield batch if end - begin == len(before) else batch.part(begin, end), int(before[end - 1]) - entries
            begin, entries = end, int(before[end - 1])

    def annotated(self, batch: AlleleBatch, totals: Counts) -> tuple[list[bytes], Values, list[EdgeAllele]]:
        """The lines of these alleles, in order, what the columns of the result have of them, and those to compare with other
        blocks; they are counted, too."""
        said = [track.said(batch) for track in self._tracks]
        keys = dict.fromkeys(filter(None, batch.keys))
        answers = self._answers.of(batch.place, keys) if keys else {}
        found = [answers[key] if key else SILENT for key in batch.keys]
        tags = [one.tags for one in found]
        flags: Counter[str] = Counter({SPELLING: sum(one.flagged for one in found)})
        flagged: dict[tuple[Key | None, int], bytes] = {}
        for index, verdict in codons.shared(batch, answers, samples=bool(self._header.samples)).items():
            known = batch.keys[index], verdict
            if known not in flagged:
                flagged[known] = codons.flagged(tags[index], verdict)
            tags[index] = flagged[known]
            flags[codons.WORDS[verdict]] += 1
        totals.flags.update(+flags)
        columns = [batch.heads, tags, *(one.texts for one in said), batch.tails]
        if batch.bare:
            columns = [[_first(parts) for parts in zip(*columns[:-1], strict=True)], batch.tails]
        lines = list(map(b"".join, zip(*columns, strict=True)))
        self._count(batch, found, said, totals)
        values = values_of_batch(batch, found, said)
        return lines, values, codons.edges(batch, answers, lines, self._answers.extent, self._slack)

    def _count(self, batch: AlleleBatch, found: list[AlleleAnnotation], said: list[TrackSaid], totals: Counts) -> None:
        totals.records += len(found)
        totals.contigs[batch.name] += len(found)
        totals.add_alleles(batch.refs, batch.alts)
        totals.add_consequences(found)
        for track, one in zip(self._bundle.tracks, said, strict=True):
            totals.tags.update(one.tags)
            totals.tracks[track.id] += one.alleles
        if self._header.samples:
            totals.add_samples(batch.tails, len(self._header.samples))
        if b"AF" in self._header.fields["INFO"]:
            text = b"\n".join(batch.heads)
            for pattern in _FREQUENCIES:
                totals.add_frequencies(pattern.findall(text))


def _first(parts: tuple[bytes, ...]) -> bytes:
    """A line up to its INFO, where the head may have none."""
    head, *said = parts
    return head + (b"".join(said)[1:] or b".") if head.endswith(b"\t") else head + b"".join(said)
