"""Removes deleted templates from trained indexes that are not trained again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import delete, select, update

from mien.gallery.rows import BUSY, Rows, ref_of
from mien.gallery.templates import Templates
from mien.gallery.training.indexes import TrainedIndexes
from mien.gallery.training.trainer import Training
from mien.gallery.types import TrainingState
from mien.gallery.untrained_index import REMOVALS_KEPT, removed_since
from mien.search import TrainedIndexError
from mien.storage import EVERY_RESOURCE
from mien.storage.claims import ClaimLostError
from mien.storage.tables import CollectionRow, RemovalRow

PURGE_AFTER: Final = timedelta(minutes=30)
"""How long a deleted template may stay in a trained index; the documentation promises at most an hour."""
_log = structlog.get_logger(__name__)


class Compaction:
    """Removes deleted templates from trained indexes.

    Args:
        rows: opens sessions on collections.
        templates: decrypts templates.
        indexes: the trained indexes.
        training: trains a collection whose index cannot be compacted.
    """

    def __init__(self, rows: Rows, templates: Templates, indexes: TrainedIndexes, training: Training) -> None:
        self._rows = rows
        self._templates = templates
        self._indexes = indexes
        self._training = training

    def purge(self) -> int:
        """Remove deleted templates from indexes half an hour after the deletion, unless a later training did so.

        Returns:
            The number of processed records of removals.
        """
        now = self._rows.clock.now()
        done = 0
        with self._rows.database.read(EVERY_RESOURCE) as session:
            due = select(RemovalRow.collection).where(RemovalRow.removed_at <= now - PURGE_AFTER).distinct()
            rows = session.scalars(select(CollectionRow).where(CollectionRow.uid.in_(due))).all()
        for row in rows:
            if row.snapshot is None:
                done += self._forget(row, before=now - REMOVALS_KEPT)
            elif row.training_status not in BUSY:
                try:
                    done += self.compact(row)
                except ClaimLostError:  # another server is now working on the index
                    continue
                except TrainedIndexError as error:
                    _log.error("removed templates cannot be taken out of a trained index", reason=str(error))
        return done

    def take_out(self, resource_id: UUID, uid: UUID) -> bool:
        """Remove deleted templates from a collection's trained index now, whatever its engine.

        Returns:
            Whether none is left in it. False while the collection is being trained, or another thread or process is
            working on its trained index.
        """
        row = self._rows.find(resource_id, uid)
        if row is None or row.snapshot is None:
            return True
        if row.training_status in BUSY:
            return False
        with self._rows.database.read(resource_id) as session:
            due = removed_since(session, uid, -1)
        if not due:
            return self._tidy(row)
        try:
            if self._indexes.goes_on(row.snapshot):
                return self.compact(row) > 0
        except TrainedIndexError as error:
            _log.warning("a trained index is unusable and is rebuilt from the database", reason=str(error))
        return self._training.rebuild(ref_of(row)).status is TrainingState.SUCCEEDED if row.faces else self._drop(row)

    def _tidy(self, row: CollectionRow) -> bool:
        """Delete an index that a process left behind when it was killed after writing a newer one."""
        with self._indexes.claim(row.uid) as held:
            if held is None:
                return False
            fresh = self._rows.find(row.resource_id, row.uid)
            if fresh is not None:
                self._indexes.tidy(row.uid, fresh.snapshot, held)
        return True

    def _drop(self, row: CollectionRow) -> bool:
        """Delete the trained index of a collection that has become empty."""
        with self._indexes.claim(row.uid) as held:
            if held is None:
                return False
            with self._rows.writing(ref_of(row), uid=row.uid) as (session, fresh):
                held.fence(session)
                if fresh.faces:
                    return False
                fresh.snapshot, fresh.trained_revision = None, -1
                session.execute(delete(RemovalRow).where(RemovalRow.collection == row.uid))
            self._indexes.tidy(row.uid, None, held)
        return True

    def compact(self, row: CollectionRow) -> int:
        """Create the trained index anew without the faces removed since; faces added since are not included.

        Args:
            row: the collection.

        Returns:
            The number of processed records of removals; 0 if another thread or process is working on the index.

        Raises:
            TrainedIndexError: the trained index is unusable.
        """
        with self._indexes.claim(row.uid) as held:
            if held is None or row.snapshot is None:
                return 0
            with self._rows.database.read(row.resource_id) as session:
                fresh = session.scalar(select(CollectionRow).where(CollectionRow.uid == row.uid))
                if fresh is None or fresh.training_status in BUSY or fresh.snapshot != row.snapshot:
                    return 0
                # Faces that the last training removed are already dead in its files, and the same ids may be back.
                removed = removed_since(session, row.uid, fresh.trained_revision)
            if not self._indexes.goes_on(row.snapshot):  # of another engine: the next training replaces it
                return 0
            search = self._indexes.search(row)
            name = self._indexes.fresh_name(search.fingerprint if search is not None else row.fingerprint)
            previous = self._indexes.previous(row.uid)
            none = self._templates.faces(row.resource_id, row.uid, ())
            store = self._indexes.branch(row, row.snapshot, name, held)
            store.update(none, removed, current=previous)
            store.compact()
            with self._rows.database.write(row.resource_id) as session:
                held.fence(session)
                # `trained_revision` does not change: faces added since still have to be trained. The claim excludes
                # others, but not on another machine, whose trained indexes are in another folder.
                same = (CollectionRow.uid == row.uid, CollectionRow.snapshot == row.snapshot)
                moved = update(CollectionRow).where(*same).values(snapshot=name).returning(CollectionRow.uid)
                if session.scalar(moved) is None:
                    return 0
                applied = (RemovalRow.collection == row.uid, RemovalRow.revision <= fresh.revision)
                gone = session.execute(delete(RemovalRow).where(*applied).returning(RemovalRow.id)).all()
            if previous is not None:
                self._indexes.keep(row.uid, name, store.load(previous), fresh.trained_revision)
            self._indexes.tidy(row.uid, name, held)
            return len(gone)

    def _forget(self, row: CollectionRow, before: datetime) -> int:
        """Delete the records of removals before a time, which no search needs; returns their number."""
        with self._rows.database.write(row.resource_id) as session:
            old = delete(RemovalRow).where(RemovalRow.collection == row.uid, RemovalRow.removed_at <= before)
            return len(session.execute(old.returning(RemovalRow.id)).all())
