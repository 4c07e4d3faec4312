"""Finds the row of the error catalogue for a response, by status, code, message and path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mien.contract.catalogue import ROWS, Row

_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_SPACE: Final = re.compile(r"\s+")
_FAMILIES: Final = {
    "detect": ("detect", "common"),
    "findsimilars": ("find_similar", "common"),
    "identify": ("identify", "common"),
    "verify": ("verify", "common"),
    "group": ("group", "common"),
    "facelists": ("face_list", "common"),
    "largefacelists": ("large_face_list", "common"),
    "persongroups": ("person_group", "common"),
    "largepersongroups": ("large_person_group", "common"),
    "persons": ("person_directory", "common"),
    "dynamicpersongroups": ("person_directory", "common"),
    "operations": ("person_directory", "mien"),
    "snapshots": ("v1.0_legacy", "mien"),
    "session": ("liveness_session", "common"),
    "sessionimages": ("liveness_session", "common"),
}
_ANY_PATH: Final = ("gateway", "limited_access", "common", "mien")


@dataclass(frozen=True, slots=True)
class RowMatch:
    """A row of the error catalogue, and whether it matches exactly.

    Attributes:
        row: the row.
        exact: whether the message matches, apart from placeholders and numbers; if not, only code or status match.
    """

    row: Row
    exact: bool


def family_of(path: str) -> tuple[str, ...]:
    """Return the families of rows for a path, most likely first; empty if the path is unknown."""
    parts = [part.lower() for part in path.partition("?")[0].split("/") if part]
    parts = parts[2:] if parts[:1] == ["face"] else parts
    if not parts:
        return ()
    if parts[0].startswith("detectliveness"):
        return ("liveness_session", "common")
    return _FAMILIES.get(parts[0], ())


def find_row(status: int | None, code: str, message: str, path: str = "") -> RowMatch | None:
    """Return the row of an error response; None if no row resembles it.

    Args:
        status: HTTP status; None if unknown.
        code: error code; may be empty.
        message: error message; may be empty.
        path: path of the request, to distinguish families with the same message; may be empty.
    """
    families = family_of(path)
    said = _plain(message)
    candidates = [row for row in ROWS if _pattern(row).fullmatch(said)] if said else []
    exact = bool(candidates)
    if not exact and said:
        # SDKs truncate or extend messages.
        candidates = [row for row in ROWS if len(said) > 12 and _pattern(row).match(said)]
        exact = bool(candidates)
    if not exact and code:
        candidates = [row for row in ROWS if row.code.lower() == code.lower() and status in {None, row.status}]
    if not candidates and status is not None:
        candidates = [row for row in ROWS if row.status == status and row.family in {"gateway", "common", "mien"}]
        candidates = candidates if len({row.code for row in candidates}) == 1 else candidates[:0]
    if not candidates:
        return None

    def fits(row: Row) -> tuple[bool, bool, int, int]:
        near = families.index(row.family) if row.family in families else len(families)
        usual = _ANY_PATH.index(row.family) if row.family in _ANY_PATH else len(_ANY_PATH)
        return (status not in {None, row.status}, bool(code) and row.code.lower() != code.lower(), near, usual)

    return RowMatch(min(candidates, key=fits), exact)


@lru_cache(maxsize=512)
def _pattern(row: Row) -> re.Pattern[str]:
    """Return a pattern for a row's message, with wildcards for its values and numbers."""
    parts = [_NUMBER.sub("#", re.escape(_SPACE.sub(" ", part))) for part in row.parts]
    return re.compile(".{0,200}?".join(part.replace("#", _NUMBER.pattern) for part in parts), re.IGNORECASE)


def _plain(message: str) -> str:
    """Return a text with single spaces and straight quotes."""
    text = _SPACE.sub(" ", message).strip()
    return re.sub("[’‘]", "'", re.sub("[“”]", '"', text))
