"""Loads trained indexes before the first search: after a start, and when another server has trained one."""

from __future__ import annotations

import threading
from time import perf_counter
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select

from mien.gallery.kinds import Kind
from mien.gallery.training.indexes import CACHED_COLLECTIONS, CACHED_TEMPLATES, TrainedIndexes
from mien.search import TrainedIndexError
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.faults import log_failure
from mien.storage.tables import CollectionRow

LOOK_SECONDS: Final = 1.0
"""Pause between two rounds, in seconds."""

_SHARE: Final = 20
"""A round may take at most 1 / _SHARE of the time; with very many collections the pause becomes longer."""
_log = structlog.get_logger(__name__)


class IndexLoader:
    """A thread that loads the indexes in use, and rebuilds those that are missing on this machine or damaged.

    The first round loads the most recently trained collections, as many as fit into the cache. Later rounds load
    changes.

    Args:
        indexes: caches the loaded indexes.
        database: the database.
        seconds: pause between two rounds.
    """

    def __init__(self, indexes: TrainedIndexes, database: Database, seconds: float = LOOK_SECONDS) -> None:
        self._indexes = indexes
        self._database = database
        self._seconds = seconds
        self._pause = seconds
        self._seen: dict[UUID, str] = {}
        self._first_round_done = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether the first round has finished and the thread is running."""
        return self._first_round_done and self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="mien-index-loader", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Stop the thread after the index that it is loading."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def run_once(self) -> int:
        """Load the indexes that have changed since the last round; returns their number."""
        began = perf_counter()
        changed = self._changed()
        self._pause = max(self._seconds, _SHARE * (perf_counter() - began))
        if not self._first_round_done:
            changed = _that_fit(changed)
        done = 0
        for row in changed:
            if self._stop.is_set():
                break
            assert row.snapshot is not None
            try:
                done += self._indexes.search(row) is not None
            except TrainedIndexError as error:  # not retried before the next training; calls return 503
                _log.error("a trained index cannot be loaded", collection=row.collection_id, reason=str(error))
            self._seen[row.uid] = row.snapshot
        self._first_round_done = True
        return done

    def _changed(self) -> list[CollectionRow]:
        trained = [kind.value for kind in Kind if kind.trained]
        serving = select(CollectionRow.uid, CollectionRow.snapshot)
        serving = serving.where(CollectionRow.snapshot.is_not(None), CollectionRow.kind.in_(trained))
        serving = serving.order_by(CollectionRow.training_success_at.desc().nulls_last())
        with self._database.read(EVERY_RESOURCE) as session:
            now = {uid: name for uid, name in session.execute(serving) if name is not None}
            if self._first_round_done:
                different = [uid for uid, name in now.items() if self._seen.get(uid) != name]
                self._seen = {uid: name for uid, name in self._seen.items() if uid in now}
            else:
                different = list(now)[:CACHED_COLLECTIONS]
                self._seen = now
            rows = {
                row.uid: row
                for start in range(0, len(different), 500)
                for row in session.scalars(
                    select(CollectionRow).where(CollectionRow.uid.in_(different[start : start + 500]))
                )
            }
        loaded = self._indexes.loaded()
        # An index trained by this server is already loaded.
        return [rows[uid] for uid in different if uid in rows and loaded.get(uid) != rows[uid].snapshot]

    def _run(self) -> None:
        while True:
            try:
                self.run_once()
            except Exception as error:  # the next round tries again
                if self._stop.is_set():
                    return
                log_failure(_log, "trained indexes could not be looked at", error)
            if self._stop.wait(self._pause):
                return


def _that_fit(rows: list[CollectionRow]) -> list[CollectionRow]:
    """Return the first collections whose templates together fit into the cache."""
    kept: list[CollectionRow] = []
    templates = 0
    for row in rows:
        templates += row.faces
        if kept and templates > CACHED_TEMPLATES:
            break
        kept.append(row)
    return kept
