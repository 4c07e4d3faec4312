"""Database access of re-embedding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from sqlalchemy import Select, Table, and_, delete, func, insert, literal, select, update
from sqlalchemy.orm import Session

from mien.gallery.recognisers import Recogniser
from mien.gallery.templates import SealedFace
from mien.storage.copying import copy_columns
from mien.storage.tables import (
    CollectionRow,
    CropRow,
    ModelMigrationRow,
    OtherTemplateRow,
    PersistedFaceRow,
    RemovalRow,
)

# On the tables, not the mapped classes: one statement moves all rows, and names the resource itself.
_FACES: Final = cast("Table", PersistedFaceRow.__table__)
_OTHERS: Final = cast("Table", OtherTemplateRow.__table__)
_ROWS_AT_ONCE: Final = 2_000
_NONE: Final = b""
"""The template of a face that was left out of a re-embedding."""


def missing(session: Session, collection: UUID, fingerprint: str) -> list[tuple[UUID, UUID, bool]]:
    """Return the faces without a template of a recogniser: (person, face, whether there is a crop), by id."""
    same_face = (OtherTemplateRow.collection == PersistedFaceRow.collection) & (
        OtherTemplateRow.face_id == PersistedFaceRow.face_id
    )
    its_crop = and_(CropRow.collection == PersistedFaceRow.collection, CropRow.face_id == PersistedFaceRow.face_id)
    query = (
        select(PersistedFaceRow.person_id, PersistedFaceRow.face_id, CropRow.face_id.is_not(None))
        .select_from(PersistedFaceRow)
        .outerjoin(OtherTemplateRow, and_(same_face, OtherTemplateRow.fingerprint == fingerprint))
        .outerjoin(CropRow, its_crop)
        .where(PersistedFaceRow.collection == collection, OtherTemplateRow.face_id.is_(None))
        .order_by(PersistedFaceRow.face_id)
    )
    return [(person, face, bool(crop)) for person, face, crop in session.execute(query)]


def crops(session: Session, collection: UUID, faces: Sequence[UUID]) -> list[tuple[UUID, bytes]]:
    """Return the encrypted crops of some faces."""
    query = select(CropRow.face_id, CropRow.sealed)
    query = query.where(CropRow.collection == collection, CropRow.face_id.in_(faces))
    return [(face, sealed) for face, sealed in session.execute(query)]


def lock_existing(session: Session, collection: UUID, faces: Sequence[UUID]) -> set[UUID]:
    """Return the faces that still exist, locked until the end of the transaction."""
    query = select(PersistedFaceRow.face_id)
    query = query.where(PersistedFaceRow.collection == collection, PersistedFaceRow.face_id.in_(faces))
    return set(session.scalars(query.with_for_update(read=True)))


def add_templates(session: Session, row: CollectionRow, fingerprint: str, made: Sequence[tuple[UUID, bytes]]) -> None:
    """Store encrypted templates of another recogniser for existing faces."""
    rows = [
        {
            "resource_id": row.resource_id,
            "collection": row.uid,
            "face_id": face,
            "fingerprint": fingerprint,
            "sealed": sealed,
        }
        for face, sealed in made
    ]
    if rows:
        session.execute(insert(OtherTemplateRow), rows)


def templates_of(session: Session, collection: UUID, fingerprint: str) -> Iterator[SealedFace]:
    """Yield the faces with their templates of another recogniser; iterate while the session is open."""
    query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id, OtherTemplateRow.sealed)
    query = query.join(
        OtherTemplateRow,
        and_(
            OtherTemplateRow.collection == PersistedFaceRow.collection,
            OtherTemplateRow.face_id == PersistedFaceRow.face_id,
        ),
    ).where(PersistedFaceRow.collection == collection, OtherTemplateRow.fingerprint == fingerprint)
    for found in session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
        yield SealedFace(*found)


def swap_templates(session: Session, row: CollectionRow, fingerprint: str) -> None:
    """Replace the templates of a collection with those of another recogniser, and keep the old ones.

    Args:
        session: a session that has locked the collection.
        row: the collection, still with the old fingerprint; its revision is increased.
        fingerprint: fingerprint of the other recogniser.
    """
    connection = session.connection()
    faces = and_(_FACES.c.resource_id == row.resource_id, _FACES.c.collection == row.uid)
    others = and_(_OTHERS.c.resource_id == row.resource_id, _OTHERS.c.collection == row.uid)
    connection.execute(delete(_OTHERS).where(others, _OTHERS.c.fingerprint == row.fingerprint))
    kept = copy_columns(_OTHERS, _FACES, fingerprint=literal(row.fingerprint))
    kept = kept.where(faces, func.length(_FACES.c.sealed) > 0)
    connection.execute(insert(_OTHERS).from_select(list(_OTHERS.c), kept))
    its_other = (
        select(_OTHERS.c.sealed)
        .where(others, _OTHERS.c.face_id == _FACES.c.face_id, _OTHERS.c.fingerprint == fingerprint)
        .scalar_subquery()
    )
    row.revision += 1
    new = func.coalesce(its_other, literal(_NONE))
    connection.execute(update(_FACES).where(faces).values(sealed=new, revision=row.revision))
    connection.execute(delete(_OTHERS).where(others, _OTHERS.c.fingerprint == fingerprint))


def forget_removals(session: Session, row: CollectionRow) -> None:
    """Delete the records of removals, which a new index does not need."""
    session.execute(delete(RemovalRow).where(RemovalRow.collection == row.uid, RemovalRow.revision <= row.revision))


def record_start(session: Session, row: CollectionRow, to: Recogniser, now: datetime) -> None:
    """Record the start of a re-embedding, if not yet recorded."""
    known = session.scalar(_migration(row.uid))
    if known is not None and known.switched_at is None and known.to_fingerprint == to.fingerprint:
        known.to_model = to.label
        return
    if known is not None:
        session.delete(known)
        session.flush()
    session.add(
        ModelMigrationRow(
            resource_id=row.resource_id,
            collection=row.uid,
            from_model=row.recognition_model,
            from_fingerprint=row.fingerprint,
            to_model=to.label,
            to_fingerprint=to.fingerprint,
            started_at=now,
            switched_at=None,
        )
    )


def record_of(session: Session, collection: UUID) -> ModelMigrationRow | None:
    """Return the record of a collection's last re-embedding."""
    return session.scalar(_migration(collection))


def delete_record(session: Session, collection: UUID) -> None:
    """Delete the record of a collection's last re-embedding."""
    session.execute(delete(ModelMigrationRow).where(ModelMigrationRow.collection == collection))


def without_template(session: Session, collection: UUID) -> list[tuple[UUID, UUID]]:
    """Return the faces that a re-embedding left out: (person, face), by face."""
    query = select(PersistedFaceRow.person_id, PersistedFaceRow.face_id)
    query = query.where(PersistedFaceRow.collection == collection, func.length(PersistedFaceRow.sealed) == 0)
    return [(person, face) for person, face in session.execute(query.order_by(PersistedFaceRow.face_id))]


def drop_prepared(session: Session, known: ModelMigrationRow) -> None:
    """Delete the prepared templates of an unfinished re-embedding, except a face's only template."""
    only = select(PersistedFaceRow.face_id).where(
        PersistedFaceRow.collection == known.collection, func.length(PersistedFaceRow.sealed) == 0
    )
    session.execute(
        delete(OtherTemplateRow).where(
            OtherTemplateRow.collection == known.collection,
            OtherTemplateRow.fingerprint == known.to_fingerprint,
            OtherTemplateRow.face_id.not_in(only),
        )
    )
    delete_record(session, known.collection)


def forget(session: Session, collection: UUID) -> int:
    """Delete the templates of other recognisers and the record; returns the number of deleted templates."""
    gone = session.execute(
        delete(OtherTemplateRow).where(OtherTemplateRow.collection == collection).returning(OtherTemplateRow.face_id)
    ).all()
    delete_record(session, collection)
    return len(gone)


def _migration(collection: UUID) -> Select[ModelMigrationRow]:
    return select(ModelMigrationRow).where(ModelMigrationRow.collection == collection)
