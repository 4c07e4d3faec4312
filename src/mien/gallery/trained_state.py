"""The result of a collection's training, and the people who were deleted from it since."""

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
    """Gives the trained indexes of collections to the services that search them.

    Args:
        rows: opens sessions on collections.
        indexes: trained collections.
    """

    def __init__(self, rows: Rows, indexes: TrainedIndexes) -> None:
        self._rows = rows
        self._indexes = indexes
        self.removed = _RemovedPersons()
        """Persons who were deleted since the last training."""

    def search(self, ref: CollectionRef, row: CollectionRow) -> tuple[CollectionRow, TemplateSearch]:
        """Return the trained index, and the row that it belongs to: it may have been migrated since it was read.

        Raises:
            NotTrainedError: the collection was never trained with success.
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
    """Persons deleted since the last training; read again only when a collection has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[UUID, tuple[int, str | None, frozenset[UUID]]] = OrderedDict()

    def of(self, session: Session, row: CollectionRow) -> frozenset[UUID]:
        """Return the persons of a trained collection that must not be found any more."""
        with self._lock:
            known = self._known.get(row.uid)
        if known is not None and known[:2] == (row.revision, row.snapshot):
            return known[2]
        # Older notes are done with in the snapshot, and somebody may have come back since.
        query = select(RemovalRow.person_id).where(RemovalRow.collection == row.uid, RemovalRow.face_id.is_(None))
        query = query.where(RemovalRow.revision > row.trained_revision)
        removed = frozenset(session.scalars(query))
        with self._lock:
            self._known[row.uid] = (row.revision, row.snapshot, removed)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return removed
