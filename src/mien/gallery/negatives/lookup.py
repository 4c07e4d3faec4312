"""The negatives for a search, cached for a few seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from mien.gallery.kinds import Kind
from mien.gallery.negatives.sealing import NegativeTemplates
from mien.gallery.policy import policy_of
from mien.gallery.remembered import Remembered
from mien.gallery.rows import Rows
from mien.storage.tables import CollectionRow, PersonNegativeRow

NONE: Final[Mapping[UUID, NDArray[np.float32]]] = {}


class NegativeLookup:
    """Returns the negatives of a collection's persons.

    Args:
        rows: opens sessions.
        templates: decrypts templates.
    """

    def __init__(self, rows: Rows, templates: NegativeTemplates) -> None:
        self._rows = rows
        self._templates = templates
        self._remembered = Remembered(rows.clock, self._read)

    def of(self, row: CollectionRow, fingerprint: str) -> Mapping[UUID, NDArray[np.float32]]:
        """Return the negatives of a collection's persons with a fingerprint, by person, float32 (k, d)."""
        return self._remembered.of(row.resource_id).get((_place(row), fingerprint), NONE)

    def reread(self, resource_id: UUID) -> None:
        """Drop a resource's cached negatives, after a change."""
        self._remembered.forget(resource_id)

    def reread_all(self) -> None:
        """Drop all cached negatives."""
        self._remembered.forget_all()

    def _read(self, resource_id: UUID) -> dict[tuple[UUID, str], dict[UUID, NDArray[np.float32]]]:
        found: dict[tuple[UUID, str], dict[UUID, list[NDArray[np.float32]]]] = {}
        with self._rows.database.read(resource_id) as session:
            homes: dict[UUID, CollectionRow | None] = {}
            for one in session.scalars(select(PersonNegativeRow)):
                if one.collection not in homes:
                    home = session.scalar(select(CollectionRow).where(CollectionRow.uid == one.collection))
                    homes[one.collection] = home if home is not None and policy_of(session, home).negatives else None
                row = homes[one.collection]
                if row is not None:
                    of_person = found.setdefault((_place(row), one.fingerprint), {}).setdefault(one.person_id, [])
                    of_person.append(self._templates.open(one))
        return {place: {person: np.stack(some) for person, some in people.items()} for place, people in found.items()}


def _place(row: CollectionRow) -> UUID:
    """Return the cache key of a collection; all collections of a directory have the same one."""
    return row.resource_id if row.kind == Kind.DIRECTORY.value else row.uid
