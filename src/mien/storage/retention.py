"""Deleting what has expired, now and then, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import structlog

_log = structlog.get_logger(__name__)


class RetentionWorker:
    """Runs purges every `seconds` until it is stopped.

    Args:
        purges: name and function of each; a function deletes what has expired and returns how many rows that were.
        seconds: pause between two rounds.
    """

    def __init__(self, purges: Sequence[tuple[str, Callable[[], int]]], seconds: float) -> None:
        self._purges = tuple(purges)
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mien-retention", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the purge that is running, then end."""
        self._stop.set()
        self._thread.join()

    def run_once(self) -> None:
        """Run every purge once; one that fails is logged and does not keep the others from running."""
        for name, purge in self._purges:
            try:
                if rows := purge():
                    _log.info("purged", what=name, rows=rows)
            except Exception:  # the next round tries again
                _log.exception("purge failed", what=name)

    def _run(self) -> None:
        while True:
            self.run_once()
            if self._stop.wait(self._seconds):
                return
