"""Deletes and counts persons and faces of lists, with all their data, in one collection and one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from mien.doors.journal import forget_person
from mien.gallery.directory.rows import face_collections
from mien.gallery.errors import TrainingNotFinishedError
from mien.gallery.kinds import Kind
from mien.gallery.removal import remove_face, remove_faces_of, remove_person
from mien.gallery.rows import BUSY, ref_of
from mien.storage.tables import (
    CollectionRow,
    ConsentRow,
    CropRow,
    DynamicGroupMemberRow,
    OtherTemplateRow,
    PersistedFaceRow,
    PersonRow,
)


@dataclass(slots=True)
class Removed:
    """Counts of deleted data.

    Attributes:
        persons: persons.
        faces: enrolled faces, each with its template.
        old_templates: templates of other recognisers, stored by a re-embedding.
        crops: stored crops.
        consents: consent records.
        memberships: memberships in dynamic person groups.
        door_events: door events with their name; the events are kept without the name and picture.
        ids: ids of the persons and faces.
    """

    persons: int = 0
    faces: int = 0
    old_templates: int = 0
    crops: int = 0
    consents: int = 0
    memberships: int = 0
    door_events: int = 0
    ids: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return the numbers."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "ids"}


@dataclass(frozen=True, slots=True)
class Rest:
    """Counts of deleted data outside collections.

    Attributes:
        detected_faces: short-lived faces.
        liveness_sessions: sessions with their attempts.
        session_images: their images.
        negatives: negatives that show the person (`mien.gallery.negatives`).
        ids: ids of the faces, sessions and negatives.
    """

    detected_faces: int
    liveness_sessions: int
    session_images: int
    negatives: int
    ids: list[str]

    def counts(self) -> dict[str, int]:
        """Return the numbers."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "ids"}


def lock_home(session: Session, uid: UUID) -> CollectionRow | None:
    """Lock a collection in a writing session; None if it no longer exists.

    Raises:
        TrainingNotFinishedError: it is being trained.
    """
    row = session.scalar(select(CollectionRow).where(CollectionRow.uid == uid).with_for_update())
    if row is not None and row.training_status in BUSY:
        raise TrainingNotFinishedError(ref_of(row))
    return row


def remove_members(session: Session, row: CollectionRow, members: Sequence[UUID], now: datetime) -> Removed:
    """Delete persons, or faces of a list; ignores those already deleted.

    Args:
        session: the writing session.
        row: the locked collection that has the persons, or the faces of the list.
        members: their ids.
        now: the time.
    """
    done = Removed()
    of_directory = row.kind == Kind.DIRECTORY.value
    lying_in = face_collections(session, lock=True) if of_directory else [row]
    for member in members:
        person = session.scalar(
            select(PersonRow).where(PersonRow.collection == row.uid, PersonRow.person_id == member).with_for_update()
        )
        found = [_count(session, one.uid, PersistedFaceRow.person_id == member, done) for one in lying_in]
        whose = or_(ConsentRow.person_id == member, ConsentRow.face_id == member)
        done.consents += _number(session, select(func.count()).where(ConsentRow.collection == row.uid, whose))
        if person is None:  # of a list, or already deleted
            if any(found):
                remove_faces_of(session, row, member, now)
            continue
        done.persons += 1
        done.ids.append(str(member))
        done.door_events += forget_person(session, row.uid, member)
        if of_directory:
            for collection in lying_in:
                remove_faces_of(session, collection, member, now)
            theirs = delete(DynamicGroupMemberRow).where(DynamicGroupMemberRow.person_id == member)
            done.memberships += len(session.scalars(theirs.returning(DynamicGroupMemberRow.group_id)).all())
            session.delete(person)
            row.persons -= 1
        else:
            remove_person(session, row, person, now)
        session.flush()
    return done


def remove_faces(
    session: Session, home: CollectionRow, collection: CollectionRow, faces: Sequence[UUID], now: datetime
) -> Removed:
    """Delete some faces; keeps the persons, even without faces.

    Args:
        session: the writing session.
        home: the locked collection of the persons.
        collection: the locked collection of the faces, which differs from `home` only in directories.
        faces: their ids.
        now: the time.
    """
    done = Removed()
    for face_id in faces:
        face = session.scalar(
            select(PersistedFaceRow).where(
                PersistedFaceRow.collection == collection.uid, PersistedFaceRow.face_id == face_id
            )
        )
        if face is None:
            continue
        _count(session, collection.uid, PersistedFaceRow.face_id == face_id, done)
        consents = select(func.count()).where(ConsentRow.collection == collection.uid, ConsentRow.face_id == face_id)
        done.consents += _number(session, consents)
        person = session.scalar(
            select(PersonRow).where(PersonRow.collection == home.uid, PersonRow.person_id == face.person_id)
        )
        if person is not None:
            person.faces -= 1
        remove_face(session, collection, face, now)
        session.flush()
    return done


def _count(session: Session, collection: UUID, condition: ColumnElement[bool], done: Removed) -> int:
    """Add the faces that match a condition, and their data, to the counts; return the number of faces."""
    query = select(PersistedFaceRow.face_id).where(PersistedFaceRow.collection == collection, condition)
    faces = session.scalars(query).all()
    done.faces += len(faces)
    done.ids += map(str, faces)
    crops = select(func.count()).where(CropRow.collection == collection, CropRow.face_id.in_(faces))
    others = select(func.count()).where(OtherTemplateRow.collection == collection, OtherTemplateRow.face_id.in_(faces))
    done.crops += _number(session, crops)
    done.old_templates += _number(session, others)
    return len(faces)


def _number(session: Session, query: object) -> int:
    return session.scalar(query) or 0  # type: ignore[call-overload]  # a count
