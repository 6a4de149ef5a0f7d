"""The two ways in which an annotation ends without a result: the input is at fault, or we are."""


class InputError(Exception):
    """The input cannot be annotated; the message says what is wrong, where, and what to do, in words for its owner."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class EngineError(Exception):
    """The engine or its installation is at fault; the message is for the operator."""
