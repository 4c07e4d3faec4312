"""Changes that a trained index does not contain yet: faces added or removed since the last training."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.rows import BUSY, Rows, ref_of
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import CollectionRow, PersistedFaceRow, RemovalRow


@dataclass(frozen=True, slots=True)
class Staleness:
    """How far a collection is ahead of its trained index.

    Attributes:
        ref: the collection.
        name: name of the collection.
        added: number of faces that identification finds only after the next training, including moved faces.
        removed: number of removed faces, or persons with all their faces; deleted persons are already not found.
        trained_at: time of the last successful training; None before the first.
        training: whether a training is waiting or running.
        faces: number of enrolled faces.
    """

    ref: CollectionRef
    name: str
    added: int
    removed: int
    trained_at: datetime | None
    training: bool
    faces: int

    @property
    def changes(self) -> int:
        """Number of changes."""
        return self.added + self.removed

    @property
    def is_stale(self) -> bool:
        """Whether a training would change search results; False for an empty collection, which cannot be trained."""
        return self.changes > 0 and (self.faces > 0 or self.trained_at is not None)


class StaleCollections:
    """Compares collections with their trained indexes.

    Args:
        rows: opens sessions on collections.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def of(self, ref: CollectionRef) -> Staleness:
        """Return how far a collection is ahead of its index; kinds that need no training are never stale.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        with self._rows.reading(ref) as (session, row):
            return _staleness(session, row)

    def every(self, resource_id: UUID | None = None) -> list[Staleness]:
        """Return the stale collections of a resource, or of all resources, most changes first."""
        trained = [kind.value for kind in Kind if kind.trained]
        with self._rows.database.read(resource_id or EVERY_RESOURCE) as session:
            query = select(CollectionRow).where(
                CollectionRow.kind.in_(trained), CollectionRow.revision != CollectionRow.trained_revision
            )
            found = [_staleness(session, row) for row in session.scalars(query)]
        return sorted((one for one in found if one.is_stale), key=lambda one: (-one.changes, one.name))


def _staleness(session: Session, row: CollectionRow) -> Staleness:
    ref = ref_of(row)
    added = removed = 0
    if ref.kind.trained and row.revision != row.trained_revision:
        since = row.trained_revision
        faces = select(func.count()).select_from(PersistedFaceRow).where(PersistedFaceRow.collection == row.uid)
        added = row.faces if since < 0 else session.scalar(faces.where(PersistedFaceRow.revision > since)) or 0
        if row.snapshot is not None:
            gone = select(func.count()).select_from(RemovalRow).where(RemovalRow.collection == row.uid)
            removed = session.scalar(gone.where(RemovalRow.revision > since)) or 0
    training = row.training_status in BUSY
    return Staleness(ref, row.name, added, removed, row.training_success_at, training, row.faces)
