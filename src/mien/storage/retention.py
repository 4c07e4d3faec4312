"""Delete expired data regularly in a separate thread; data that servers share is deleted by one of them at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import InstrumentedAttribute

from mien.storage.claims import Claims
from mien.storage.database import EVERY_RESOURCE, Database
from mien.storage.faults import log_failure
from mien.storage.reserve import delete_even_if_full

AT_ONCE: Final = 500
"""How many rows one transaction deletes, so that other writers wait for moments only."""
Purge = tuple[str, Callable[[], int]]
_log = structlog.get_logger(__name__)


def delete_expired(
    database: Database,
    key: InstrumentedAttribute[Any],
    expires_at: InstrumentedAttribute[datetime],
    now: datetime,
    at_once: int = AT_ONCE,
) -> int:
    """Delete the rows of a table that have expired, of all resources, in short transactions.

    Args:
        database: the database.
        key: the column that identifies a row.
        expires_at: the column with the expiry of a row.
        now: the time.
        at_once: how many rows a transaction deletes.

    Returns:
        How many rows were deleted.
    """
    deleted, over = 0, expires_at <= now
    while True:
        with database.write(EVERY_RESOURCE) as session:
            keys = session.scalars(select(key).where(over).limit(at_once)).all()
            if keys:
                gone = delete(key.class_).where(key.in_(keys), over)
                session.execute(gone.execution_options(synchronize_session=False))
        deleted += len(keys)
        if len(keys) < at_once:
            return deleted


class RetentionWorker:
    """Runs purges every `seconds` until it is stopped.

    Args:
        purges: name and function of each; a function deletes expired rows and returns their number.
        seconds: pause between two rounds.
        shared: further purges, for data that all servers share.
        claims: see to it that one server at a time runs those.
        make_room: called when the disk is full; returns whether to try again.
    """

    def __init__(
        self,
        purges: Sequence[Purge],
        seconds: float,
        *,
        shared: Sequence[Purge] = (),
        claims: Claims | None = None,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        self._make_room = make_room
        self._purges = tuple(purges)
        self._shared = tuple(shared)
        self._claims = claims
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mien-retention", daemon=True)

    def start(self) -> None:
        """Start; the first round runs immediately."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the purge that is running, then end."""
        self._stop.set()
        self._thread.join()

    def run_once(self) -> None:
        """Run every purge once; one that fails is logged and does not keep the others from running."""
        for name, purge in self._purges:
            self._try(name, purge)
        if self._claims is None:
            return
        try:
            with self._claims.hold("retention") as held:
                for name, purge in self._shared:
                    if held is None or held.lost.is_set():
                        break
                    self._try(name, purge)
        except Exception as error:  # the next round tries again
            log_failure(_log, "purges could not be claimed", error)

    def _run(self) -> None:
        while True:
            self.run_once()
            if self._stop.wait(self._seconds):
                return

    def _try(self, name: str, purge: Callable[[], int]) -> None:
        try:
            if rows := delete_even_if_full(purge, self._make_room):
                _log.info("purged", what=name, rows=rows)
        except Exception as error:  # the next round tries again
            log_failure(_log, "purge failed", error, what=name)
