"""How much is enrolled, by resource."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select

from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import CollectionRow, ResourceRow


def faces_stored(database: Database) -> dict[UUID, int]:
    """Return the number of enrolled faces of every resource, 0 for those without."""
    query = (
        select(ResourceRow.id, func.coalesce(func.sum(CollectionRow.faces), 0))
        .outerjoin(CollectionRow, CollectionRow.resource_id == ResourceRow.id)
        .group_by(ResourceRow.id)
    )
    with database.read(EVERY_RESOURCE) as session:
        return {resource_id: int(faces) for resource_id, faces in session.execute(query)}
