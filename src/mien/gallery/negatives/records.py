"""Rows of negatives: conversion for lists, and deletion with old templates."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from mien.gallery.kinds import Kind, place_name
from mien.gallery.negatives.types import Negative
from mien.gallery.policy import policy_of
from mien.storage.tables import CollectionRow, PersonNegativeRow, PersonRow


def listed(session: Session, row: PersonNegativeRow) -> Negative:
    """Convert a row to a `Negative`."""
    home = session.scalar(select(CollectionRow).where(CollectionRow.uid == row.collection))
    person = session.scalar(
        select(PersonRow).where(PersonRow.collection == row.collection, PersonRow.person_id == row.person_id)
    )
    assert home is not None
    of_directory = home.kind == Kind.DIRECTORY.value
    same = select(CollectionRow.uid).where(CollectionRow.fingerprint == row.fingerprint)
    same = same.where(CollectionRow.kind == home.kind if of_directory else CollectionRow.uid == home.uid)
    counts = session.scalars(same.limit(1)).first() is not None and policy_of(session, home).negatives
    return Negative(
        row.negative_id,
        place_name(home.kind, home.collection_id),
        str(row.person_id),
        "" if person is None else person.name,
        row.fingerprint,
        row.confidence,
        row.origin,
        row.created_by,
        row.created_at,
        counts,
    )


def drop_old(session: Session, collection: UUID) -> int:
    """Delete a collection's negatives of other recognisers, together with a re-embedding's old templates."""
    now = select(CollectionRow.fingerprint).where(CollectionRow.uid == collection).scalar_subquery()
    old = delete(PersonNegativeRow).where(
        PersonNegativeRow.collection == collection, PersonNegativeRow.fingerprint != now
    )
    return len(session.scalars(old.returning(PersonNegativeRow.negative_id)).all())
