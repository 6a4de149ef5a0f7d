"""The lines of a file that are no records: gathered, named twenty at once, and set aside if their owner wants it so."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.errors import InputError, LineFault
from app.engine.reading.values import many

NAMED = 20
"""Faults that are named at once; and as many lines may be set aside of any file."""

SHARE = 100
"""Of so many lines one may be set aside."""

HOPELESS = 1000
"""Faults after which a file is not read on if they are most of its lines."""

IN_A_BLOCK = 10_000
"""Faults of one block after which nothing is read on: they would only fill the memory."""

HEAD = b"#line\treason\ttext\n"


@dataclass
class Rejections:
    """What was found so far, in the order of the file; `path`: where lines are set aside (line, reason, text), None: nowhere."""

    path: Path | None = None
    count: int = 0
    first: list[LineFault] = field(default_factory=list)

    def add(self, faults: Iterable[LineFault], records: int) -> None:
        """Takes in the faults of a block, behind which there are `records` good lines. Raises InputError in a hopeless case."""
        faults = list(faults)
        if not faults:
            return
        if self.path:
            with self.path.open("ab" if self.count else "wb") as file:
                file.write(b"" if self.count else HEAD)
                file.writelines(b"%d\t%b\t%b\n" % (one.line, one.reason.encode(), one.text) for one in faults)
        self.count += len(faults)
        self.first += faults[: NAMED - len(self.first)]
        if self.count > HOPELESS and self.count > records:
            raise self.refusal(records)

    def check(self, records: int) -> None:
        """Raises InputError if there are faults that are not set aside, or too many of them; `records`: good lines in all."""
        if self.count and not (self.path and self._few(records)):
            raise self.refusal(records)

    def refusal(self, records: int) -> InputError:
        """Returns what is said of a file with these faults."""
        few, first = self._few(records), self.first[0]
        joint = " " if first.reason.startswith("has ") else ", " if first.reason.startswith("sample ") else ": "
        words = f"Line {first.line}{joint}{first.reason}"
        if self.count > 1:
            others = ", ".join(str(fault.line) for fault in self.first[1:])
            more = " …" if self.count > len(self.first) else ""
            words += f" {many(self.count - 1, 'more line')} cannot be read: {others}{more}."
        if not few:
            words += f" Of {self.count + records:,} lines that is more than 1 %. Was the file written or edited by hand?"
        return InputError(words, first.line, faults=tuple(self.first), skippable=self.count if few else 0)

    def _few(self, records: int) -> bool:
        return self.count <= NAMED or SHARE * self.count <= self.count + records
