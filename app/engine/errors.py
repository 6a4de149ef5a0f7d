"""The two ways in which an annotation ends without a result: the input is at fault, or we are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LineFault:
    """A line of the input that cannot be read as a record."""

    line: int  # from 1
    column: str  # of the VCF, or the name of a sample; empty where the line as a whole is at fault
    reason: str
    text: bytes

    def shown(self) -> dict[str, object]:
        """As JSON takes it, for people: the text is cut."""
        text = self.text[:200].decode("utf-8", "replace")
        return {"line": self.line, "column": self.column, "reason": self.reason, "text": text}


class InputError(Exception):
    """The input cannot be annotated; the message says what is wrong, where, and what to do, in words for its owner."""

    def __init__(self, message: str, line: int | None = None, *, faults: tuple[LineFault, ...] = (), skippable: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.faults = faults  # the first lines at fault, if it is they
        self.skippable = skippable  # how many lines could be set aside, so that the rest can be annotated; 0: that is not to be

    def __reduce__(self) -> tuple[object, ...]:
        return (_again, (type(self), self.__dict__))


class RecordError(InputError):
    """One line of the input is no record; the others may be."""

    def __init__(self, message: str, line: int, column: str = "") -> None:
        super().__init__(message, line)
        self.column = column

    @property
    def reason(self) -> str:
        """The message without the number of the line."""
        return self.message.removeprefix(f"Line {self.line}").lstrip(":, ")


def _again(kind: type[InputError], values: dict[str, object]) -> InputError:
    error = kind.__new__(kind)
    Exception.__init__(error, values["message"])
    error.__dict__.update(values)
    return error


class EngineError(Exception):
    """The engine or its installation is at fault; the message is for the operator."""
