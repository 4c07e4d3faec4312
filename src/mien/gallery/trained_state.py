"""The trained index of a collection, and the persons deleted since the training."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.gallery.errors import NotTrainedError, TrainingNotFinishedError
from mien.gallery.kinds import CollectionRef
from mien.gallery.rows import BUSY, Rows
from mien.gallery.training.indexes import TrainedIndexes
from mien.search import TemplateSearch
from mien.storage.tables import CollectionRow, RemovalRow

_REMEMBERED: Final = 256


class TrainedState:
    """Returns the trained indexes of collections to the services that search them.

    Args:
        rows: opens sessions on collections.
        indexes: the trained indexes.
    """

    def __init__(self, rows: Rows, indexes: TrainedIndexes) -> None:
        self._rows = rows
        self._indexes = indexes
        self.removed = _RemovedPersons()
        """Persons deleted since the last training."""

    def search(self, ref: CollectionRef, row: CollectionRow) -> tuple[CollectionRow, TemplateSearch]:
        """Return the trained index and its row, which may be newer than `row` after a re-embedding.

        Raises:
            NotTrainedError: the collection was never trained successfully.
            TrainingNotFinishedError: its first training is under way.
        """
        search = self._indexes.search(row)
        if search is None:
            raise TrainingNotFinishedError(ref) if row.training_status in BUSY else NotTrainedError(ref)
        if search.fingerprint != row.fingerprint:
            row = self._rows.get(ref)
            search = self._indexes.search(row) or search
        return row, search


class _RemovedPersons:
    """Cache of the persons deleted since the last training, by the collection's revision."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[UUID, tuple[int, str | None, frozenset[UUID]]] = OrderedDict()

    def of(self, session: Session, row: CollectionRow) -> frozenset[UUID]:
        """Return the persons whom searches of a trained collection must exclude."""
        with self._lock:
            known = self._known.get(row.uid)
        if known is not None and known[:2] == (row.revision, row.snapshot):
            return known[2]
        # The index already reflects older removals, and a person may have been enrolled again since.
        query = select(RemovalRow.person_id).where(RemovalRow.collection == row.uid, RemovalRow.face_id.is_(None))
        query = query.where(RemovalRow.revision > row.trained_revision)
        removed = frozenset(session.scalars(query))
        with self._lock:
            self._known[row.uid] = (row.revision, row.snapshot, removed)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return removed
