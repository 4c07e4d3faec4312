"""Rebuilds the files of a trained index from the database: on a server that did not train it, or after damage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mien.gallery.templates import SealedFace, Templates
from mien.gallery.training.engines import IndexEngine
from mien.gallery.untrained_index import enrolled_by
from mien.search import ExactSearch, TemplateSearch, TrainedIndexError
from mien.storage import Database
from mien.storage.tables import CollectionRow, PersistedFaceRow

_ROWS_AT_ONCE: Final = 5_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A search in memory.

    Attributes:
        name: name of its index.
        revision: the index's revision of the collection; -1 if unknown.
        search: the search.
    """

    name: str
    revision: int
    search: TemplateSearch


class Rebuilding:
    """Rebuilds trained indexes with the faces that were enrolled at the training and still exist.

    Args:
        database: the database with the templates.
        templates: decrypts them.
    """

    def __init__(self, database: Database, templates: Templates) -> None:
        self._database = database
        self._templates = templates

    def rebuild(self, row: CollectionRow, engine: IndexEngine, previous: Loaded | None) -> bool:
        """Write the index in use of a collection.

        Args:
            row: the collection's current row.
            engine: engine of its index.
            previous: an earlier training that this server has loaded and whose files exist: only the changes since then
                are read and decrypted. None to build everything.

        Returns:
            Whether it was written; False for an index that is not in files.
        """
        if row.snapshot is None or row.trained_revision < 0 or not engine.rebuilds:
            return False
        if previous is not None and self._change(row, row.snapshot, engine, previous):
            return True
        with self._database.read(row.resource_id) as session:
            enrolled = enrolled_by(session, row.uid, row.trained_revision)
            faces = self._templates.faces(row.resource_id, row.uid, enrolled)
        engine.store(row, row.snapshot).write(faces, row.fingerprint)
        _log.info("a trained index was rebuilt from the database", collection=str(row.uid), faces=len(faces))
        return True

    def _change(self, row: CollectionRow, name: str, engine: IndexEngine, previous: Loaded) -> bool:
        """Write the index from the previous one and the changes since; returns whether that was possible."""
        search = previous.search
        if (
            not isinstance(search, ExactSearch)
            or not engine.is_name(previous.name)
            or search.fingerprint != row.fingerprint
            or not 0 <= previous.revision <= row.trained_revision
        ):
            return False
        with self._database.read(row.resource_id) as session:
            there = _pairs(session, row.uid, row.trained_revision)
            added = self._templates.faces(
                row.resource_id, row.uid, _between(session, row.uid, previous.revision, row.trained_revision)
            )
        # Removed faces are found by comparison: the training that processes records of removals deletes them.
        had = _alive(search)
        again = np.concatenate([added.person_ids, added.face_ids], axis=1)
        gone = had[~np.isin(_keys(had), _keys(there)) | np.isin(_keys(had), _keys(again))]
        if len(had) - len(gone) + len(added) != len(there):  # the previous index lacks faces or has too many
            return False
        removed = [(UUID(bytes=one[:16].tobytes()), UUID(bytes=one[16:].tobytes())) for one in gone]
        try:
            store = engine.branch(row, previous.name, name)
            store.update(added, removed, current=search)
        except TrainedIndexError:  # its files are gone or damaged
            return False
        _log.info(
            "a trained index was brought up to date from the database",
            collection=str(row.uid),
            added=len(added),
            removed=len(removed),
        )
        return True


def _keys(pairs: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Return (person, face) pairs, uint8 (n, 32), as byte strings that numpy can look up, (n,)."""
    return np.ascontiguousarray(pairs).view("S32").reshape(-1)


def _alive(search: ExactSearch) -> NDArray[np.uint8]:
    """Return the (person, face) pairs of a search, uint8 (n, 32)."""
    parts = []
    for segment, dead in zip(search.segments, search.dead, strict=True):
        rows = np.setdiff1d(np.arange(len(segment), dtype=np.int64), dead, assume_unique=True)
        parts.append(np.concatenate([segment.persons[segment.person_of(rows)], segment.face_ids[rows]], axis=1))
    return np.concatenate(parts) if parts else np.empty((0, 32), dtype=np.uint8)


def _pairs(session: Session, collection: UUID, revision: int) -> NDArray[np.uint8]:
    """Return the (person, face) pairs that were enrolled by a revision and still exist, uint8 (n, 32)."""
    query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id)
    query = query.where(PersistedFaceRow.collection == collection, PersistedFaceRow.revision <= revision)
    query = query.where(func.length(PersistedFaceRow.sealed) > 0).execution_options(yield_per=_ROWS_AT_ONCE)
    data = bytearray()
    for person, face in session.execute(query):
        data += person.bytes
        data += face.bytes
    return np.frombuffer(bytes(data), dtype=np.uint8).reshape(-1, 32)


def _between(session: Session, collection: UUID, after: int, until: int) -> Iterator[SealedFace]:
    """Yield the faces enrolled between two revisions; iterate while the session is open."""
    query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id, PersistedFaceRow.sealed)
    query = query.where(PersistedFaceRow.collection == collection, func.length(PersistedFaceRow.sealed) > 0)
    query = query.where(PersistedFaceRow.revision > after, PersistedFaceRow.revision <= until)
    for found in session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
        yield SealedFace(*found)
