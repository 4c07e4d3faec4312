"""Moves a person, with all their data, to another group of the same resource.

Ciphertexts are bound to their group, so the data is encrypted anew. That happens before the transaction, because a
vault may have to create a key. The transaction compares the rows with those that were encrypted, and the move starts
over if they changed. The person is removed from the old group at once and found in the new one after its next training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from mien.gallery.correction_records import CorrectionKind, record_correction
from mien.gallery.crops import crop_name
from mien.gallery.duplicate_check import DuplicateCheck
from mien.gallery.duplicates import Suspect, look_alikes, record, same_photo
from mien.gallery.errors import (
    AlreadyThereError,
    ConflictError,
    NotAGroupError,
    OtherRecogniserError,
    Quota,
    QuotaExceededError,
    TrainingNotFinishedError,
)
from mien.gallery.following import take_along
from mien.gallery.kinds import CollectionRef
from mien.gallery.last_seen import LastSeen
from mien.gallery.persons import check_person_quota, find_person
from mien.gallery.recognisers import Recognisers
from mien.gallery.removal import remove_person
from mien.gallery.rows import BUSY, Rows, find
from mien.gallery.templates import Templates
from mien.gallery.types import Duplicate
from mien.storage import Vault
from mien.storage.copying import copy_row, copy_values, whole
from mien.storage.tables import (
    CollectionRow,
    CropRow,
    DuplicateRow,
    OtherTemplateRow,
    PersistedFaceRow,
    PersonRow,
)

_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class _Kept:
    """The rows of a person, all columns by name; encrypted columns can be decrypted only for their group."""

    faces: tuple[Mapping[str, Any], ...]
    crops: tuple[Mapping[str, Any], ...]
    others: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class _Ready:
    """The moved data, encrypted for the new group.

    Attributes:
        source: uid of the old group.
        target: uid of the new group.
        found: the rows in the old group.
        sealed: the rows for the new group.
        vectors: the templates, float32 (d,), by face; without faces that a re-embedding left out.
    """

    source: UUID
    target: UUID
    found: _Kept
    sealed: _Kept
    vectors: Mapping[UUID, NDArray[np.float32]]


class Relocation:
    """Moves persons between groups.

    Args:
        rows: opens sessions on collections.
        vault: re-encrypts stored data.
        recognisers: bindings of the recognition models.
        duplicate_check: the templates of small collections, for finding duplicates.
        last_seen: recognised people that are not stored yet.
    """

    def __init__(
        self, rows: Rows, vault: Vault, recognisers: Recognisers, duplicate_check: DuplicateCheck, last_seen: LastSeen
    ) -> None:
        self._rows = rows
        self._vault = vault
        self._templates = Templates(vault)
        self._recognisers = recognisers
        self._duplicate_check = duplicate_check
        self._last_seen = last_seen

    def move(
        self, ref: CollectionRef, person_id: str, to: CollectionRef, *, undoable: bool = True
    ) -> tuple[Duplicate, ...]:
        """Move a person with faces, user data, crops and other rows (`following`); person and faces keep their ids.

        Args:
            ref: the person's current group.
            person_id: id of the person.
            to: the target group in the same resource, of either kind.
            undoable: whether to record the move for `Corrections`.

        Returns:
            Likely duplicates of the person's faces in the target group.

        Raises:
            CollectionNotFoundError: there is no such group.
            PersonNotFoundError: there is no such person in it.
            NotAGroupError: the target is a face list.
            AlreadyThereError: the target already has the person, or one of their faces.
            OtherRecogniserError: the target's faces are of another recognition model or of other weights.
            QuotaExceededError: the tier allows no more persons there.
            TrainingNotFinishedError: one of the groups is being trained.
            ConflictError: others kept changing the person or locked a group.
        """
        if ref.resource_id != to.resource_id:
            raise ValueError("a person does not leave their resource")
        for one in (ref, to):
            if not (one.kind.has_persons and one.kind.trained):
                raise NotAGroupError(one)
        if ref == to:
            raise AlreadyThereError(to)
        self._last_seen.write()
        for _ in range(_ATTEMPTS):
            moved = self._move(ref, person_id, to, self._prepare(ref, person_id, to), undoable=undoable)
            if moved is not None:
                return moved
        raise ConflictError(ref.collection_id)

    # Before the transaction

    def _prepare(self, ref: CollectionRef, person_id: str, to: CollectionRef) -> _Ready:
        """Read and re-encrypt the data to move, after the checks of the transaction."""
        with self._rows.reading(ref) as (session, row):
            target = find(session, to)
            self._check(session, (ref, row), (to, target), find_person(session, ref, row, person_id))
            found = _kept(session, row.uid, find_person(session, ref, row, person_id).person_id)
        vectors = {
            face["face_id"]: self._templates.open(row.resource_id, row.uid, face["face_id"], face["sealed"])
            for face in found.faces
            if face["sealed"]
        }
        sealed = _Kept(
            tuple(self._template(row, target, face) for face in found.faces),
            tuple(self._crop(row, target, crop) for crop in found.crops),
            tuple(self._template(row, target, other) for other in found.others),
        )
        return _Ready(row.uid, target.uid, found, sealed, vectors)

    def _template(self, row: CollectionRow, target: CollectionRow, one: Mapping[str, Any]) -> Mapping[str, Any]:
        face = one["face_id"]
        sealed = self._templates.reseal(
            row.resource_id, (row.uid, face), (target.resource_id, target.uid, face), one["sealed"]
        )
        return copy_values(one, sealed=sealed)

    def _crop(self, row: CollectionRow, target: CollectionRow, one: Mapping[str, Any]) -> Mapping[str, Any]:
        face, owner = one["face_id"], row.resource_id
        plain = self._vault.open(one["sealed"], resource_id=owner, what=crop_name(row.uid, face))
        return copy_values(one, sealed=self._vault.seal(plain, resource_id=owner, what=crop_name(target.uid, face)))

    # The transaction

    def _move(
        self, ref: CollectionRef, person_id: str, to: CollectionRef, ready: _Ready, *, undoable: bool
    ) -> tuple[Duplicate, ...] | None:
        """Move the person; None if the data has changed since it was prepared."""
        now = self._rows.clock.now()
        with self._locked(ref, to) as (session, row, target):
            person = find_person(session, ref, row, person_id)
            self._check(session, (ref, row), (to, target), person)
            if (row.uid, target.uid) != (ready.source, ready.target):
                return None
            if _kept(session, row.uid, person.person_id) != ready.found:
                return None
            suspects = self._suspects(session, target, person.person_id, ready)
            if ready.sealed.faces:
                target.training_action_at, target.fingerprint = now, row.fingerprint
            _put(session, target, person, ready.sealed)
            take_along(session, row.uid, person.person_id, target.uid)
            _take_pairs_along(session, row.uid, target.uid, [face["face_id"] for face in ready.found.faces])
            remove_person(session, row, person, now)
            if undoable:
                source = ref.path
                faces = [face["face_id"] for face in ready.found.faces]
                record_correction(
                    session, target, CorrectionKind.GROUP, person=person, into=person.person_id, faces=faces, now=now,
                    before={"source": source},
                )  # fmt: skip
            return tuple(
                one
                for face, some in suspects.items()
                for one in record(session, target, (person.person_id, face), some, now)
            )

    @contextmanager
    def _locked(self, ref: CollectionRef, to: CollectionRef) -> Iterator[tuple[Session, CollectionRow, CollectionRow]]:
        """Open a writing session that locks both groups, always in the same order, to avoid deadlocks."""
        with self._rows.transaction(ref.resource_id, ref.collection_id) as session:
            found = {one: find(session, one, lock=True) for one in sorted((ref, to), key=_order)}
            yield session, found[ref], found[to]

    def _check(
        self,
        session: Session,
        source: tuple[CollectionRef, CollectionRow],
        target: tuple[CollectionRef, CollectionRow],
        person: PersonRow,
    ) -> None:
        (ref, row), (to, there) = source, target
        for one, its in (source, target):
            if its.training_status in BUSY:
                raise TrainingNotFinishedError(one)
        labels = (row.recognition_model, there.recognition_model)
        if labels[0] != labels[1]:
            raise OtherRecogniserError(
                ref, to, labels, min((labels[0], ref), (labels[1], to), key=lambda one: one[0])[1]
            )
        if person.faces and there.faces and row.fingerprint != there.fingerprint:
            bound = self._recognisers[labels[0]].fingerprint
            raise OtherRecogniserError(ref, to, labels, to if row.fingerprint == bound else ref)
        theirs = select(PersistedFaceRow.face_id)
        theirs = theirs.where(PersistedFaceRow.collection == row.uid, PersistedFaceRow.person_id == person.person_id)
        same = select(PersistedFaceRow.face_id).where(
            PersistedFaceRow.collection == there.uid, PersistedFaceRow.face_id.in_(session.scalars(theirs).all())
        )
        known = select(PersonRow.person_id).where(
            PersonRow.collection == there.uid, PersonRow.person_id == person.person_id
        )
        if session.scalar(known.limit(1)) is not None or session.scalar(same.limit(1)) is not None:
            raise AlreadyThereError(to)
        check_person_quota(self._rows, session, to, there, in_all=0 if ref.kind is to.kind else None)
        limit = self._rows.limits(session, to.resource_id, to.kind).faces
        if person.faces > limit:
            raise QuotaExceededError(Quota.FACES, to.kind, limit)

    def _suspects(
        self, session: Session, target: CollectionRow, person_id: UUID, ready: _Ready
    ) -> dict[UUID, list[Suspect]]:
        """Compare the faces with those of the new group, as an enrolment does."""
        measured = self._recognisers[target.recognition_model].measured
        found = {}
        for face in ready.found.faces:
            vector = ready.vectors.get(face["face_id"])
            some = same_photo(session, target.uid, face["photo"]) if face["photo"] is not None else []
            if vector is not None:
                some += look_alikes(
                    self._duplicate_check, session, target, vector, person_id=person_id, calibration=measured
                )
            found[face["face_id"]] = some
        return found


def _order(ref: CollectionRef) -> tuple[str, str]:
    return ref.kind.value, ref.collection_id


def _kept(session: Session, collection: UUID, person_id: UUID) -> _Kept:
    def of(table: type[PersistedFaceRow | CropRow | OtherTemplateRow], *more: Any) -> tuple[dict[str, Any], ...]:
        query = whole(table).where(table.collection == collection, *more)
        return tuple(dict(one) for one in session.execute(query.order_by(*table.__table__.primary_key)).mappings())

    faces = of(PersistedFaceRow, PersistedFaceRow.person_id == person_id)
    ids = [face["face_id"] for face in faces]
    return _Kept(faces, of(CropRow, CropRow.face_id.in_(ids)), of(OtherTemplateRow, OtherTemplateRow.face_id.in_(ids)))


def _put(session: Session, target: CollectionRow, person: PersonRow, sealed: _Kept) -> None:
    """Insert a person with all rows; the next training treats the faces as added."""
    place = {"resource_id": target.resource_id, "collection": target.uid}
    session.add(copy_row(person, **place))
    target.persons += 1
    if sealed.faces:
        target.revision += 1
        target.faces += len(sealed.faces)
    session.flush()
    for table, rows in (
        (PersistedFaceRow, [copy_values(one, **place, revision=target.revision) for one in sealed.faces]),
        (CropRow, [copy_values(one, **place) for one in sealed.crops]),
        (OtherTemplateRow, [copy_values(one, **place) for one in sealed.others]),
    ):
        if rows:
            session.execute(insert(table), rows)


def _take_pairs_along(session: Session, source: UUID, target: UUID, faces: list[UUID]) -> None:
    """Move the suspected duplicates among the moved faces with them."""
    among = (DuplicateRow.face_id.in_(faces), DuplicateRow.other_face_id.in_(faces))
    session.execute(
        update(DuplicateRow)
        .where(DuplicateRow.collection == source, *among)
        .values(collection=target)
        .execution_options(synchronize_session=False)
    )
