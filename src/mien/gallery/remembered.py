"""Cache of one value per resource for a few seconds, which saves a query per call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar
from uuid import UUID

from mien.clock import Clock

T = TypeVar("T")

KNOWN_FOR: Final = timedelta(seconds=10)
"""Lifetime of a cached value; a change by another process is seen after that."""


class Remembered(Generic[T]):
    """Cache of a value for each resource, read again after `KNOWN_FOR`.

    Args:
        clock: the clock.
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
        """Drop the cached value of a resource, after it was changed."""
        self._known.pop(resource_id, None)

    def forget_all(self) -> None:
        """Drop all cached values."""
        self._known.clear()
