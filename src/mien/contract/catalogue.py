"""The error catalogue: every error answer of the contract, with what it means and what to do about it.

The rows are data (`catalogue.json`), so that the wire, the documentation, the tests and the doctor read the same ones.
Status, code and message are the contract's to the letter; explanations and next steps are Mien's.

    raise error("BadArgument", "Invalid argument returnFaceAttributes.", hint="There is no attribute 'haed'.")
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any

from mien.contract.problem import Problem

_PLACEHOLDER = re.compile(r"<[^<>]+>")
_NOT_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One error that the service can answer with.

    Attributes:
        family: the operations it belongs to, such as "detect"; "common" for all, "mien" for what the contract leaves
            open.
        status: HTTP status.
        code: error code.
        message: the text, to the letter; `<names>` in angle brackets stand for values.
        explanation: what it means, in one sentence.
        next_step: what the caller or the operator does about it.
    """

    family: str
    status: int
    code: str
    message: str
    explanation: str
    next_step: str

    @property
    def anchor(self) -> str:
        """The row's name within the page of errors."""
        words = _NOT_WORD.sub("-", f"{self.family} {self.status} {self.code} {self.message}".lower()).strip("-")
        return words[:80].rstrip("-")

    def problem(
        self,
        *,
        hint: str | None = None,
        values: Sequence[str] = (),
        inner: tuple[str, str] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
        details: Mapping[str, Any] | None = None,
    ) -> Problem:
        """Return the error answer of this row.

        Args:
            hint: what is known beyond the message; the answer then also names the page that explains the row.
            values: what the message's placeholders stand for, in their order.
            inner: an `innererror` that the contract prescribes.
            headers: further response headers.
            details: what else to tell beside the hint.

        Raises:
            ValueError: as many values are needed as the message has placeholders.
        """
        message = self.message
        if values or "<" in message:
            parts = _PLACEHOLDER.split(message)
            if len(parts) != len(values) + 1:
                raise ValueError(f"{message!r} takes {len(parts) - 1} values, {len(values)} given")
            message = "".join(part + value for part, value in zip(parts, (*values, ""), strict=True))
        return Problem(
            self.status,
            self.code,
            message,
            hint=hint,
            doc=f"/docs/errors#{self.anchor}" if hint else None,
            explanation=self.explanation,
            inner=inner,
            headers=headers,
            details=details,
        )


def _load() -> tuple[Row, ...]:
    text = resources.files(__package__).joinpath("catalogue.json").read_text(encoding="utf-8")
    return tuple(Row(**entry) for entry in json.loads(text))


ROWS: tuple[Row, ...] = _load()
"""The whole catalogue, in the contract's order; Mien's own rows last."""

_BY_KEY = MappingProxyType({(entry.family, entry.code, entry.message, entry.status): entry for entry in ROWS})


def row(family: str, code: str, message: str, status: int | None = None) -> Row:
    """Return the row of a family; look rows up when a module is imported, so that a wrong one is never reached late.

    Args:
        family: as in `Row.family`.
        code: error code.
        message: the message as the catalogue has it, placeholders included.
        status: only needed where a family has the same code and message under two statuses.

    Raises:
        LookupError: there is no such row, or more than one.
    """
    found = [
        entry
        for (a_family, a_code, a_message, a_status), entry in _BY_KEY.items()
        if (a_family, a_code, a_message) == (family, code, message) and status in {None, a_status}
    ]
    if len(found) != 1:
        raise LookupError(f"the catalogue has {len(found)} rows for {family} {status or ''} {code} {message!r}")
    return found[0]


def error(code: str, message: str, *, status: int | None = None, hint: str | None = None) -> Problem:
    """Return the error answer with this code and message, whichever family lists it.

    Raises:
        LookupError: there is no such row, or the families disagree about the status and none is given.
    """
    found = [entry for entry in ROWS if (entry.code, entry.message) == (code, message)]
    statuses = {entry.status for entry in found if status in {None, entry.status}}
    if len(statuses) != 1:
        raise LookupError(f"the catalogue has {len(statuses)} statuses for {code} {message!r}")
    return next(entry for entry in found if entry.status in statuses).problem(hint=hint)
