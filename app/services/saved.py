"""What a user keeps to ask of any result: filters of the explorer and panels of genes, each by a name.

All of one kind are one item of the account, SAVED#filters or SAVED#panels, which is read with its version and written whole on
condition that it is still at this version: so the limits hold however many tabs write at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from app.domain import limits
from app.services.backend import Backend
from app.services.submissions import Refused

PREFIX = "SAVED#"
ATTEMPTS = 5
_GENE = re.compile(r"HGNC:[0-9]{1,7}|[A-Za-z0-9][A-Za-z0-9_.@/-]{0,39}")
_HGNC = re.compile(r"(?<![^\s,;])(?:HGNC ?: ?|HGNC (?=[0-9])){1,2}(?=[0-9]{1,7}(?:[\s,;]|$))", re.IGNORECASE)
"""What stands before a number of HGNC, as people and tables write it."""


class Kind(StrEnum):
    """What is kept: the query of the explorer's address, or genes with blanks between them."""

    FILTERS = "filters"
    PANELS = "panels"


Entries = dict[str, str]
"""What is kept of one kind, by name, in alphabetical order."""

BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "Mitochondrial disease": "MT-TF MT-RNR1 MT-TV MT-TL1 MT-ND1 MT-TI MT-TA MT-TN MT-CO1 MT-TS1 MT-TK MT-ATP6 MT-ND3 MT-ND4 "
        "MT-TS2 MT-TL2 MT-ND5 MT-ND6 MT-TE"
    }
)
"""Panels that everybody has: the genes of the mitochondrion with a variant that the embedded reference lists as confirmed."""


def panels(own: Mapping[str, str]) -> Entries:
    """All panels that may be asked for: the user's own, and the built-in ones of which there is no other by that name."""
    return {**BUILT_IN, **own}


async def listed(backend: Backend, user_id: str) -> dict[Kind, Entries]:
    """Everything that a user keeps, in one read."""
    found: dict[Kind, Entries] = {kind: {} for kind in Kind}
    async for one in backend.accounts.items(user_id, PREFIX):
        found[Kind(one["kind"])] = json.loads(one["entries"])
    return found


async def keep(backend: Backend, user_id: str, kind: Kind, name: str, text: str) -> None:
    """Keeps a filter or a panel under a name, instead of what was kept under it. Raises Refused."""
    name = " ".join(name.split())[: limits.SAVED_NAME.most]
    if not name or not text:
        raise Refused("Please give a name, and something to keep under it.")
    if len(text) > limits.SAVED_TEXT.most:
        raise Refused(limits.SAVED_TEXT.sentence())

    def added(entries: Entries) -> Entries:
        entries[name] = text
        if len(entries) > limits.SAVED.most:
            raise Refused(limits.SAVED.sentence())
        return entries

    await _change(backend, user_id, kind, added)


async def forget(backend: Backend, user_id: str, kind: Kind, name: str) -> None:
    """Deletes what is kept under a name; one that is not there is no error."""

    def without(entries: Entries) -> Entries:
        entries.pop(name, None)
        return entries

    await _change(backend, user_id, kind, without)


def genes(text: str) -> tuple[str, ...]:
    """The genes of a pasted list, with commas, semicolons, blanks or lines between them, each once: symbols, ids, and numbers of
    HGNC as `HGNC:5`, however they were written. Raises Refused."""
    found = tuple(dict.fromkeys(filter(None, re.split(r"[\s,;]+", _HGNC.sub("HGNC:", text)))))
    if len(found) > limits.PANEL_GENES.most:
        raise Refused(limits.PANEL_GENES.sentence())
    if wrong := next((one for one in found if not _GENE.fullmatch(one)), ""):
        raise Refused(f"{wrong[:40]} is no name of a gene. A panel is a list of symbols, Ensembl or HGNC ids.")
    return found


async def _change(backend: Backend, user_id: str, kind: Kind, change: Callable[[Entries], Entries]) -> None:
    item = f"{PREFIX}{kind}"
    for _ in range(ATTEMPTS):
        was = await backend.accounts.item(user_id, item) or {"version": 0, "entries": "{}"}
        entries = dict(sorted(change(json.loads(was["entries"])).items()))
        if await backend.accounts.put_next(user_id, item, was["version"], kind=kind, entries=json.dumps(entries)):
            break
    else:
        raise Refused("Somebody else changes this at the same time. Please try again.")
    account = await backend.accounts.get(user_id)
    if account is None or account.erasing:
        # what is written after the deletion of the account went through its items would stay for ever
        await backend.accounts.delete_item(user_id, item)
