"""Undo of merges and moves. An undo restores everything or is refused; records expire after `KEPT`.

A record contains what a merge would otherwise lose: name, user data and times of the merged person. It is therefore
also deleted with either person.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from mien.gallery.correction_records import KEPT, CorrectionKind
from mien.gallery.errors import CannotUndoError, CorrectionNotFoundError, Quota, QuotaExceededError
from mien.gallery.following import give_back
from mien.gallery.kinds import CollectionRef, parse_id
from mien.gallery.negatives.merging import MergedNegatives
from mien.gallery.persons import check_person_quota
from mien.gallery.relocation import Relocation
from mien.gallery.removal import note_removal
from mien.gallery.rows import Rows
from mien.storage import EVERY_RESOURCE
from mien.storage.copying import from_json
from mien.storage.tables import CollectionRow, CorrectionRow, PersistedFaceRow, PersonRow

_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Correction:
    """A merge or move that can be undone.

    Attributes:
        id: id of the record.
        kind: the kind of correction.
        person_id: id of the person who had the faces.
        name: that person's name at the time.
        into_id: id of the person who has the faces now; the same person if they moved to another group.
        into_name: current name of that person; None if deleted.
        faces: number of moved faces.
        made_at: time of the correction.
        source: for a move to another group, KIND/ID of the previous group.
    """

    id: UUID
    kind: CorrectionKind
    person_id: str
    name: str
    into_id: str
    into_name: str | None
    faces: int
    made_at: datetime
    source: str | None = None


class Corrections:
    """Lists and undoes merges and moves.

    Args:
        rows: opens sessions on collections.
        relocation: moves persons back to their group.
        negatives: called with negatives that were restored.
    """

    def __init__(self, rows: Rows, relocation: Relocation, negatives: MergedNegatives) -> None:
        self._rows = rows
        self._relocation = relocation
        self._negatives = negatives

    def recent(self, ref: CollectionRef, person_id: str | None = None) -> list[Correction]:
        """Return the corrections that can be undone in a group or, if given, for a person; newest first.

        Raises:
            CollectionNotFoundError: there is no such group.
        """
        with self._rows.reading(ref) as (session, row):
            query = select(CorrectionRow).where(CorrectionRow.collection == row.uid)
            query = query.where(CorrectionRow.made_at > self._rows.clock.now() - KEPT)
            if person_id is not None:
                parsed = parse_id(person_id)
                query = query.where(or_(CorrectionRow.person_id == parsed, CorrectionRow.into == parsed))
            found = session.scalars(query.order_by(CorrectionRow.made_at.desc()).limit(_SHOWN)).all()
            people = select(PersonRow.person_id, PersonRow.name).where(
                PersonRow.collection == row.uid, PersonRow.person_id.in_([one.into for one in found])
            )
            names = dict(session.execute(people).all())
            return [_correction(one, names.get(one.into)) for one in found]

    def undo(self, ref: CollectionRef, correction_id: UUID) -> Correction:
        """Undo a merge or move.

        Faces deleted since, and negatives that a merge deleted, stay deleted. Identification sees the change after the
        next training.

        Raises:
            CollectionNotFoundError: there is no such group.
            CorrectionNotFoundError: there is no such record, or it has expired.
            CannotUndoError: the faces or persons were changed since.
            QuotaExceededError: the tier allows no more persons or faces.
            TrainingNotFinishedError: the group is being trained.
            Errors of `Relocation.move`, for a move to another group.
        """
        with self._rows.reading(ref) as (session, row):
            record = _find(session, row, correction_id)
            done, before = _correction(record, None), json.loads(record.before)
        if done.kind is CorrectionKind.GROUP:
            back = CollectionRef.from_path(ref.resource_id, before["source"])
            self._relocation.move(ref, done.person_id, back, undoable=False)
            with self._rows.database.write(ref.resource_id) as session:
                session.execute(delete(CorrectionRow).where(CorrectionRow.id == correction_id))
            return done
        with self._rows.writing(ref) as (session, row):
            record = _find(session, row, correction_id)
            self._give_back(session, ref, row, record)
            session.delete(record)
        self._negatives.follow(ref.resource_id)
        return done

    def _give_back(self, session: Session, ref: CollectionRef, row: CollectionRow, record: CorrectionRow) -> None:
        now = self._rows.clock.now()
        target = _person(session, row.uid, record.into)
        if target is None:
            raise CannotUndoError("the person who has the faces now is gone")
        wanted = [UUID(one) for one in json.loads(record.faces)]
        faces = _still_with(session, row.uid, wanted, record.into)
        source = _person(session, row.uid, record.person_id)
        if record.kind == CorrectionKind.MERGE.value:
            if source is not None:
                raise CannotUndoError("there is a person of that id again")
            source = self._recreate(session, ref, row, record, target)
        if source is None:
            raise CannotUndoError("the person who had the faces is gone")
        if wanted and not faces:
            raise CannotUndoError("all of these faces have been moved on or deleted since")
        limit = self._rows.limits(session, ref.resource_id, ref.kind).faces
        if source.faces + len(faces) > limit:
            raise QuotaExceededError(Quota.FACES, ref.kind, limit)
        row.revision += 1
        session.execute(
            update(PersistedFaceRow)
            .where(PersistedFaceRow.collection == row.uid, PersistedFaceRow.face_id.in_(faces))
            .values(person_id=source.person_id, revision=row.revision)
            .execution_options(synchronize_session=False)
        )
        source.faces += len(faces)
        target.faces -= len(faces)
        for face in faces:
            note_removal(session, row, target.person_id, face, now)

    def _recreate(
        self, session: Session, ref: CollectionRef, row: CollectionRow, record: CorrectionRow, target: PersonRow
    ) -> PersonRow:
        """Recreate the person whom a merge deleted."""
        check_person_quota(self._rows, session, ref, row)
        before = json.loads(record.before)
        source = PersonRow(
            resource_id=row.resource_id,
            collection=row.uid,
            person_id=record.person_id,
            name=record.name,
            user_data=record.user_data,
            faces=0,
            **from_json(PersonRow, before),
        )
        session.add(source)
        row.persons += 1
        session.flush()
        give_back(session, row.uid, target.person_id, source.person_id, before)
        target.created_at = from_json(PersonRow, {"created_at": before["into_created_at"]})["created_at"]
        return source

    def purge(self) -> int:
        """Delete records of corrections that can no longer be undone; return their number."""
        with self._rows.database.write(EVERY_RESOURCE) as session:
            due = delete(CorrectionRow).where(CorrectionRow.made_at <= self._rows.clock.now() - KEPT)
            return len(session.scalars(due.returning(CorrectionRow.id)).all())


def _find(session: Session, row: CollectionRow, correction_id: UUID) -> CorrectionRow:
    record = session.scalar(
        select(CorrectionRow).where(CorrectionRow.collection == row.uid, CorrectionRow.id == correction_id)
    )
    if record is None:
        raise CorrectionNotFoundError("this can be undone no longer: it was undone already, or is too long ago")
    return record


def _person(session: Session, collection: UUID, person_id: UUID) -> PersonRow | None:
    return session.scalar(select(PersonRow).where(PersonRow.collection == collection, PersonRow.person_id == person_id))


def _still_with(session: Session, collection: UUID, faces: Sequence[UUID], person_id: UUID) -> list[UUID]:
    query = select(PersistedFaceRow.face_id).where(
        PersistedFaceRow.collection == collection,
        PersistedFaceRow.face_id.in_(faces),
        PersistedFaceRow.person_id == person_id,
    )
    return list(session.scalars(query))


def _correction(record: CorrectionRow, into_name: str | None) -> Correction:
    return Correction(
        record.id,
        CorrectionKind(record.kind),
        str(record.person_id),
        record.name,
        str(record.into),
        into_name,
        len(json.loads(record.faces)),
        record.made_at,
        json.loads(record.before).get("source"),
    )
