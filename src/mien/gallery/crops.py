"""The enrolment crops that an operator chose to keep: counting and erasing them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, func, select

from mien.gallery.kinds import CollectionRef
from mien.gallery.rows import Rows
from mien.storage.tables import CropRow


class Crops:
    """The kept crops of resources.

    Args:
        rows: opens sessions on collections.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def count(self, resource_id: UUID, ref: CollectionRef | None = None) -> int:
        """Return how many crops are kept, of a resource or of one of its collections.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        uid = self._rows.get(ref).uid if ref else None
        with self._rows.database.read(resource_id) as session:
            query = select(func.count()).select_from(CropRow)
            return session.scalar(query.where(CropRow.collection == uid) if uid else query) or 0

    def erase(self, resource_id: UUID, ref: CollectionRef | None = None) -> int:
        """Delete crops, from the database's files too; templates stay. Returns how many.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        uid = self._rows.get(ref).uid if ref else None
        with self._rows.transaction(resource_id, "enrolment crops") as session:
            query = delete(CropRow)
            gone = session.execute(
                (query.where(CropRow.collection == uid) if uid else query).returning(CropRow.face_id)
            )
            count = len(gone.all())
        self._rows.database.empty_log()
        return count
