"""Time, in one place, so that expiry can be tested without sleeping."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Protocol

YEARS: Final = range(2000, 2200)
"""Years of times that come from outside: every database can store them, in every time zone."""


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current time, in UTC, with a time zone."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)
