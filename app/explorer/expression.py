"""Filters over the columns of a result: comparisons joined by `and`, `or`, `not` and parentheses.

`impact>=MODERATE and not frequency>=0.001`, `gene=MT-ND1|MT-ND4 and fraction<0.95`. A value that a record does not have makes
no comparison true, so that `not frequency>=0.001` also keeps what no one knows the frequency of. Words are compared in small
letters or large; those of an order (impact, significance, consequence) can be compared by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from app.engine.report.rows import CODED
from app.services.submissions import Refused

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

NUMBERS: Mapping[str, str] = {
    "position": "position",
    "quality": "quality",
    "af": "af",
    "frequency": "frequency",
    "stars": "stars",
    "rsid": "rsid",
    "residue": "residue",
    "depth": "depth",
    "fraction": "fraction",
    "heteroplasmy": "fraction",
}
"""Fields that are numbers, and their columns."""

ZERO_IS_NONE = frozenset({"rsid", "residue", "depth"})
WORDS = ("impact", "consequence", "significance", "type", "genotype", "change")
NAMES: Mapping[str, str] = {"gene": "genes", "filter": "filter", "contig": "contig"}
FIELDS = (*NUMBERS, *WORDS, *NAMES, "known")
MOST_TERMS = 100

PRESETS: tuple[tuple[str, str], ...] = (
    ("Known in a disease", "known"),
    ("Rare and damaging", "impact>=MODERATE and not frequency>=0.001 and not significance='benign'|'likely benign'"),
    ("Heteroplasmic", "fraction>=0.02 and fraction<0.95"),
    ("Passed the filters", "filter=PASS"),
)
"""Filters that are offered by name."""

_TOKEN = re.compile(
    r"\s*(?:(?P<op><=|>=|!=|==|=|<|>|[()|])|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<word>[^\s()<>=!|'\"]+))", re.DOTALL
)


class BadFilter(Refused):
    """The filter cannot be read; the text says where and what was expected."""


class Table:
    """What an expression is asked of: columns by name, and the words behind the codes of those that have some."""

    def __init__(self, columns: Mapping[str, Array], words: Mapping[str, Sequence[str]]) -> None:
        self.columns, self.words = columns, words


@dataclass(frozen=True)
class Expression:
    """A filter that was read: the columns that it needs, and which records it keeps."""

    text: str
    columns: frozenset[str]
    keeps: Callable[[Table], Mask]


def parse(text: str) -> Expression:
    """Reads a filter. Raises BadFilter."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._tokens, self._at = text, _tokens(text), 0
        self._columns: set[str] = set()

    def whole(self) -> Expression:
        keeps = self._any()
        if self._at < len(self._tokens):
            raise BadFilter(f"The filter goes on where it should end: {self._rest()}")
        return Expression(self._text, frozenset(self._columns), keeps)

    def _rest(self) -> str:
        return " ".join(value for _, value in self._tokens[self._at : self._at + 3])[:60] or "its end"

    def _next(self, *wanted: str) -> str:
        """Takes the next token if it is one of these."""
        if self._at < len(self._tokens):
            kind, value = self._tokens[self._at]
            if kind != "quoted" and value.lower() in wanted:
                self._at += 1
                return value.lower()
        return ""

    def _any(self) -> Callable[[Table], Mask]:
        parts = [self._all()]
        while self._next("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda table: np.logical_or.reduce([part(table) for part in parts])

    def _all(self) -> Callable[[Table], Mask]:
        parts = [self._one()]
        while self._next("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda table: np.logical_and.reduce([part(table) for part in parts])

    def _one(self) -> Callable[[Table], Mask]:
        if self._next("not"):
            inverted = self._one()
            return lambda table: ~inverted(table)
        if self._next("("):
            inner = self._any()
            if not self._next(")"):
                raise BadFilter(f"A parenthesis is not closed before {self._rest()}.")
            return inner
        return self._comparison()

    def _comparison(self) -> Callable[[Table], Mask]:
        rest = self._rest()
        kind, field = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        name = field.lower()
        if kind != "word" or name not in FIELDS:
            near = get_close_matches(name, FIELDS, 1)
            raise BadFilter(f"{rest} is no field. " + (f"Did you mean {near[0]}?" if near else f"There are {', '.join(FIELDS)}."))
        self._at += 1
        operator = self._next("=", "==", "!=", "<", "<=", ">", ">=").replace("==", "=")
        if name == "known":
            self._columns.add(name)
            if operator and self._value() not in ("yes", "true", "1"):
                raise BadFilter("known stands alone, or behind not.")
            return lambda table: table.columns["known"] > 0
        if not operator:
            raise BadFilter(f"{name} has to be compared, as in {name}={_EXAMPLES.get(name, '1')}.")
        values = [self._value()]
        while self._next("|"):
            values.append(self._value())
        if len(values) > 1 and operator not in ("=", "!="):
            raise BadFilter(f"Several values can only be compared with = or !=, not with {operator}.")
        return self._compared(name, operator, values)

    def _value(self) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at][0] == "op":
            raise BadFilter(f"A value is missing before {self._rest()}.")
        self._at += 1
        return self._tokens[self._at - 1][1].lower()

    def _compared(self, name: str, operator: str, values: list[str]) -> Callable[[Table], Mask]:
        column = NUMBERS.get(name) or NAMES.get(name) or name
        self._columns.add(column)
        if name in NUMBERS:
            numbers = [_number(name, value) for value in values]
            none = name in ZERO_IS_NONE
            return lambda table: _numeric(table.columns[column], operator, numbers, none)
        if name in NAMES:
            if operator not in ("=", "!="):
                raise BadFilter(f"{name} can only be compared with = or !=, not with {operator}.")
            return lambda table: _named(table, column, operator, values)
        codes = [_code(name, value) for value in values]
        return lambda table: _numeric(table.columns[column], operator, codes, True)


_EXAMPLES = {"impact": "HIGH", "gene": "MT-ND1", "consequence": "missense", "significance": "pathogenic", "filter": "PASS"}
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if not match:
            raise BadFilter(f"The filter cannot be read from {text[at : at + 30].strip()} on.")
        kind = match.lastgroup or ""
        found.append(("quoted" if kind in ("single", "double") else kind, match[kind]))
        at = match.end()
        if len(found) > 8 * MOST_TERMS:
            raise BadFilter("The filter is too long.")
    return found


def _number(name: str, text: str) -> float:
    try:
        value = text.removeprefix("rs").replace(",", "")
        return float(value[:-1]) / 100 if value.endswith("%") else float(value)
    except ValueError:
        raise BadFilter(f"{name} is a number, and {text[:30]} is none.") from None


def _code(name: str, text: str) -> int:
    """The code of a word, also without its `_variant`."""
    words = [word.lower() for word in CODED[name]]
    wanted = text.replace(" ", "_") if name == "consequence" else text.replace("_", " ")
    for one in (wanted, f"{wanted}_variant"):
        if one in words:
            return words.index(one)
    near = get_close_matches(wanted, words, 1) or [word for word in words if wanted and wanted in word][:1]
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(filter(None, words))}."
    raise BadFilter(f"{text[:40]} is no {name}. {hint}")


def _numeric(values: Array, operator: str, wanted: Sequence[float], zero_is_none: bool) -> Mask:
    found: Mask
    if operator in ("=", "!="):
        kept = np.asarray(wanted, values.dtype if values.dtype.kind == "f" else "f8")
        found = np.isin(values, kept) if len(kept) > 1 else values == kept[0]
        return ~found & (values == values) if operator == "!=" else found
    compare = _OPERATORS[operator]
    found = compare(values, values.dtype.type(wanted[0]) if values.dtype.kind == "f" else wanted[0])
    return found & (values != 0) if zero_is_none else found


def _named(table: Table, column: str, operator: str, values: list[str]) -> Mask:
    separator = {"genes": ",", "filter": ";"}.get(column, "\n")
    wanted = set(values)
    codes = [code for code, word in enumerate(table.words[column]) if wanted & set(word.lower().split(separator))]
    found: Mask = np.isin(table.columns[column], codes)
    return ~found if operator == "!=" else found
