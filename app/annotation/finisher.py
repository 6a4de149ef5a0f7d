"""The last step of the stream: consequences corrected and ranked, masks lifted, contig names restored, everything counted."""

import re
from collections.abc import Callable

from app.annotation import tags
from app.annotation.alleles import MASK, unmask
from app.annotation.consequences import INTERGENIC, Consequence, interpret
from app.annotation.errors import EngineError
from app.annotation.genes import special
from app.annotation.intake import Survey
from app.annotation.reference import Bundle
from app.annotation.summary import Tally

_RAW = tags.RAW.encode() + b"="
_FREQUENCY = re.compile(rb"[\t;]AF=([0-9][^,;\t\n]*)")
_MEMO = 50_000


class Finisher:
    """Turns lines of the stream into lines of the result."""

    def __init__(self, survey: Survey, bundle: Bundle) -> None:
        self.tally = Tally()
        self._survey, self._bundle = survey, bundle
        self._restored = {contig.encode(): name for name, contig in survey.names.items()}
        self._coding = {contig.encode(): by_name for contig, by_name in special(bundle).items()}
        self._memo: dict[bytes, Consequence] = {}
        self._tracks = [(track.id, [(c.tag, f"{c.tag}=".encode()) for c in track.columns]) for track in bundle.tracks]
        self._has_frequency = b"AF" in survey.header.fields["INFO"]

    def header(self, provenance: tuple[bytes, ...]) -> bytes:
        """The header of the result: the user's, repaired, with the added tags declared."""
        contigs = self._survey.contigs(self._bundle)
        return self._survey.header.text(contigs, added=(*tags.declarations(tags.added(self._bundle)), *provenance))

    def lines(self, lines: list[bytes], write: Callable[[bytes], object]) -> None:
        """Finish a batch of records (without line ends)."""
        out: list[bytes] = []
        genotypes: list[bytes] = []
        tally = self.tally
        contigs = tally.contigs
        for line in lines:
            contig, position, identifier, ref, alt, quality, filters, rest = line.split(b"\t", 7)
            info, tab, samples = rest.partition(b"\t")
            coding = self._coding.get(contig)
            flag = b""
            if alt.startswith(MASK):
                alt = unmask(alt)
                flag = (
                    b"symbolic"
                    if alt[:1] == b"<"
                    else b"breakend"
                    if not alt.isalpha()
                    else b"ref_mismatch"
                    if _plain(ref) and _plain(alt)
                    else b"ambiguous"
                )
            start = info.find(_RAW)
            found = None
            if start >= 0:
                end = info.find(b";", start)
                end = len(info) if end < 0 else end
                raw = info[start + len(_RAW) : end]
                before, after = info[: max(start - 1, 0)], info[end + 1 :]
                found = self._interpret(raw, coding, position, ref, alt)
                added = found.tags
            else:
                before, after, added = info, b"", b""
                if flag:
                    added = b"GAS_FLAG=" + flag
                elif alt.isalpha() and alt != ref:
                    found, added = INTERGENIC, INTERGENIC.tags
            tally.allele(ref, alt)
            if found:
                tally.consequence(found)
            if b"GAS_" in info:
                self._count_tracks(info)
            contig = self._restored[contig]
            contigs[contig] += 1
            parts = [part for part in (before if before != b"." else b"", added, after) if part]
            info = b";".join(parts) or b"."
            out.append(b"\t".join((contig, position, identifier, ref, alt, quality, filters, info)) + tab + samples + b"\n")
            if tab:
                genotypes.append(samples)
        tally.records += len(lines)
        if genotypes:
            tally.samples(genotypes)
        text = b"".join(out)
        if self._has_frequency:
            tally.frequency(_FREQUENCY.findall(text))
        write(text)

    def _count_tracks(self, info: bytes) -> None:
        for track, tags_of_track in self._tracks:
            found = [tag for tag, mark in tags_of_track if mark in info]
            if found:
                self.tally.tracks[track] += 1
                self.tally.tags.update(found)

    def _interpret(self, raw: bytes, coding: dict | None, position: bytes, ref: bytes, alt: bytes) -> Consequence:  # type: ignore[type-arg]
        if coding is not None:
            return interpret(raw, coding, int(position), ref, alt)
        known = self._memo.get(raw)
        if known is None:
            if len(self._memo) >= _MEMO:
                self._memo.clear()
            known = self._memo[raw] = interpret(raw, None, int(position), ref, alt)
        return known

    def check(self, total: int) -> None:
        """The promise of the engine: every record that came in, once for each of its alleles, is in the result."""
        expected = self._survey.records + self._survey.splits
        if total != expected or self.tally.records != expected:
            raise EngineError(
                f"{self._survey.records} records and {self._survey.splits} splits came in, {total} records came out"
            )


def _plain(allele: bytes) -> bool:
    return not allele.strip(b"ACGTN")
