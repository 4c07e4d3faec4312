"""Adds, lists and deletes negatives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from uuid import UUID, uuid4

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from mien.events import AuditLog
from mien.gallery.errors import (
    GalleryError,
    NegativeNotFoundError,
    NegativesOffError,
    PersonNotFoundError,
    TooManyNegativesError,
)
from mien.gallery.identification import confidence
from mien.gallery.kinds import CollectionRef, Kind, parse_id, persons_ref
from mien.gallery.negatives.lookup import NegativeLookup
from mien.gallery.negatives.photos import NegativePhotos
from mien.gallery.negatives.records import listed
from mien.gallery.negatives.sealing import NegativeTemplates
from mien.gallery.negatives.types import Negative
from mien.gallery.policy import policy_of
from mien.gallery.recognisers import Recogniser
from mien.gallery.rows import Rows
from mien.gallery.templates import SealedFace, Templates
from mien.matching import person_scores
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonNegativeRow, PersonRow
from mien.vision.errors import VisionError
from mien.vision.types import Embedding

MOST: Final = 20
"""Most negatives of one person."""

_ALIKE: Final = 0.999
_log = structlog.get_logger(__name__)


class Negatives:
    """The negatives of all resources.

    Args:
        rows: opens sessions.
        templates: decrypts templates of enrolled faces.
        sealed: encrypts and decrypts templates of negatives.
        lookup: notified of each change.
        photos: reads the faces to store.
        audit: the audit log.
    """

    def __init__(
        self,
        rows: Rows,
        templates: Templates,
        sealed: NegativeTemplates,
        *,
        lookup: NegativeLookup,
        photos: NegativePhotos,
        audit: AuditLog,
    ) -> None:
        self._rows = rows
        self._templates = templates
        self._sealed = sealed
        self._lookup = lookup
        self._photos = photos
        self._audit = audit

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
        """Store a face as a negative of a person.

        Args:
            ref: the person's group; any reference of kind directory means the person directory.
            person_id: the person whom the face does not show.
            photo: an image file with one face.
            face_id: a short-lived face id, instead of a photo.
            origin: source of the information; see `Negative.origin`.
            actor: name of the actor.

        Raises:
            CollectionNotFoundError, PersonNotFoundError: there is no such person.
            NegativesOffError: the policy does not allow negatives.
            TooManyNegativesError: the person has `MOST` negatives.
            FaceNotFoundError: the face is unknown or has expired.
            FingerprintMismatchError: the face's template is of another recogniser than the collection's.
            NoFaceError, SeveralFacesError, ImageError: the photo cannot be used.
        """
        row, parsed = self._find(ref, person_id)
        recogniser = self._photos.recogniser(row, face_id)
        embedding = self._photos.embedding(row, recogniser, photo, face_id)
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
        """Store a face as a negative of persons, after people answered that it is not them, if the policy allows.

        Failures are logged, not raised: the people's answer is valid in any case.

        Returns:
            The ids of the added negatives.
        """
        added = []
        with self._rows.database.read(resource_id) as session:
            row = session.scalar(select(CollectionRow).where(CollectionRow.uid == collection))
            if row is None or not policy_of(session, row).negatives:
                return []
        alive = self._photos.remembered(resource_id, face_id)
        if photo is None and not alive:
            return []
        for person in persons:
            try:
                recogniser = self._photos.recogniser(row, face_id if alive else None)
                embedding = self._photos.embedding(
                    row, recogniser, None if alive else photo, face_id if alive else None
                )
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
        sealed = self._sealed.seal(row.resource_id, negative_id, embedding)
        with self._rows.database.write(row.resource_id) as session:
            of_person = (PersonNegativeRow.collection == row.uid, PersonNegativeRow.person_id == person)
            held = session.scalars(select(PersonNegativeRow).where(*of_person)).all()
            for one in held:
                if one.fingerprint == embedding.fingerprint and self._sealed.open(one) @ embedding.vector >= _ALIKE:
                    return listed(session, one)
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
            seen = listed(session, made)
            said = {"negative": str(negative_id), "person": self._audit.mark(str(person)), "origin": made.origin}
            self._audit.record_in(
                session, actor=actor, action="negative.add", resource_id=row.resource_id, details=said
            )
        self._lookup.reread(row.resource_id)
        return seen

    def _alike(
        self, session: Session, row: CollectionRow, person: UUID, recogniser: Recogniser, embedding: Embedding
    ) -> float:
        """Return the face's confidence as the person."""
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
            return [listed(session, one) for one in session.scalars(query)]

    def remove(self, resource_id: UUID, negative_id: UUID, *, actor: str) -> None:
        """Delete a negative; it no longer affects matches.

        Raises:
            NegativeNotFoundError: there is no such negative.
        """
        with self._rows.database.write(resource_id) as session:
            row = session.scalar(select(PersonNegativeRow).where(PersonNegativeRow.negative_id == negative_id))
            if row is None:
                raise NegativeNotFoundError(negative_id)
            mark = self._audit.mark(str(row.person_id))
            said = {"negative": str(negative_id), "person": mark, "origin": row.origin}
            session.delete(row)
            session.flush()
            self._audit.record_in(session, actor=actor, action="negative.remove", resource_id=resource_id, details=said)
        self._lookup.reread(resource_id)

    def every(self, resource_id: UUID) -> Iterator[tuple[Negative, NDArray[np.float32]]]:
        """Yield all negatives of a resource with their templates."""
        with self._rows.database.read(resource_id) as session:
            for one in session.scalars(select(PersonNegativeRow)):
                yield listed(session, one), self._sealed.open(one)

    def forget(self, session: Session, negative_ids: Sequence[UUID]) -> list[UUID]:
        """Delete negatives in a writing session of their resource; returns the ids that existed."""
        if not negative_ids:
            return []
        gone = delete(PersonNegativeRow).where(PersonNegativeRow.negative_id.in_(negative_ids))
        self._lookup.reread_all()
        return list(session.scalars(gone.returning(PersonNegativeRow.negative_id)))
