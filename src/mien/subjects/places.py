"""Lookup of the collection of a person by its public reference."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.gallery.errors import CollectionNotFoundError, PersistedFaceNotFoundError, PersonNotFoundError
from mien.gallery.kinds import COLLECTION_ID, CollectionRef, Kind, parse_id, persons_ref
from mien.gallery.rows import find_collection
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonRow


def home_of(ref: CollectionRef) -> CollectionRef:
    """Return the collection of the persons' rows; a directory has a separate one for its persons."""
    return persons_ref(ref.resource_id) if ref.kind is Kind.DIRECTORY else ref


def find_home(session: Session, ref: CollectionRef) -> CollectionRow:
    """Return the row of the collection that contains the persons, or the faces of a list.

    Raises:
        CollectionNotFoundError: there is no such collection.
    """
    row = find_collection(session, home_of(ref)) if COLLECTION_ID.fullmatch(ref.collection_id) else None
    if row is None:
        raise CollectionNotFoundError(ref)
    return row


def find_member(session: Session, ref: CollectionRef, member_id: str) -> tuple[CollectionRow, UUID]:
    """Return the collection and the id of a person, or of a face of a face list.

    Raises:
        CollectionNotFoundError: there is no such collection.
        PersonNotFoundError: there is no such person in it.
        PersistedFaceNotFoundError: there is no such face in the list.
    """
    row = find_home(session, ref)
    parsed = parse_id(member_id)
    if ref.kind.has_persons:
        query = select(PersonRow.person_id).where(PersonRow.collection == row.uid, PersonRow.person_id == parsed)
        if parsed is None or session.scalar(query) is None:
            raise PersonNotFoundError(ref.kind, member_id)
    else:
        face = PersistedFaceRow.face_id
        query = select(face).where(PersistedFaceRow.collection == row.uid, face == parsed)
        if parsed is None or session.scalar(query) is None:
            raise PersistedFaceNotFoundError(ref.kind, member_id)
    return row, parsed
