"""Warnings that a flood of requests must not turn into a flood of lines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any


class ThrottledLog:
    """Writes each warning once a second at most, with how many were left out since: a log must survive a flood.

    Args:
        seconds: the least time between two of the same event.
        now: seconds of a clock that never goes back.
    """

    def __init__(self, seconds: float = 1.0, now: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._lock = threading.Lock()
        self._last: dict[str, tuple[float, int]] = {}

    def warning(self, log: Any, event: str, **fields: object) -> None:
        """Write a warning, or count it."""
        now = self._now()
        with self._lock:
            last, left_out = self._last.get(event, (float("-inf"), 0))
            if now - last < self._seconds:
                self._last[event] = (last, left_out + 1)
                return
            self._last[event] = (now, 0)
        if left_out:
            fields["left_out"] = left_out
        log.warning(event, **fields)
