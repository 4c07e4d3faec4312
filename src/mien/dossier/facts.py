"""Facts of a dossier, each with its source: a setting, data or an audit entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

Value = str | int | float | bool | tuple[str, ...] | None
"""The value of a fact; times are ISO 8601 in UTC."""


class FactSource(StrEnum):
    """The source of a fact."""

    SETTING = "setting"
    """A setting of the server, `MIEN_…`."""
    RESOURCE = "resource"
    """A property of the resource."""
    DATA = "data"
    """Counted in or read from the database."""
    AUDIT = "audit"
    """Read from the audit log."""
    BUILT_IN = "builtIn"
    """The same for every server of this version."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The audit entry that last set a fact.

    Attributes:
        sequence: its number.
        hash: its hash.
        at: time, ISO 8601.
        actor: the actor.
        action: the action.
    """

    sequence: int
    hash: str
    at: str
    actor: str
    action: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact.

    Attributes:
        name: name of the fact in the papers.
        value: its value.
        source: kind of the source.
        where: the source: the name of the setting, property or table.
        read_at: time of reading, ISO 8601 in UTC.
        entry: the audit entry that last set it; None if the log has none.
    """

    name: str
    value: Value
    source: FactSource
    where: str
    read_at: str
    entry: Entry | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fact as JSON values."""
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        entry = None
        if self.entry is not None:
            entry = {name: getattr(self.entry, name) for name in ("sequence", "hash", "at", "actor", "action")}
        return {"name": self.name, "value": value, "source": self.source.value, "where": self.where,
                "readAt": self.read_at, "entry": entry}  # fmt: skip

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Fact:
        """Parse the output of `to_json`."""
        value = given["value"]
        entry = None if given["entry"] is None else Entry(**given["entry"])
        return cls(given["name"], tuple(value) if isinstance(value, list) else value, FactSource(given["source"]),
                   given["where"], given["readAt"], entry)  # fmt: skip


class Facts(Mapping[str, Fact]):
    """Facts by their names.

    Args:
        read_at: time of reading.
    """

    def __init__(self, read_at: datetime) -> None:
        self._read_at = read_at.isoformat(timespec="seconds")
        self._facts: dict[str, Fact] = {}

    def add(self, name: str, value: object, source: FactSource, where: str, entry: Entry | None = None) -> None:
        """Add a fact."""
        self._facts[name] = Fact(name, plain(value), source, where, self._read_at, entry)

    def __getitem__(self, name: str) -> Fact:
        """Return a fact."""
        return self._facts[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._facts)

    def __len__(self) -> int:
        """Return the number of facts."""
        return len(self._facts)

    def value(self, name: str) -> Any:
        """Return the value of a fact."""
        return self._facts[name].value


def plain(value: object) -> Value:
    """Convert a value to the type of a fact's value."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(str(one) for one in (sorted(value) if isinstance(value, set | frozenset) else value))
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)
