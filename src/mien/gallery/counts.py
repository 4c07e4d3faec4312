"""Number of enrolled faces and use of the storage quotas, by resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select

from mien.accounts import Sku
from mien.events import QuotaUse
from mien.gallery.kinds import Kind
from mien.gallery.quotas import Limits, Quotas
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import CollectionRow, ResourceRow


def faces_stored(database: Database) -> dict[UUID, int]:
    """Return the number of enrolled faces of every resource, including 0; API snapshots are not counted."""
    enrolled = and_(CollectionRow.resource_id == ResourceRow.id, CollectionRow.kind != Kind.TRANSFER.value)
    query = (
        select(ResourceRow.id, func.coalesce(func.sum(CollectionRow.faces), 0))
        .outerjoin(CollectionRow, enrolled)
        .group_by(ResourceRow.id)
    )
    with database.read(EVERY_RESOURCE) as session:
        return {resource_id: int(faces) for resource_id, faces in session.execute(query)}


def storage_use(database: Database, quotas: Quotas | None = None) -> list[QuotaUse]:
    """Return the use of the storage quotas of every resource that stores anything.

    For limits of a single collection (persons of a group, faces of a list), the fullest collection is reported. The
    limit of faces per person is not included.
    """
    quotas = quotas or Quotas()
    query = (
        select(
            ResourceRow.id,
            ResourceRow.sku,
            CollectionRow.kind,
            func.count().label("collections"),
            func.sum(CollectionRow.persons).label("persons_in_all"),
            func.max(CollectionRow.persons).label("persons"),
            func.max(CollectionRow.faces).label("faces"),
        )
        .join(CollectionRow, CollectionRow.resource_id == ResourceRow.id)
        .where(CollectionRow.kind != Kind.TRANSFER.value)
        .group_by(ResourceRow.id, ResourceRow.sku, CollectionRow.kind)
    )
    with database.read(EVERY_RESOURCE) as session:
        rows = session.execute(query).all()
    return [use for row in rows for use in _uses(row, quotas.of(Sku(row.sku), Kind(row.kind)))]


def _uses(row: Any, limits: Limits) -> Iterator[QuotaUse]:
    kind = Kind(row.kind)
    pairs = [("persons", row.persons, limits.persons), ("personsInAll", row.persons_in_all, limits.persons_in_all)]
    if not kind.has_persons:
        pairs = [("faces", row.faces, limits.faces)]
    if kind is not Kind.DIRECTORY:  # a directory's collections are internal
        pairs.append(("collections", row.collections, limits.collections))
    for name, used, limit in pairs:
        if limit > 0:
            yield QuotaUse(row.id, "storage", f"{kind.value}.{name}", int(used), limit)
