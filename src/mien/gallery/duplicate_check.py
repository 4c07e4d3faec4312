"""Fast comparison of a new face with all faces of a small collection, by cached matrices of templates."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.gallery.templates import Templates
from mien.gallery.untrained_index import KEEP_FOR, added_since, removed_since
from mien.search.types import pack_ids
from mien.storage.tables import CollectionRow

COMPARED_FACES: Final = 5_000
"""Largest collection, in faces, in which enrolment compares a new face with all others."""
KEPT_TEMPLATES: Final = 100_000
"""Cached templates of all collections together; one of 256 dimensions takes a kilobyte."""

Ids = NDArray[np.uint8]


@dataclass(slots=True)
class _Matrix:
    """The templates of a collection at a revision; the first `count` rows are in use."""

    fingerprint: str
    revision: int
    persons: Ids
    faces: Ids
    templates: NDArray[np.float32]
    made: datetime
    count: int = 0

    def append(self, persons: Ids, faces: Ids, templates: NDArray[np.float32]) -> None:
        end = self.count + len(templates)
        if end > len(self.templates):
            room = max(64, 2 * end)
            for name in ("persons", "faces", "templates"):
                old = getattr(self, name)
                new = np.empty((room, old.shape[1]), old.dtype)
                new[: self.count] = old[: self.count]
                setattr(self, name, new)
        self.persons[self.count : end], self.faces[self.count : end] = persons, faces
        self.templates[self.count : end] = templates
        self.count = end

    def remove(self, gone: Sequence[tuple[UUID, UUID | None]]) -> None:
        persons = pack_ids([person for person, face in gone if face is None]).view("S16")
        faces = pack_ids([face for _, face in gone if face is not None]).view("S16")
        dead = np.isin(self.persons[: self.count].view("S16").reshape(-1), persons)
        dead |= np.isin(self.faces[: self.count].view("S16").reshape(-1), faces)
        keep = np.flatnonzero(~dead)
        for values in (self.persons, self.faces, self.templates):
            values[: len(keep)] = values[keep]
        self.count = len(keep)


class DuplicateCheck:
    """Finds the enrolled faces most similar to a new one, in collections of up to `COMPARED_FACES` faces.

    Args:
        templates: decrypts templates.
        clock: the clock.
    """

    def __init__(self, templates: Templates, clock: Clock) -> None:
        self._templates = templates
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[UUID, _Matrix] = OrderedDict()

    def most_like(
        self, session: Session, row: CollectionRow, template: NDArray[np.float32], least: float
    ) -> list[tuple[UUID, UUID, float]]:
        """Return (person, face, similarity) of the faces with at least a similarity, the most similar first.

        Args:
            session: a session that has locked the collection and has read `row`.
            row: the collection.
            template: float32 (d,), unit length.
            least: lowest similarity to return.
        """
        with self._lock:  # writers of one collection are serial; writers of others wait about a millisecond
            matrix = self._current(session, row, len(template))
            if not matrix.count or matrix.templates.shape[1] != len(template):
                return []
            similarity = matrix.templates[: matrix.count] @ template
            best = np.flatnonzero(similarity >= np.float32(least))
            best = best[np.argsort(-similarity[best], kind="stable")]
            return [
                (
                    UUID(bytes=matrix.persons[at].tobytes()),
                    UUID(bytes=matrix.faces[at].tobytes()),
                    float(similarity[at]),
                )
                for at in best.tolist()
            ]

    def forget(self, collection: UUID) -> None:
        """Drop the cached templates of a collection, after the transaction that read them was rolled back."""
        with self._lock:
            self._known.pop(collection, None)

    def forget_old(self) -> int:
        """Drop templates cached more than half an hour ago, as memory may still contain removed ones.

        Returns:
            The number of dropped collections.
        """
        limit = self._clock.now() - KEEP_FOR
        with self._lock:
            old = [uid for uid, one in self._known.items() if one.made < limit]
            for uid in old:
                del self._known[uid]
        return len(old)

    def _current(self, session: Session, row: CollectionRow, dimension: int) -> _Matrix:
        matrix = self._known.pop(row.uid, None)
        if matrix is not None and (matrix.revision > row.revision or matrix.fingerprint != row.fingerprint):
            matrix = None
        if matrix is not None and matrix.revision < row.revision:
            self._follow(session, row, matrix)
            if matrix.count != row.faces:  # the records of removals were already deleted
                matrix = None
        if matrix is None:
            empty = np.empty((0, 16), np.uint8)
            matrix = _Matrix(row.fingerprint, -1, empty, empty, np.empty((0, dimension), np.float32), self._clock.now())
            self._follow(session, row, matrix)
        self._known[row.uid] = matrix
        total = sum(one.count for one in self._known.values())
        while len(self._known) > 1 and total > KEPT_TEMPLATES:
            _, dropped = self._known.popitem(last=False)
            total -= dropped.count
        return matrix

    def _follow(self, session: Session, row: CollectionRow, matrix: _Matrix) -> None:
        added = self._templates.faces(row.resource_id, row.uid, added_since(session, row.uid, matrix.revision))
        if matrix.revision >= 0 and matrix.count + len(added) != row.faces:
            gone = removed_since(session, row.uid, matrix.revision)
            if gone:
                matrix.remove(gone)
        if len(added) and added.templates.shape[1] == matrix.templates.shape[1]:
            matrix.append(added.person_ids, added.face_ids, added.templates)
        matrix.revision = row.revision
