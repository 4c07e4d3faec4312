"""Suspected duplicates: a photo enrolled twice, a person enrolled under two ids. Reported, never refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.gallery.duplicate_check import COMPARED_FACES, DuplicateCheck
from mien.gallery.kinds import CollectionRef, Kind, parse_id
from mien.gallery.rows import Rows
from mien.gallery.types import Duplicate, DuplicateKind
from mien.matching import Calibration
from mien.matching.open_set import similarity_for_gallery
from mien.matching.similarity import SAME_IMAGE
from mien.storage.tables import CollectionRow, DuplicateRow, PersistedFaceRow

_REPORTED: Final = 10
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Suspect:
    """An enrolled face that looks like the new one."""

    kind: DuplicateKind
    face_id: UUID
    person_id: UUID
    confidence: float


def same_photo(session: Session, collection: UUID, photo: bytes) -> list[Suspect]:
    """Return the faces that were enrolled from the same region of the same image file."""
    query = select(PersistedFaceRow.face_id, PersistedFaceRow.person_id)
    query = query.where(PersistedFaceRow.collection == collection, PersistedFaceRow.photo == photo).limit(_REPORTED)
    return [Suspect(DuplicateKind.SAME_PHOTO, face, person, 1.0) for face, person in session.execute(query)]


def look_alikes(
    duplicate_check: DuplicateCheck,
    session: Session,
    row: CollectionRow,
    template: NDArray[np.float32],
    *,
    person_id: UUID | None,
    calibration: Calibration | None,
) -> list[Suspect]:
    """Return enrolled faces that may be of the same person as a new face, in collections that are small enough.

    Args:
        duplicate_check: the templates of small collections.
        session: the session that read `row`.
        row: the collection.
        template: template of the new face.
        person_id: id of the person to enrol; None in face lists, where only the same picture counts.
        calibration: calibration of the recogniser; without one only the same picture counts.
    """
    if not 0 < row.faces <= COMPARED_FACES:
        return []
    alike = alike_from(calibration if person_id is not None else None, row.faces)
    similar = duplicate_check.most_like(session, row, template, alike)
    return suspects_among(similar, person_id=person_id, calibration=calibration)


def alike_from(calibration: Calibration | None, faces: int) -> float:
    """Return the similarity from which two faces of a collection may be of one person.

    Args:
        calibration: calibration of the recogniser; None if only the same picture counts.
        faces: number of compared faces, >= 1.
    """
    return min(SAME_IMAGE, similarity_for_gallery(calibration, faces)) if calibration is not None else SAME_IMAGE


def suspects_among(
    similar: Iterable[tuple[UUID, UUID, float]], *, person_id: UUID | None, calibration: Calibration | None
) -> list[Suspect]:
    """Return the suspects among faces similar to a new one.

    Args:
        similar: person, face and similarity, the most similar first.
        person_id: id of the person to enrol.
        calibration: calibration of the recogniser.
    """
    found: dict[UUID, Suspect] = {}  # the most similar face of each person, which comes first
    for person, face, similarity in similar:
        confidence = float(calibration.confidence(similarity)) if calibration else 1.0
        if similarity >= SAME_IMAGE:
            found.setdefault(person, Suspect(DuplicateKind.SAME_PHOTO, face, person, confidence))
        elif person != person_id:
            found.setdefault(person, Suspect(DuplicateKind.SAME_PERSON, face, person, confidence))
    return list(found.values())[:_REPORTED]


def record(
    session: Session,
    row: CollectionRow,
    face: tuple[UUID, UUID],
    suspects: Sequence[Suspect],
    now: datetime,
    *,
    quiet: bool = False,
) -> tuple[Duplicate, ...]:
    """Store and log suspected duplicates.

    Args:
        session: writing session that has locked the collection.
        row: the collection.
        face: person and face id of the new face.
        suspects: the likely duplicates.
        now: the time.
        quiet: do not log; the caller does.
    """
    by_face: dict[UUID, Suspect] = {}
    for suspect in suspects:
        by_face.setdefault(suspect.face_id, suspect)
    person_id, face_id = face
    found = []
    for suspect in by_face.values():
        session.add(
            DuplicateRow(
                resource_id=row.resource_id,
                collection=row.uid,
                face_id=face_id,
                other_face_id=suspect.face_id,
                kind=suspect.kind.value,
                confidence=suspect.confidence,
                found_at=now,
                dismissed_at=None,
            )
        )
        persons = (person_id, suspect.person_id) if Kind(row.kind).has_persons else (None, None)
        found.append(_duplicate(suspect.kind, (face_id, suspect.face_id), persons, suspect.confidence, now))
        if quiet:
            continue
        _log.warning("likely duplicate enrolled", collection=row.collection_id, collection_kind=row.kind,
                     why=suspect.kind.value, face=str(face_id), other=str(suspect.face_id))  # fmt: skip
    return tuple(found)


class Duplicates:
    """Lists and dismisses suspected duplicates.

    Args:
        rows: opens sessions on collections.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def found(self, ref: CollectionRef) -> list[Duplicate]:
        """Return the suspected duplicates that are still enrolled and not dismissed, oldest first.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        with self._rows.reading(ref) as (session, row):
            rows = session.scalars(
                select(DuplicateRow)
                .where(DuplicateRow.collection == row.uid, DuplicateRow.dismissed_at.is_(None))
                .order_by(DuplicateRow.found_at)
            ).all()
            ids = {face for one in rows for face in (one.face_id, one.other_face_id)}
            owners = _owners(session, row.uid, list(ids)) if ref.kind.has_persons else {}
            return [
                _duplicate(
                    DuplicateKind(one.kind),
                    (one.face_id, one.other_face_id),
                    (owners.get(one.face_id), owners.get(one.other_face_id)),
                    one.confidence,
                    one.found_at,
                )
                for one in rows
            ]

    def dismiss(self, ref: CollectionRef, face_id: str, other_face_id: str) -> bool:
        """Record that two faces are not duplicates: they are no longer listed, nor suspected again by a training.

        Returns:
            Whether they were suspected duplicates.

        Raises:
            CollectionNotFoundError: there is no such collection.
            ConflictError: others kept it locked for too long.
        """
        faces = [parse_id(one) for one in (face_id, other_face_id)]
        with self._rows.writing(ref, while_training=True) as (session, row):
            pair = (DuplicateRow.face_id.in_(faces), DuplicateRow.other_face_id.in_(faces))
            found = session.scalars(select(DuplicateRow).where(DuplicateRow.collection == row.uid, *pair)).all()
            for one in found:
                one.dismissed_at = one.dismissed_at or self._rows.clock.now()
        return bool(found)


def _owners(session: Session, collection: UUID, faces: list[UUID]) -> dict[UUID, UUID]:
    found: dict[UUID, UUID] = {}
    for start in range(0, len(faces), 500):
        query = select(PersistedFaceRow.face_id, PersistedFaceRow.person_id).where(
            PersistedFaceRow.collection == collection, PersistedFaceRow.face_id.in_(faces[start : start + 500])
        )
        found.update((face, person) for face, person in session.execute(query))
    return found


def _duplicate(
    kind: DuplicateKind,
    faces: tuple[UUID, UUID],
    persons: tuple[UUID | None, UUID | None],
    confidence: float,
    found_at: datetime,
) -> Duplicate:
    whose, other = (str(person) if person else None for person in persons)
    return Duplicate(kind, str(faces[0]), whose, str(faces[1]), other, round(confidence, 5), found_at)
