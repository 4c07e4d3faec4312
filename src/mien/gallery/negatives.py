"""Negatives: faces that people said are not a person, kept so that the person matches faces like those more strictly.

A negative is the template of one face, sealed like an enrolled one. It belongs to a person and goes with them; whoever
the face shows can be found and erased like anybody who is enrolled. It counts only with the recogniser that made it:
after a change to another model it does nothing until the change is undone, and is deleted when the old templates are.

Policies ask for negatives (`EnrolmentPolicy.negatives`); without, none is kept and none is looked up: a resource that
has none costs one query every `KNOWN_FOR`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from mien.events import AuditLog
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.enrolment import choose
from mien.gallery.errors import (
    FaceNotFoundError,
    FingerprintMismatchError,
    GalleryError,
    NegativeNotFoundError,
    NegativesOffError,
    NoFaceError,
    PersonNotFoundError,
    TooManyNegativesError,
)
from mien.gallery.identification import confidence
from mien.gallery.kinds import CollectionRef, Kind, parse_id, persons_ref, place_name
from mien.gallery.policy import policy_of
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.rows import Rows
from mien.gallery.templates import SealedFace, Templates
from mien.matching import person_scores
from mien.storage import Vault
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonNegativeRow, PersonRow
from mien.vision.errors import VisionError
from mien.vision.ports import Engine
from mien.vision.types import Embedding, Want

MOST: Final = 20
"""Negatives of one person."""
KNOWN_FOR: Final = timedelta(seconds=10)
"""How long a resource's negatives are remembered: other processes follow a change after that."""

NONE: Final[Mapping[UUID, NDArray[np.float32]]] = {}

_ALIKE: Final = 0.999
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Negative:
    """A negative as it is listed.

    Attributes:
        id: names it.
        collection: KIND/ID of the person's collection; `directory` for the person directory.
        person_id: whose it is.
        name: the person's.
        fingerprint: of the recogniser that made the template.
        confidence: what the face reached as the person when it was added.
        origin: who told so: `review:CASE`, `event:NUMBER`, `photo` or `face`.
        created_by: who added it.
        created_at: when.
        in_use: whether it counts: the collection is still of its recogniser, and the policy keeps negatives.
    """

    id: UUID
    collection: str
    person_id: str
    name: str
    fingerprint: str
    confidence: float
    origin: str
    created_by: str
    created_at: datetime
    in_use: bool


@dataclass(frozen=True, slots=True)
class _Known:
    at: datetime
    templates: Mapping[tuple[UUID, str], Mapping[UUID, NDArray[np.float32]]]


class Negatives:
    """The negatives of all resources.

    Args:
        rows: opens sessions.
        vault: seals templates.
        templates: opens those of enrolled faces.
        recognisers: what the labels stand for.
        engine: analyses photos.
        faces: the short-lived faces.
        audit: is told of each that is added or removed.
    """

    def __init__(
        self,
        rows: Rows,
        vault: Vault,
        templates: Templates,
        recognisers: Recognisers,
        *,
        engine: Engine,
        faces: DetectedFaces,
        audit: AuditLog,
    ) -> None:
        self._rows = rows
        self._vault = vault
        self._templates = templates
        self._recognisers = recognisers
        self._engine = engine
        self._faces = faces
        self._audit = audit
        self._known: dict[UUID, _Known] = {}

    # Use

    def of(self, row: CollectionRow, fingerprint: str) -> Mapping[UUID, NDArray[np.float32]]:
        """Return the negatives of a collection's persons, by person, that count with a recogniser."""
        known = self._known.get(row.resource_id)
        now = self._rows.clock.now()
        if known is None or now - known.at >= KNOWN_FOR:
            known = self._known[row.resource_id] = _Known(now, self._read(row.resource_id))
        if not known.templates:
            return NONE
        return known.templates.get((_place(row), fingerprint), NONE)

    def _read(self, resource_id: UUID) -> dict[tuple[UUID, str], dict[UUID, NDArray[np.float32]]]:
        found: dict[tuple[UUID, str], dict[UUID, list[NDArray[np.float32]]]] = {}
        with self._rows.database.read(resource_id) as session:
            homes: dict[UUID, CollectionRow | None] = {}
            for one in session.scalars(select(PersonNegativeRow)):
                if one.collection not in homes:
                    home = session.scalar(select(CollectionRow).where(CollectionRow.uid == one.collection))
                    homes[one.collection] = home if home is not None and policy_of(session, home).negatives else None
                row = homes[one.collection]
                if row is not None:
                    of_person = found.setdefault((_place(row), one.fingerprint), {}).setdefault(one.person_id, [])
                    of_person.append(self.template(one))
        return {place: {person: np.stack(some) for person, some in people.items()} for place, people in found.items()}

    # Keep

    def add(
        self,
        ref: CollectionRef,
        person_id: str,
        *,
        photo: bytes | None = None,
        face_id: str | None = None,
        origin: str | None = None,
        actor: str,
    ) -> Negative:
        """Keep a face that is not a person.

        Args:
            ref: the person's group; any of kind directory means the person directory.
            person_id: who it is not.
            photo: an image file with the face alone.
            face_id: a face that detect remembers, instead of a photo.
            origin: who told so.
            actor: who adds it.

        Raises:
            CollectionNotFoundError, PersonNotFoundError: there is no such person.
            NegativesOffError: the policy keeps none.
            TooManyNegativesError: the person has as many as there may be.
            FaceNotFoundError: the face is unknown or has expired.
            FingerprintMismatchError: the face was made by another recogniser than the collection's.
            NoFaceError, SeveralFacesError, ImageError: the photo is of no use.
        """
        row, parsed = self._find(ref, person_id)
        recogniser = self._recogniser(row, face_id)
        embedding = self._embedding(row, recogniser, photo, face_id)
        return self._keep(
            row, parsed, recogniser, embedding, origin=origin or ("face" if face_id else "photo"), actor=actor
        )

    def learn(
        self,
        resource_id: UUID,
        collection: UUID,
        persons: Iterable[UUID],
        *,
        photo: bytes | None = None,
        face_id: str | None = None,
        origin: str,
        actor: str,
    ) -> list[UUID]:
        """Keep a face for persons whom people said that it is not, where the policy asks for that.

        What cannot be kept is logged and left out: the answer that people gave stands in any case.

        Returns:
            The negatives that were added.
        """
        added = []
        with self._rows.database.read(resource_id) as session:
            row = session.scalar(select(CollectionRow).where(CollectionRow.uid == collection))
            if row is None or not policy_of(session, row).negatives:
                return []
        alive = face_id is not None and self._faces.get(resource_id, face_id) is not None
        if photo is None and not alive:
            return []
        for person in persons:
            try:
                recogniser = self._recogniser(row, face_id if alive else None)
                embedding = self._embedding(row, recogniser, None if alive else photo, face_id if alive else None)
                added.append(self._keep(row, person, recogniser, embedding, origin=origin, actor=actor).id)
            except (GalleryError, VisionError) as error:
                _log.warning("a negative was not kept", origin=origin, reason=str(error))
        return added

    def _find(self, ref: CollectionRef, person_id: str) -> tuple[CollectionRow, UUID]:
        home = persons_ref(ref.resource_id) if ref.kind is Kind.DIRECTORY else ref
        parsed = parse_id(person_id)
        with self._rows.reading(home) as (session, row):
            known = select(PersonRow.person_id).where(PersonRow.collection == row.uid, PersonRow.person_id == parsed)
            if parsed is None or session.scalar(known) is None:
                raise PersonNotFoundError(ref.kind, person_id)
            if not policy_of(session, row).negatives:
                raise NegativesOffError
        return row, parsed

    def _recogniser(self, row: CollectionRow, face_id: str | None) -> Recogniser:
        label = row.recognition_model
        if row.kind == Kind.DIRECTORY.value:  # its persons have faces of several models
            face = None if face_id is None else self._faces.get(row.resource_id, face_id)
            label = face.recognition_model if face is not None else self._newest(row)
        return self._recognisers[label]

    def _newest(self, row: CollectionRow) -> str:
        """Return the newest recognition model that the directory has faces of."""
        with self._rows.database.read(row.resource_id) as session:
            labels = select(func.max(CollectionRow.recognition_model)).where(
                CollectionRow.kind == Kind.DIRECTORY.value, CollectionRow.faces > 0
            )
            return session.scalar(labels) or row.recognition_model

    def _embedding(
        self, row: CollectionRow, recogniser: Recogniser, photo: bytes | None, face_id: str | None
    ) -> Embedding:
        if face_id is not None:
            face = self._faces.get(row.resource_id, face_id)
            if face is None:
                raise FaceNotFoundError(face_id)
            embedding: Embedding | None = face.embedding
        else:
            if photo is None:
                raise NoFaceError("give a photo or a faceId")
            embedding = choose(self._engine.analyze(photo, Want(recogniser=recogniser.pack)), None).embedding
        if embedding is None or not embedding.readable:
            raise NoFaceError("the face cannot be told well enough to keep it; take a sharper, upright photo")
        if embedding.fingerprint != recogniser.fingerprint:
            raise FingerprintMismatchError(recogniser.label)
        return embedding

    def _keep(
        self,
        row: CollectionRow,
        person: UUID,
        recogniser: Recogniser,
        embedding: Embedding,
        *,
        origin: str,
        actor: str,
    ) -> Negative:
        negative_id, now = uuid4(), self._rows.clock.now()
        plain = np.ascontiguousarray(embedding.vector, dtype="<f4").tobytes()
        sealed = self._vault.seal(plain, resource_id=row.resource_id, what=_what(negative_id))
        with self._rows.database.write(row.resource_id) as session:
            of_person = (PersonNegativeRow.collection == row.uid, PersonNegativeRow.person_id == person)
            held = session.scalars(select(PersonNegativeRow).where(*of_person)).all()
            for one in held:
                if one.fingerprint == embedding.fingerprint and self.template(one) @ embedding.vector >= _ALIKE:
                    return _seen(session, one)
            if len(held) >= MOST:
                raise TooManyNegativesError(MOST)
            made = PersonNegativeRow(
                resource_id=row.resource_id,
                negative_id=negative_id,
                collection=row.uid,
                person_id=person,
                fingerprint=embedding.fingerprint,
                sealed=sealed,
                confidence=self._alike(session, row, person, recogniser, embedding),
                origin=origin[:80],
                created_by=actor[:200],
                created_at=now,
            )
            session.add(made)
            session.flush()
            seen = _seen(session, made)
            said = {"negative": str(negative_id), "person": str(person), "origin": made.origin}
            self._audit.record_in(
                session, actor=actor, action="negative.add", resource_id=row.resource_id, details=said
            )
        self.reread(row.resource_id)
        return seen

    def _alike(
        self, session: Session, row: CollectionRow, person: UUID, recogniser: Recogniser, embedding: Embedding
    ) -> float:
        """Return the confidence that the face reaches as the person."""
        face = PersistedFaceRow
        faces = select(face.collection, face.person_id, face.face_id, face.sealed)
        faces = faces.join(CollectionRow, CollectionRow.uid == face.collection)
        faces = faces.where(
            PersistedFaceRow.person_id == person,
            CollectionRow.fingerprint == embedding.fingerprint,
            func.length(PersistedFaceRow.sealed) > 0,
        )
        if row.kind != Kind.DIRECTORY.value:
            faces = faces.where(PersistedFaceRow.collection == row.uid)
        found = session.execute(faces).all()
        if not found:
            return 0.0
        vectors = [
            self._templates.faces(row.resource_id, one.collection, [SealedFace(one.person_id, one.face_id, one.sealed)])
            for one in found
        ]
        enrolled = np.concatenate([one.templates for one in vectors])
        return confidence(recogniser.calibration, float(person_scores(embedding.vector[None], enrolled)[0]))

    def all(self, resource_id: UUID, *, person_id: UUID | None = None) -> Sequence[Negative]:
        """Return the negatives of a resource, or of a person, oldest first."""
        query = select(PersonNegativeRow).order_by(PersonNegativeRow.created_at, PersonNegativeRow.negative_id)
        if person_id is not None:
            query = query.where(PersonNegativeRow.person_id == person_id)
        with self._rows.database.read(resource_id) as session:
            return [_seen(session, one) for one in session.scalars(query)]

    def remove(self, resource_id: UUID, negative_id: UUID, *, actor: str) -> None:
        """Delete a negative: the person matches as before.

        Raises:
            NegativeNotFoundError: there is none.
        """
        with self._rows.database.write(resource_id) as session:
            row = session.scalar(select(PersonNegativeRow).where(PersonNegativeRow.negative_id == negative_id))
            if row is None:
                raise NegativeNotFoundError(negative_id)
            said = {"negative": str(negative_id), "person": str(row.person_id), "origin": row.origin}
            session.delete(row)
            session.flush()
            self._audit.record_in(session, actor=actor, action="negative.remove", resource_id=resource_id, details=said)
        self.reread(resource_id)

    # Rights of whoever a negative shows

    def every(self, resource_id: UUID) -> Iterator[tuple[Negative, NDArray[np.float32]]]:
        """Yield all negatives of a resource with their templates."""
        with self._rows.database.read(resource_id) as session:
            for one in session.scalars(select(PersonNegativeRow)):
                yield _seen(session, one), self.template(one)

    def forget(self, session: Session, negative_ids: Sequence[UUID]) -> list[UUID]:
        """Delete negatives in a writing session of their resource; returns those that were there."""
        if not negative_ids:
            return []
        gone = delete(PersonNegativeRow).where(PersonNegativeRow.negative_id.in_(negative_ids))
        self._known.clear()
        return list(session.scalars(gone.returning(PersonNegativeRow.negative_id)))

    def reread(self, resource_id: UUID) -> None:
        """Read a resource's negatives from the database with the next use, after somebody else changed them."""
        self._known.pop(resource_id, None)

    def template(self, row: PersonNegativeRow) -> NDArray[np.float32]:
        """Return the template of a negative, unit float32 (d,)."""
        plain = self._vault.open(row.sealed, resource_id=row.resource_id, what=_what(row.negative_id))
        return np.frombuffer(plain, dtype="<f4").astype(np.float32, copy=False)


def drop_old(session: Session, collection: UUID) -> int:
    """Delete the negatives of a collection that another recogniser made; with a migration's old templates."""
    now = select(CollectionRow.fingerprint).where(CollectionRow.uid == collection).scalar_subquery()
    old = delete(PersonNegativeRow).where(
        PersonNegativeRow.collection == collection, PersonNegativeRow.fingerprint != now
    )
    return len(session.scalars(old.returning(PersonNegativeRow.negative_id)).all())


def _place(row: CollectionRow) -> UUID:
    """A directory's faces lie in collections apart from its persons: all are one place."""
    return row.resource_id if row.kind == Kind.DIRECTORY.value else row.uid


def _seen(session: Session, row: PersonNegativeRow) -> Negative:
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


def _what(negative_id: UUID) -> str:
    return f"person_negatives/{negative_id}"
