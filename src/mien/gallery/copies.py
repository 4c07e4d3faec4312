"""Copies of a collection with its enrolled faces and its trained index, also for another resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from mien.gallery.collections import Collections
from mien.gallery.crops import crop_name
from mien.gallery.errors import ConflictError
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.rows import BUSY, Rows
from mien.gallery.templates import Templates
from mien.gallery.training.indexes import TrainedIndexes
from mien.gallery.types import TrainingState
from mien.gallery.untrained_index import removed_since
from mien.search import EnrolledTemplates, ExactSearch, TemplateSearch, TrainedIndexMissingError
from mien.storage import Vault
from mien.storage.copying import copy_values, whole
from mien.storage.tables import CollectionRow, CropRow, PersistedFaceRow, PersonRow

_ROWS_AT_ONCE: Final = 1_000
_CROPS_AT_ONCE: Final = 100
_ATTEMPTS: Final = 3


class Copies:
    """Copies collections.

    A copy is a collection of kind `Kind.TRANSFER`, which no call finds, until its creator renames it. Persons and faces
    keep their ids. Encrypted data is encrypted anew for the copy and its resource. The enrolment policy and the crops
    are copied too, so that the copy can be re-embedded like its source.

    Args:
        rows: opens sessions.
        collections: creates rows.
        templates: re-encrypts templates.
        vault: re-encrypts crops.
        indexes: the trained indexes.
    """

    def __init__(
        self, rows: Rows, collections: Collections, templates: Templates, vault: Vault, indexes: TrainedIndexes
    ) -> None:
        self._rows = rows
        self._collections = collections
        self._templates = templates
        self._vault = vault
        self._indexes = indexes

    @contextmanager
    def of(self, source: CollectionRef, resource_id: UUID, name: str | None = None) -> Iterator[CollectionRow]:
        """Copy a collection as of one moment; if the block raises, the copy is deleted.

        Args:
            source: the collection to copy.
            resource_id: id of the resource that receives the copy.
            name: name of the copy; None for a new one.

        Raises:
            CollectionNotFoundError: there is no such collection.
            ConflictError: trainings replaced the trained index too often to read it.
            TrainedIndexError: the trained index is unusable.
        """
        ref = CollectionRef(resource_id, Kind.TRANSFER, name or str(uuid4()))
        for _ in range(_ATTEMPTS):
            with self._rows.reading(source) as (session, row):  # all statements see the same state
                try:
                    search = self._indexes.store(row, row.snapshot).load() if row.snapshot else None
                except TrainedIndexMissingError:
                    with self._rows.reading(source) as (_, newer):
                        if newer.snapshot == row.snapshot:
                            self._indexes.search(newer)  # built here if it is on another machine; or raises
                    continue  # a training replaced it between the two reads, or it is here now
                copy = self._begin(ref, row)
                try:
                    self._fill(session, row, copy, search)
                    yield copy
                except BaseException:
                    self.delete(copy)
                    raise
                return
        raise ConflictError(source.collection_id)

    def delete(self, copy: CollectionRow) -> None:
        """Delete a copy with its files."""
        with self._rows.database.write(copy.resource_id) as session:
            session.execute(delete(CollectionRow).where(CollectionRow.uid == copy.uid))
        self._indexes.forget(copy.uid)

    def _begin(self, ref: CollectionRef, source: CollectionRow) -> CollectionRow:
        copy = self._collections.copy_row(ref, source)
        if source.training_status in BUSY:  # the copy has the last finished training, not the running one
            last = source.training_success_at
            copy.training_status = TrainingState.SUCCEEDED.value if last is not None else None
            copy.training_created_at = copy.training_action_at = last
            copy.training_message = None
        with self._rows.database.write(ref.resource_id) as session:
            session.add(copy)
        return copy

    def _fill(
        self, session: Session, source: CollectionRow, copy: CollectionRow, search: TemplateSearch | None
    ) -> None:
        self._copy(session, source, copy, PersonRow)
        self._copy(session, source, copy, PersistedFaceRow, self._template)
        self._copy(session, source, copy, CropRow, self._crop, at_once=_CROPS_AT_ONCE)
        if search is not None:
            trained = _faces(search, removed_since(session, source.uid, source.trained_revision))
            name = self._indexes.fresh_name(search.fingerprint)
            with self._indexes.claim(copy.uid):  # keeps other servers from deleting it
                self._indexes.store(copy, name).write(trained, search.fingerprint)
                with self._rows.database.write(copy.resource_id) as writing:
                    writing.merge(copy).snapshot = name
            copy.snapshot = name

    def _copy(
        self,
        session: Session,
        source: CollectionRow,
        copy: CollectionRow,
        table: type[PersonRow | PersistedFaceRow | CropRow],
        seal: Callable[[CollectionRow, CollectionRow, Mapping[str, Any]], bytes] | None = None,
        *,
        at_once: int = _ROWS_AT_ONCE,
    ) -> None:
        """Copy the rows of a table; `seal` returns a row's secret, encrypted for the copy."""
        rows = session.execute(whole(table).where(table.collection == source.uid).execution_options(yield_per=at_once))
        for some in rows.mappings().partitions():
            place = {"resource_id": copy.resource_id, "collection": copy.uid}
            copied = [
                copy_values(one, **place, **({"sealed": seal(source, copy, one)} if seal else {}))
                for one in map(dict, some)
            ]
            with self._rows.database.write(copy.resource_id) as writing:
                writing.execute(insert(table), copied)

    def _template(self, source: CollectionRow, copy: CollectionRow, face: Mapping[str, Any]) -> bytes:
        return self._templates.reseal(
            source.resource_id,
            (source.uid, face["face_id"]),
            (copy.resource_id, copy.uid, face["face_id"]),
            face["sealed"],
        )

    def _crop(self, source: CollectionRow, copy: CollectionRow, crop: Mapping[str, Any]) -> bytes:
        name = crop_name(source.uid, crop["face_id"])
        plain = self._vault.open(crop["sealed"], resource_id=source.resource_id, what=name)
        return self._vault.seal(plain, resource_id=copy.resource_id, what=crop_name(copy.uid, crop["face_id"]))


def _faces(search: TemplateSearch, removed: Sequence[tuple[UUID, UUID | None]]) -> EnrolledTemplates:
    """Return the faces of a trained index without those removed since: a copy must not restore them."""
    persons = [person for person, face in removed if face is None]
    faces = [(person, face) for person, face in removed if face is not None]
    if not isinstance(search, ExactSearch):
        search = ExactSearch.of(search.faces(), search.fingerprint)
    parts = []
    for segment, dead in zip(search.segments, search.dead, strict=True):
        alive = np.ones(len(segment), dtype=bool)
        for rows in (dead, segment.rows_of_persons(persons), segment.rows_of_faces(faces)):
            alive[rows] = False
        parts.append(segment.faces(np.flatnonzero(alive)))
    return EnrolledTemplates(
        np.concatenate([part.person_ids for part in parts]),
        np.concatenate([part.face_ids for part in parts]),
        np.concatenate([part.templates for part in parts]),
    )
