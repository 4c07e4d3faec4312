"""The error catalogue: every error answer of the contract, with what it means and what to do about it.

The rows are data (`catalogue.json`), so that the wire, the documentation, the tests and the doctor read the same ones.
Status, code and message are the contract's exactly; explanations and next steps are Mien's. Code refers to a row by its
id, which says nothing about its text:

    raise row("detect.attributes_invalid").problem(hint="There is no attribute 'haed'.")
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
        id: the row's name in code: its family, then what is wrong. It never changes.
        family: the operations it belongs to, such as "detect"; "common" for all, "mien" for what the contract leaves
            open.
        status: HTTP status.
        code: error code.
        message: the text; `<names>` in angle brackets stand for values.
        recorded: the contract's own text where it is an example with values in it; else the message.
        explanation: its meaning, in one sentence.
        next_step: the next step for the caller or the operator.
        on_azure: the next step if Azure's service responded, if it differs from `next_step`.
        on_mien: the next step if a Mien server responded, if it differs from `next_step`.
        azure_only: only Azure's service answers so; the doctor explains it, Mien never sends it.
    """

    id: str
    family: str
    status: int
    code: str
    message: str
    explanation: str
    next_step: str
    recorded: str = ""
    on_azure: str = ""
    on_mien: str = ""
    azure_only: bool = False

    def __post_init__(self) -> None:
        if not self.recorded:
            object.__setattr__(self, "recorded", self.message)

    @property
    def parts(self) -> tuple[str, ...]:
        """The message's fixed texts: those before, between and after its values."""
        return tuple(_PLACEHOLDER.split(self.message))

    @property
    def anchor(self) -> str:
        """The row's name within the page of errors."""
        words = _NOT_WORD.sub("-", f"{self.family} {self.status} {self.code} {self.recorded}".lower()).strip("-")
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
            hint: more information than the message; the response then also links to the page that explains the row.
            values: values of the message's placeholders, in order.
            inner: an `innererror` that the contract prescribes.
            headers: further response headers.
            details: further details besides the hint.

        Raises:
            ValueError: as many values are needed as the message has placeholders.
        """
        message = self.message
        if values or "<" in message:
            if len(self.parts) != len(values) + 1:
                raise ValueError(f"{message!r} takes {len(self.parts) - 1} values, {len(values)} given")
            message = "".join(part + value for part, value in zip(self.parts, (*values, ""), strict=True))
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

_BY_ID = MappingProxyType({entry.id: entry for entry in ROWS})


def row(row_id: str) -> Row:
    """Return the row with an id; look rows up when a module is imported, so that a wrong id shows at the start.

    Raises:
        LookupError: there is no such row.
    """
    try:
        return _BY_ID[row_id]
    except KeyError:
        raise LookupError(f"the error catalogue has no row {row_id!r}") from None
