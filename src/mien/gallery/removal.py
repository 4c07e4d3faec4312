"""Deletion of persons and faces: deletes the rows and records the removal for trained indexes and caches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from mien.gallery.correction_records import forget_corrections
from mien.storage.tables import CollectionRow, CropRow, DuplicateRow, PersistedFaceRow, PersonRow, RemovalRow


def remove_person(session: Session, row: CollectionRow, person: PersonRow, now: datetime) -> None:
    """Delete a person with all faces, in a writing session that has locked the collection."""
    if not remove_faces_of(session, row, person.person_id, now) and row.snapshot is not None:
        # The trained index may contain faces of this person that were deleted since.
        note_removal(session, row, person.person_id, None, now)
    forget_corrections(session, row.uid, person.person_id)
    session.delete(person)
    row.persons -= 1


def remove_faces_of(session: Session, row: CollectionRow, person_id: UUID, now: datetime) -> int:
    """Delete a person's faces, in a writing session that has locked the collection.

    Returns:
        The number of deleted faces.
    """
    faces = (PersistedFaceRow.collection == row.uid, PersistedFaceRow.person_id == person_id)
    ids = session.scalars(select(PersistedFaceRow.face_id).where(*faces)).all()
    if ids:
        _forget_duplicates(session, row.uid, ids)
        session.execute(delete(CropRow).where(CropRow.collection == row.uid, CropRow.face_id.in_(ids)))
        session.execute(delete(PersistedFaceRow).where(*faces))
        row.faces -= len(ids)
        note_removal(session, row, person_id, None, now)
    return len(ids)


def remove_face(session: Session, row: CollectionRow, face: PersistedFaceRow, now: datetime) -> None:
    """Delete a face, in a writing session that has locked the collection."""
    _forget_duplicates(session, row.uid, [face.face_id])
    session.delete(face)
    row.faces -= 1
    note_removal(session, row, face.person_id, None if face.person_id == face.face_id else face.face_id, now)


def forget_pairs(session: Session, collection: UUID, faces: Sequence[UUID], others: Sequence[UUID]) -> None:
    """Delete the suspected duplicates between two sets of faces."""
    one, other = DuplicateRow.face_id, DuplicateRow.other_face_id
    across = or_(and_(one.in_(faces), other.in_(others)), and_(one.in_(others), other.in_(faces)))
    session.execute(delete(DuplicateRow).where(DuplicateRow.collection == collection, across))


def note_removal(session: Session, row: CollectionRow, person_id: UUID, face_id: UUID | None, now: datetime) -> None:
    """Record that a face (None: all of a person's) must be removed from trained indexes and caches."""
    row.revision += 1
    row.training_action_at = now
    session.add(
        RemovalRow(
            resource_id=row.resource_id,
            collection=row.uid,
            person_id=person_id,
            face_id=face_id,
            revision=row.revision,
            removed_at=now,
        )
    )


def _forget_duplicates(session: Session, collection: UUID, ids: Sequence[UUID]) -> None:
    either = or_(DuplicateRow.face_id.in_(ids), DuplicateRow.other_face_id.in_(ids))
    session.execute(delete(DuplicateRow).where(DuplicateRow.collection == collection, either))
