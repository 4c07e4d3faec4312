"""Records the day when an enrolled person was last recognised, for retention rules.

To keep recognition fast, recognised persons are noted in memory, once a day, and stored by the retention worker. A
killed process loses the last minute of notes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from mien.clock import Clock
from mien.gallery.kinds import Kind, persons_ref
from mien.gallery.rows import find_collection
from mien.storage import Database
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonRow

_REMEMBERED: Final = 200_000
_AT_ONCE: Final = 500

Seen = tuple[UUID, UUID, UUID]
"""Ids of resource, collection, and person (or face of a list)."""


class LastSeen:
    """Notes recognised persons and faces.

    Args:
        database: the database with the times.
        clock: the clock.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: OrderedDict[Seen, date] = OrderedDict()
        self._pending: set[Seen] = set()

    def note(self, row: CollectionRow, members: Iterable[str]) -> None:
        """Note that persons, or faces of a list, were recognised in a collection."""
        today = self._clock.now().date()
        with self._lock:
            for member in members:
                seen = (row.resource_id, row.uid, UUID(member))
                if self._noted.get(seen) != today:
                    self._noted[seen] = today
                    self._pending.add(seen)
            while len(self._noted) > _REMEMBERED:
                self._noted.popitem(last=False)

    def write(self) -> int:
        """Store the notes since the last call; returns their number."""
        with self._lock:
            pending, self._pending = self._pending, set()
        by_collection: dict[tuple[UUID, UUID], list[UUID]] = {}
        for owner, collection, member in sorted(pending):
            by_collection.setdefault((owner, collection), []).append(member)
        for (owner, collection), members in by_collection.items():
            for start in range(0, len(members), _AT_ONCE):
                try:
                    self._write(owner, collection, members[start : start + _AT_ONCE])
                except BaseException:
                    with self._lock:  # the next call tries again; writing twice does no harm
                        self._pending |= pending
                    raise
        return len(pending)

    def _write(self, owner: UUID, collection: UUID, members: list[UUID]) -> None:
        now = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        with self._database.write(owner) as session:
            row = session.scalar(select(CollectionRow).where(CollectionRow.uid == collection))
            if row is None:
                return
            if row.kind == Kind.DIRECTORY.value:
                row = find_collection(session, persons_ref(owner)) or row
            table = PersonRow if Kind(row.kind).has_persons else PersistedFaceRow
            member = table.person_id  # in lists it is the face's own id
            session.execute(
                update(table)
                .where(table.collection == row.uid, member.in_(members))
                .values(seen_at=now)
                .execution_options(synchronize_session=False)
            )
