"""Find a door, camera or kiosk by the name or id that an operator gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar
from uuid import UUID

from mien.doors.errors import NotConfiguredError


class _Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=_Named)


def find_named(what: str, name: str, items: Iterable[T], id_of: Callable[[T], UUID]) -> T:
    """Return the item that has a name or an id.

    Raises:
        NotConfiguredError: there is none.
    """
    for item in items:
        if name in {item.name, str(id_of(item))}:
            return item
    raise NotConfiguredError("there is no {what} {name!r}", what=what, name=name[:80])
