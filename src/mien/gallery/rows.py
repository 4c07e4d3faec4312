"""Finds and locks collections: the only place that scopes by resource, checks ids and excludes writes in trainings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from mien.accounts import Sku
from mien.clock import Clock
from mien.gallery.errors import CollectionNotFoundError, ConflictError, TrainingNotFinishedError
from mien.gallery.kinds import COLLECTION_ID, CollectionRef, Kind
from mien.gallery.quotas import Limits, Quotas
from mien.gallery.types import TrainingState
from mien.storage import Database
from mien.storage.tables import CollectionRow, ResourceRow

BUSY: Final = frozenset({TrainingState.NOT_STARTED.value, TrainingState.RUNNING.value})
"""Training states in which a collection is being trained."""


class Rows:
    """Opens sessions on one collection.

    Args:
        database: the database.
        clock: the clock.
        quotas: quotas by tier.
    """

    def __init__(self, database: Database, clock: Clock, quotas: Quotas | None = None) -> None:
        self.database = database
        self.clock = clock
        self.quotas = quotas or Quotas()

    @contextmanager
    def reading(self, ref: CollectionRef) -> Iterator[tuple[Session, CollectionRow]]:
        """Open a reading session on a collection.

        Raises:
            CollectionNotFoundError: there is none.
        """
        with self.database.read(ref.resource_id) as session:
            yield session, find(session, ref)

    def get(self, ref: CollectionRef) -> CollectionRow:
        """Return the row of a collection, for reading only.

        Raises:
            CollectionNotFoundError: there is none.
        """
        with self.reading(ref) as (_, row):
            return row

    def find(self, resource_id: UUID, uid: UUID) -> CollectionRow | None:
        """Return the row of a collection by its internal id; None if it was deleted."""
        with self.database.read(resource_id) as session:
            return session.scalar(select(CollectionRow).where(CollectionRow.uid == uid))

    def snapshot_of(self, resource_id: UUID, uid: UUID) -> str | None:
        """Return the name of the trained index in use; None if there is none."""
        row = self.find(resource_id, uid)
        return row.snapshot if row else None

    @contextmanager
    def writing(
        self, ref: CollectionRef, *, uid: UUID | None = None, while_training: bool = False
    ) -> Iterator[tuple[Session, CollectionRow]]:
        """Open a writing session that locks a collection until it commits.

        Args:
            ref: the collection.
            uid: expected internal id; refuse a collection that was recreated under the same id.
            while_training: also accept a collection that is being trained.

        Raises:
            CollectionNotFoundError: there is no such collection.
            TrainingNotFinishedError: it is being trained.
            ConflictError: others kept it locked for too long.
        """
        with self.transaction(ref.resource_id, ref.collection_id) as session:
            row = find(session, ref, lock=True)
            if uid is not None and row.uid != uid:
                raise ConflictError(ref.collection_id)
            if not while_training and row.training_status in BUSY:
                raise TrainingNotFinishedError(ref)
            yield session, row

    @contextmanager
    def transaction(self, resource_id: UUID, name: str) -> Iterator[Session]:
        """Open a writing session; a lock timeout raises a `ConflictError` for `name`."""
        try:
            with self.database.write(resource_id) as session:
                yield session
        except OperationalError as error:
            if is_lock_timeout(error):
                raise ConflictError(name) from error
            raise

    def limits(self, session: Session, resource_id: UUID, kind: Kind) -> Limits:
        """Return a resource's quotas for a kind of collection."""
        sku = session.scalar(select(ResourceRow.sku).where(ResourceRow.id == resource_id))
        return self.quotas.of(Sku(sku or Sku.STANDARD), kind)


def ref_of(row: CollectionRow) -> CollectionRef:
    """Return the reference to a collection."""
    return CollectionRef(row.resource_id, Kind(row.kind), row.collection_id)


def find(session: Session, ref: CollectionRef, *, lock: bool = False) -> CollectionRow:
    """Return the row of a collection.

    Raises:
        CollectionNotFoundError: there is none.
    """
    if not COLLECTION_ID.fullmatch(ref.collection_id):
        raise CollectionNotFoundError(ref, malformed=True)
    query = select(CollectionRow).where(
        CollectionRow.kind == ref.kind.value, CollectionRow.collection_id == ref.collection_id
    )
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise CollectionNotFoundError(ref)
    return row


def find_collection(session: Session, ref: CollectionRef, *, lock: bool = False) -> CollectionRow | None:
    """Return the row of a collection; None if it does not exist, as a directory before its first write."""
    query = select(CollectionRow).where(
        CollectionRow.kind == ref.kind.value, CollectionRow.collection_id == ref.collection_id
    )
    return session.scalar(query.with_for_update() if lock else query)


def is_lock_timeout(error: OperationalError) -> bool:
    """Whether a statement failed because of a lock timeout or a deadlock."""
    text = str(error.orig).lower()
    return any(words in text for words in ("database is locked", "deadlock detected", "lock timeout", "lock_timeout"))
