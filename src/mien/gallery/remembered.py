"""What is remembered of resources for some seconds, so that the way of a call costs no query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar
from uuid import UUID

from mien.clock import Clock

T = TypeVar("T")

KNOWN_FOR: Final = timedelta(seconds=10)
"""How long a value of a resource is remembered: a change by another process is seen after that."""


class Remembered(Generic[T]):
    """A value of each resource, read again when it is older than `KNOWN_FOR`.

    Args:
        clock: tells how old a value is.
        read: reads the value of a resource.
    """

    def __init__(self, clock: Clock, read: Callable[[UUID], T]) -> None:
        self._clock = clock
        self._read = read
        self._known: dict[UUID, tuple[datetime, T]] = {}

    def of(self, resource_id: UUID) -> T:
        """Return the value of a resource."""
        now = self._clock.now()
        known = self._known.get(resource_id)
        if known is None or now - known[0] >= KNOWN_FOR:
            known = self._known[resource_id] = (now, self._read(resource_id))
        return known[1]

    def forget(self, resource_id: UUID) -> None:
        """Read the value of a resource again at its next use, after it was changed."""
        self._known.pop(resource_id, None)

    def forget_all(self) -> None:
        """Read every value again at its next use."""
        self._known.clear()
