"""The last step of the stream: consequences corrected and ranked, masks lifted, contig names restored, everything counted."""

import re
from collections import Counter
from collections.abc import Callable

from app.annotation import tags
from app.annotation.alleles import MASK, unmask
from app.annotation.consequences import INTERGENIC, Consequence, interpret
from app.annotation.errors import EngineError
from app.annotation.intake import Survey
from app.annotation.reference import Bundle
from app.annotation.summary import Tally
from app.annotation.translation import contigs

_RAW = tags.RAW.encode() + b"="
_FREQUENCIES = [re.compile(before + rb"AF=([0-9][^,;\t\n]*)") for before in (b"\t", b";")]  # a literal beginning is found fast
_MEMO = 4_000  # neighbours share their consequences, so a short memory is enough


class Finisher:
    """Turns lines of the stream into lines of the result."""

    def __init__(self, survey: Survey, bundle: Bundle) -> None:
        self.tally = Tally()
        self._survey, self._bundle = survey, bundle
        self._restored = {contig.encode(): name for name, contig in survey.names.items()}
        self._translated = contigs(bundle)
        self._memo: dict[bytes, Consequence] = {}
        self._has_samples = bool(survey.header.samples)
        self._has_frequency = b"AF" in survey.header.fields["INFO"]

    def header(self, provenance: tuple[bytes, ...]) -> bytes:
        """The header of the result: the user's, repaired, with the added tags declared."""
        contigs = self._survey.contigs(self._bundle)
        return self._survey.header.text(contigs, added=(*tags.declarations(tags.added(self._bundle)), *provenance))

    def lines(self, lines: list[bytes], write: Callable[[bytes], object]) -> None:
        """Finish a batch of records (without line ends)."""
        out: list[bytes] = []
        alleles: list[tuple[bytes, bytes]] = []
        found: list[Consequence] = []
        contigs: list[bytes] = []
        samples: list[bytes] = []
        renamed, has_samples = self._survey.renamed, self._has_samples
        for line in lines:
            contig, position, _, ref, alt, _, _, info = line.split(b"\t", 7)
            contigs.append(contig)
            if has_samples:
                info, _, calls = info.partition(b"\t")
                samples.append(calls)
                line = line[: -len(calls) - 1]
            start = info.find(_RAW)
            if contig in self._translated and alt.isalpha() and alt != ref:
                raw = self._translated[contig].consequences(int(position), ref, alt)
                consequence = self._interpret(raw) if raw else INTERGENIC
                found.append(consequence)
                line = _with(line, consequence.tags)
            elif start >= 0:
                raw, semicolon, after = info[start + len(_RAW) :].partition(b";")
                consequence = self._interpret(raw)
                found.append(consequence)
                line = line[: start - len(info)] + consequence.tags + semicolon + after
            elif alt.isalpha() and alt != ref:
                found.append(INTERGENIC)
                line = _with(line, INTERGENIC.tags)
            elif alt.startswith(MASK):
                masked, (alt, flag) = alt, _unmasked(ref, alt)
                line = _with(line.replace(b"\t%b\t" % masked, b"\t%b\t" % alt, 1), flag)
            alleles.append((ref, alt))
            if renamed:
                line = self._restored[contig] + line[len(contig) :]
            out.append(line + b"\t" + calls if has_samples else line)
        out.append(b"")
        text = b"\n".join(out)
        write(text)
        self._count(alleles, found, contigs, samples, text)

    def _count(
        self,
        alleles: list[tuple[bytes, bytes]],
        found: list[Consequence],
        contigs: list[bytes],
        samples: list[bytes],
        text: bytes,
    ) -> None:
        tally = self.tally
        tally.records += len(alleles)
        tally.add_alleles(alleles)
        tally.add_consequences(found)
        for contig, count in Counter(contigs).items():
            tally.contigs[self._restored[contig]] += count
        for track in self._bundle.tracks:
            counts = {column.tag: text.count(f"{column.tag}=".encode()) for column in track.columns}
            tally.tags.update(counts)
            tally.tracks[track.id] += max(counts.values(), default=0)
        if samples:
            tally.add_samples(samples)
        if self._has_frequency:
            for pattern in _FREQUENCIES:
                tally.add_frequencies(pattern.findall(text))

    def _interpret(self, raw: bytes) -> Consequence:
        known = self._memo.get(raw)
        if known is None:
            if len(self._memo) >= _MEMO:
                self._memo.clear()
            known = self._memo[raw] = interpret(raw)
        return known

    def check(self, total: int) -> None:
        """The promise of the engine: every record that came in, once for each of its alleles, is in the result."""
        expected = self._survey.records + self._survey.splits
        if total != expected or self.tally.records != expected:
            raise EngineError(
                f"{self._survey.records} records and {self._survey.splits} splits came in, {total} records came out"
            )


def _with(line: bytes, tags: bytes) -> bytes:
    """A record without samples with these tags at the end of its INFO."""
    return line[:-1] + tags if line.endswith(b"\t.") else line + b";" + tags


def _unmasked(ref: bytes, alt: bytes) -> tuple[bytes, bytes]:
    """A masked allele as the file had it, and the flag that says why it carries no consequence."""
    alt = unmask(alt)
    if alt.isalpha():
        return alt, b"GAS_FLAG=" + (b"ref_mismatch" if _plain(ref) and _plain(alt) else b"ambiguous")
    return alt, b"GAS_FLAG=" + (b"symbolic" if alt.startswith(b"<") else b"breakend")


def _plain(allele: bytes) -> bool:
    return not allele.strip(b"ACGTN")
