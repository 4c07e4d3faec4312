"""Short ids: lists print the beginning of an id, and every command takes it back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from mien.cli._administration import fail

SHORT: Final = 8
"""How many digits of an id lists print."""

_FEWEST: Final = 4
_NAMED: Final = 5

Known = Iterable[tuple[UUID | str, str]]
"""Ids with what people call the things."""


def short(found: UUID | str) -> str:
    """Return the beginning of an id, as lists print it."""
    return str(found)[:SHORT]


def whole_id(text: str, known: Known, what: str) -> UUID:
    """Return the id that is `text` or begins with it; exits when there is none, or more than one.

    A whole id is returned as it is, whether or not it is known: the service says what it thinks of it.

    Args:
        text: as the operator wrote it; at least four digits of an id.
        known: the candidates.
        what: noun for the things that the ids name, for errors, such as "rule".
    """
    try:
        return UUID(text)
    except ValueError:
        pass
    candidates = _beginning(text, known)
    if not candidates:
        fail(f"there is no {what} whose id begins with {text[:80]!r}")
    if len(text) < _FEWEST:
        fail(f"{text!r} is too short for the beginning of an id: give at least {_FEWEST} digits of it")
    if len(candidates) > 1:
        fail(_ambiguous(text, candidates, what))
    return UUID(str(candidates[0][0]))


def name_or_id(text: str, known: Known, what: str) -> str:
    """Return what a service can look up: a name as it is, the whole id for the beginning of one.

    Args:
        text: as the operator wrote it: a name, an id, or the beginning of one. A name wins.
        known: the candidates.
        what: noun for the thing, for the error.
    """
    every = list(known)
    if any(text in {name, str(one)} for one, name in every):
        return text
    candidates = _beginning(text, every) if len(text) >= _FEWEST else []
    if len(candidates) > 1:
        fail(_ambiguous(text, candidates, what))
    return str(candidates[0][0]) if candidates else text


def _beginning(text: str, known: Known) -> list[tuple[UUID | str, str]]:
    start = text.lower()
    return [(one, name) for one, name in known if start and str(one).startswith(start)]


def _ambiguous(text: str, candidates: list[tuple[UUID | str, str]], what: str) -> str:
    shown = ", ".join(f"{one} ({name})" if name else str(one) for one, name in candidates[:_NAMED])
    more = f" and {len(candidates) - _NAMED} more" if len(candidates) > _NAMED else ""
    things = "things" if " " in what else f"{what}s"
    return f"the ids of {len(candidates)} {things} begin with {text!r}: {shown}{more}; give more digits"
