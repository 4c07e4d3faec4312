"""In-memory indexes of collections without training, updated with every change.

Face lists and the person directory, which need no training, are searched here; so are groups where operators or other
products' interfaces need the current state.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.gallery.templates import SealedFace, Templates
from mien.search import EnrolledTemplates, ExactSearch
from mien.search.segment import Segment
from mien.storage.tables import CollectionRow, PersistedFaceRow, RemovalRow

CACHED_TEMPLATES: Final = 4_000_000
"""A template in memory takes six bytes per dimension."""
KEEP_FOR: Final = timedelta(minutes=30)
"""Indexes not searched for this long are dropped; records of removals are kept longer (`REMOVALS_KEPT`)."""
REMOVALS_KEPT: Final = timedelta(hours=1)
_MERGE_RATIO: Final = 4
_ROWS_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class _CachedSearch:
    """A search as of a revision; `stale` is the time since when it contains removed templates, None if it has none."""

    revision: int
    search: ExactSearch | None
    used: datetime
    stale: datetime | None = None


class UntrainedIndex:
    """Searches the current state of collections, without training.

    Args:
        templates: decrypts templates.
        clock: the clock.
    """

    def __init__(self, templates: Templates, clock: Clock) -> None:
        self._templates = templates
        self._clock = clock
        self._lock = threading.Lock()
        self._updating: dict[UUID, threading.Lock] = {}
        self._entries: OrderedDict[UUID, _CachedSearch] = OrderedDict()

    def search(self, session: Session, row: CollectionRow) -> ExactSearch | None:
        """Return a search of a collection as the session sees it; None if nothing is enrolled.

        Args:
            session: the session of the collection's resource that read `row`.
            row: the collection.
        """
        now = self._clock.now()
        entry = self._entry(row.uid, row.revision, now)
        if entry is None:
            with self._lock:
                lock = self._updating.setdefault(row.uid, threading.Lock())
            with lock:
                entry = self._entry(row.uid, row.revision, now)
                if entry is None:
                    search = self._update(session, row, now)
                    entry = _CachedSearch(row.revision, search, now, self._stale_since(row.uid, search, now))
                    self._keep(row.uid, entry)
        return entry.search

    def forget_unused(self) -> int:
        """Drop searches not used for `KEEP_FOR`, or with removed templates in memory for that long.

        Returns:
            The number of dropped searches.
        """
        limit = self._clock.now() - KEEP_FOR
        with self._lock:
            old = [
                uid
                for uid, entry in self._entries.items()
                if entry.used < limit or (entry.stale is not None and entry.stale < limit)
            ]
            for uid in old:
                self._entries.pop(uid)
                self._updating.pop(uid, None)
        return len(old)

    def _entry(self, uid: UUID, revision: int, now: datetime) -> _CachedSearch | None:
        with self._lock:
            entry = self._entries.get(uid)
            if entry is None or entry.revision != revision:
                return None
            entry = self._entries[uid] = replace(entry, used=now)
            self._entries.move_to_end(uid)
            return entry

    def _stale_since(self, uid: UUID, search: ExactSearch | None, now: datetime) -> datetime | None:
        if search is None or not any(len(dead) for dead in search.dead):
            return None
        with self._lock:
            known = self._entries.get(uid)
        return known.stale or now if known is not None else now

    def _keep(self, uid: UUID, entry: _CachedSearch) -> None:
        with self._lock:
            known = self._entries.get(uid)
            if known is None or known.revision <= entry.revision:
                self._entries[uid] = entry
                self._entries.move_to_end(uid)
            total = sum(len(one.search or ()) for one in self._entries.values())
            while len(self._entries) > 1 and total > CACHED_TEMPLATES:
                _, dropped = self._entries.popitem(last=False)
                total -= len(dropped.search or ())

    def _update(self, session: Session, row: CollectionRow, now: datetime) -> ExactSearch | None:
        with self._lock:
            known = self._entries.get(row.uid)
        if known is not None and known.revision < row.revision and now - known.used < KEEP_FOR:
            search = self._changed(session, row, known)
            # All added faces are in the search; if all records of removals were there too, the numbers are equal.
            if len(search or ()) == row.faces or len(search or ()) == row.faces - without_template(session, row.uid):
                return search
        return self._changed(session, row, _CachedSearch(-1, None, now))

    def _changed(self, session: Session, row: CollectionRow, known: _CachedSearch) -> ExactSearch | None:
        search = known.search
        removed = removed_since(session, row.uid, known.revision) if search is not None else []
        added = self._templates.faces(row.resource_id, row.uid, added_since(session, row.uid, known.revision))
        if search is not None and removed:
            search = _without(search, removed)
        if len(added):
            segment = Segment.of(added, row.fingerprint)
            same = search is not None and search.fingerprint == row.fingerprint
            search = _with(search, segment) if search is not None and same else ExactSearch([segment])
        return search if search is not None and len(search) else None


def added_since(session: Session, collection: UUID, revision: int) -> Iterator[SealedFace]:
    """Yield the faces enrolled after a revision of their collection; iterate while the session is open.

    Faces that a re-embedding left out have no template and are not included.
    """
    query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id, PersistedFaceRow.sealed)
    query = query.where(PersistedFaceRow.collection == collection, func.length(PersistedFaceRow.sealed) > 0)
    if revision >= 0:
        query = query.where(PersistedFaceRow.revision > revision)
    for found in session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
        yield SealedFace(*found)


def enrolled_by(session: Session, collection: UUID, revision: int) -> Iterator[SealedFace]:
    """Yield the faces enrolled by a revision of their collection that still exist; see `added_since`."""
    query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id, PersistedFaceRow.sealed)
    query = query.where(PersistedFaceRow.collection == collection, PersistedFaceRow.revision <= revision)
    query = query.where(func.length(PersistedFaceRow.sealed) > 0)
    for found in session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
        yield SealedFace(*found)


def without_template(session: Session, collection: UUID) -> int:
    """Return the number of faces that a re-embedding left out."""
    query = select(func.count()).select_from(PersistedFaceRow).where(PersistedFaceRow.collection == collection)
    return session.scalar(query.where(func.length(PersistedFaceRow.sealed) == 0)) or 0


def removed_since(session: Session, collection: UUID, revision: int) -> list[tuple[UUID, UUID | None]]:
    """Return the (person, face) pairs removed after a revision; a face of None means all of the person's faces."""
    query = select(RemovalRow.person_id, RemovalRow.face_id)
    query = query.where(RemovalRow.collection == collection, RemovalRow.revision > revision)
    return [(found.person_id, found.face_id) for found in session.execute(query)]


def _without(search: ExactSearch, removed: list[tuple[UUID, UUID | None]]) -> ExactSearch:
    persons = [person for person, face in removed if face is None]
    faces = [(person, face) for person, face in removed if face is not None]
    dead = []
    for segment, rows in zip(search.segments, search.dead, strict=True):
        gone = np.union1d(segment.rows_of_persons(persons), segment.rows_of_faces(faces))
        dead.append(np.union1d(rows, gone))
    return ExactSearch(search.segments, dead)


def _with(search: ExactSearch, segment: Segment) -> ExactSearch:
    """Add a segment, and merge segments of similar size to keep their number low."""
    parts = [*zip(search.segments, search.dead, strict=True), (segment, np.empty(0, dtype=np.int64))]
    parts.sort(key=lambda part: -len(part[0]))
    first, total = len(parts), 0
    for index in range(len(parts) - 1, -1, -1):
        if total and len(parts[index][0]) < _MERGE_RATIO * total:
            first = index
        total += len(parts[index][0])
    if first < len(parts):
        merged = Segment.of(_joined(parts[first:]), segment.fingerprint)
        parts[first:] = [(merged, np.empty(0, dtype=np.int64))]
    return ExactSearch([part for part, _ in parts], [dead for _, dead in parts])


def _joined(parts: list[tuple[Segment, np.ndarray[tuple[int], np.dtype[np.int64]]]]) -> EnrolledTemplates:
    alive = []
    for segment, dead in parts:
        keep = np.ones(len(segment), dtype=bool)
        keep[dead] = False
        alive.append(segment.faces(np.flatnonzero(keep)))
    return EnrolledTemplates(
        np.concatenate([part.person_ids for part in alive]),
        np.concatenate([part.face_ids for part in alive]),
        np.concatenate([part.templates for part in alive]),
    )
