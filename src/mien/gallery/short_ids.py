"""Search for ids by their first digits, as people type them; a range query that uses the tables' indexes."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.gallery.errors import CollectionNotFoundError
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.rows import find
from mien.storage import Database
from mien.storage.tables import DetectedFaceRow, LivenessSessionRow, PersistedFaceRow, PersonRow

MOST: Final = 20
"""Most ids to return."""

_DIGITS: Final = re.compile(r"[0-9a-f]{1,32}")

FoundIds = list[tuple[UUID, str]]
"""Ids, each with a readable name."""


class ShortIds:
    """Finds persons and faces of a resource by the first digits of their ids.

    Args:
        database: the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def persons(self, resource_id: UUID, beginning: str, ref: CollectionRef | None = None) -> FoundIds:
        """Return the persons whose id starts with `beginning`.

        Args:
            resource_id: id of the resource.
            beginning: hexadecimal digits, with or without hyphens.
            ref: the group, or `persons_ref` for the directory; None for the whole resource.

        Raises:
            CollectionNotFoundError: there is no such group.
        """
        ends = _ends(beginning)
        if ends is None:
            return []
        with self._database.read(resource_id) as session:
            query = select(PersonRow.person_id, PersonRow.name).where(PersonRow.person_id.between(*ends))
            if ref is not None:
                query = query.where(PersonRow.collection == _uid(session, ref))
            # API snapshots of a group have its persons under the same ids.
            return list({one.person_id: one.name for one in session.execute(query.limit(MOST))}.items())

    def faces(self, resource_id: UUID, beginning: str, ref: CollectionRef | None = None) -> FoundIds:
        """Return the enrolled faces whose id starts with `beginning`; see `persons`."""
        ends = _ends(beginning)
        if ends is None:
            return []
        with self._database.read(resource_id) as session:
            query = select(PersistedFaceRow.face_id).where(PersistedFaceRow.face_id.between(*ends))
            if ref is not None:
                query = query.where(PersistedFaceRow.collection == _uid(session, ref))
            return [(one, "a face") for one in dict.fromkeys(session.scalars(query.limit(MOST)))]

    def anything(self, resource_id: UUID, beginning: str) -> FoundIds:
        """Return persons, enrolled faces, short-lived faces and liveness sessions whose id starts with `beginning`."""
        ends = _ends(beginning)
        if ends is None:
            return []
        found = [*self.persons(resource_id, beginning), *self.faces(resource_id, beginning)]
        with self._database.read(resource_id) as session:
            detected = select(DetectedFaceRow.face_id).where(DetectedFaceRow.face_id.between(*ends)).limit(MOST)
            found += [(one, "a short-lived face") for one in session.scalars(detected)]
            sessions = select(LivenessSessionRow.session_id).where(LivenessSessionRow.session_id.between(*ends))
            found += [(one, "a liveness session") for one in session.scalars(sessions.limit(MOST))]
        return found


def _uid(session: Session, ref: CollectionRef) -> UUID | None:
    """Return the internal id of a collection; None for a directory in which nobody is enrolled yet."""
    try:
        return find(session, ref).uid
    except CollectionNotFoundError:
        if ref.kind is Kind.DIRECTORY:
            return None
        raise


def _ends(beginning: str) -> tuple[UUID, UUID] | None:
    """Return the first and last id that start with `beginning`; None if no id can."""
    digits = beginning.replace("-", "").lower()
    if _DIGITS.fullmatch(digits) is None:
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
