"""Enrolled faces: adding them from photos, reading, changing and deleting them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.contract.limits import FACE_USER_DATA_LENGTH
from mien.gallery.checks import check_page, check_user_data, comes_after
from mien.gallery.duplicate_check import DuplicateCheck
from mien.gallery.enrolment import enrol
from mien.gallery.errors import (
    PersistedFaceNotFoundError,
    Quota,
    QuotaExceededError,
    TrainingNotFinishedError,
)
from mien.gallery.insertion import Insertion, NewFace, check_fingerprint
from mien.gallery.kinds import CollectionRef, parse_id
from mien.gallery.persons import find_person
from mien.gallery.policy import policy_of
from mien.gallery.recognisers import Recognisers
from mien.gallery.removal import remove_face
from mien.gallery.rows import BUSY, Rows
from mien.gallery.types import AddedFace, EnrolledFace, PersistedFace, TargetFace
from mien.storage import Vault
from mien.storage.tables import CollectionRow, CropRow, PersistedFaceRow
from mien.vision.ports import Engine
from mien.vision.types import OperatingPoint

SOURCE_LENGTH: Final = 200
"""Stored characters of a file's name."""
_LISTED: Final = 500


class PersistedFaces:
    """The enrolled faces of face lists and persons.

    Args:
        rows: opens sessions on collections.
        engine: analyses photos.
        recognisers: bindings of the recognition models.
        vault: encrypts stored data.
        duplicate_check: the templates of small collections, for finding duplicates.
    """

    def __init__(
        self, rows: Rows, engine: Engine, recognisers: Recognisers, vault: Vault, duplicate_check: DuplicateCheck
    ) -> None:
        self._rows = rows
        self._engine = engine
        self._recognisers = recognisers
        self._insertion = Insertion(vault, duplicate_check)

    def add(
        self,
        ref: CollectionRef,
        image: bytes,
        *,
        person_id: str | None = None,
        target: TargetFace | None = None,
        operating_point: OperatingPoint = OperatingPoint.GENERAL,
        user_data: str | None = None,
        source: str | None = None,
    ) -> AddedFace:
        """Enrol the face of a photo; it is committed when this returns.

        Args:
            ref: the collection.
            image: an image file.
            person_id: id of the person in groups; None in face lists.
            target: rectangle of the face; required if there are several.
            operating_point: operating point of the detector.
            user_data: at most 1024 characters.
            source: file name of the image, shown to operators; only its last `SOURCE_LENGTH` characters are stored.

        Returns:
            The new persisted face id, and likely duplicates.

        Raises:
            CollectionNotFoundError: there is no such collection.
            PersonNotFoundError: there is no such person in it.
            UserDataTooLongError: more than 1024 characters.
            QuotaExceededError: the person or list has as many faces as the tier allows.
            TrainingNotFinishedError: the collection is being trained.
            ConflictError: it was deleted and created again in the meantime.
            FingerprintMismatchError: its faces are of another recogniser than its label is bound to now.
            ImageError: the image cannot be analysed.
            TargetFaceOutOfRangeError: the target does not lie in the image.
            NoFaceError: there is no face, or none in the target.
            SeveralFacesError: there are several.
            LowQualityError: the photo does not meet the policy.
        """
        check_user_data(user_data, FACE_USER_DATA_LENGTH)
        while True:
            added = self._add(
                ref, image, person_id=person_id, target=target, operating_point=operating_point, user_data=user_data,
                source=source and source[-SOURCE_LENGTH:],
            )  # fmt: skip
            if added is not None:
                return added

    def _add(
        self,
        ref: CollectionRef,
        image: bytes,
        *,
        person_id: str | None,
        target: TargetFace | None,
        operating_point: OperatingPoint,
        user_data: str | None,
        source: str | None,
    ) -> AddedFace | None:
        """Enrol a face; None if the collection was re-embedded with another recogniser meanwhile."""
        with self._rows.reading(ref) as (session, row):
            # Check before the costly analysis, not only after it.
            if row.training_status in BUSY:
                raise TrainingNotFinishedError(ref)
            if ref.kind.has_persons:
                find_person(session, ref, row, person_id or "")
            recogniser = self._recognisers[row.recognition_model]
            check_fingerprint(row, recogniser)
            policy = policy_of(session, row)
        enrolment = enrol(self._engine, image, recogniser.pack, policy, target=target, operating_point=operating_point)
        new = self._insertion.prepare(row, recogniser, enrolment, user_data, source)
        with self._rows.writing(ref, uid=row.uid) as (session, fresh):
            if (fresh.recognition_model, fresh.fingerprint) != (row.recognition_model, row.fingerprint) and fresh.faces:
                return None
            return self._insert(session, ref, fresh, new, person_id)

    def get(self, ref: CollectionRef, face_id: str, person_id: str | None = None) -> PersistedFace:
        """Return a face.

        Raises:
            CollectionNotFoundError: there is no such collection.
            PersonNotFoundError: there is no such person in it.
            PersistedFaceNotFoundError: there is no such face of the person or list.
        """
        with self._rows.reading(ref) as (session, row):
            return _face(find_face(session, ref, row, face_id, person_id))

    def page(self, ref: CollectionRef, start: str = "", top: int = 1000) -> list[PersistedFace]:
        """Return faces of a list whose id comes after `start`, ascending.

        Raises:
            CollectionNotFoundError: there is no such collection.
            StartTooLongError: `start` has more than 64 characters.
            InvalidTopError: `top` is not 1 to 1000.
        """
        check_page(start, top)
        with self._rows.reading(ref) as (session, row):
            query = select(PersistedFaceRow).where(PersistedFaceRow.collection == row.uid)
            query = query.where(comes_after(PersistedFaceRow.face_id, start))
            return [_face(face) for face in session.scalars(query.order_by(PersistedFaceRow.face_id).limit(top))]

    def enrolled(
        self, ref: CollectionRef, person_id: str | None = None, start: str = "", top: int = _LISTED
    ) -> list[EnrolledFace]:
        """Return the faces of a person or of a list, with information about their photos.

        Args:
            ref: the collection.
            person_id: id of the person, newest faces first; None for the faces of a list, by ascending id.
            start: for lists, only faces whose id comes after it.
            top: most faces to return.

        Raises:
            CollectionNotFoundError: there is no such collection.
            PersonNotFoundError: there is no such person in it.
        """
        with self._rows.reading(ref) as (session, row):
            same = (CropRow.collection == PersistedFaceRow.collection) & (CropRow.face_id == PersistedFaceRow.face_id)
            query = select(PersistedFaceRow, CropRow.face_id.is_not(None)).outerjoin(CropRow, same)
            query = query.where(PersistedFaceRow.collection == row.uid).limit(top)
            if ref.kind.has_persons:
                person = find_person(session, ref, row, person_id or "")
                query = query.where(PersistedFaceRow.person_id == person.person_id)
                query = query.order_by(PersistedFaceRow.created_at.desc(), PersistedFaceRow.face_id)
            else:
                query = query.where(comes_after(PersistedFaceRow.face_id, start)).order_by(PersistedFaceRow.face_id)
            return [
                EnrolledFace(str(face.face_id), face.user_data, face.source, face.created_at, bool(crop))
                for face, crop in session.execute(query)
            ]

    def all(self, ref: CollectionRef) -> list[PersistedFace]:
        """Return all faces of a face list, ascending (there are at most 1,000).

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        return self.page(ref)

    def update(self, ref: CollectionRef, face_id: str, user_data: str | None, person_id: str | None = None) -> None:
        """Change a face's user data; None does not change it.

        Raises:
            Errors of `get`, and:
            UserDataTooLongError: more than 1024 characters.
            TrainingNotFinishedError: the collection is being trained.
        """
        check_user_data(user_data, FACE_USER_DATA_LENGTH)
        with self._rows.writing(ref) as (session, row):
            face = find_face(session, ref, row, face_id, person_id)
            if user_data is not None:
                face.user_data = user_data

    def delete(self, ref: CollectionRef, face_id: str, person_id: str | None = None) -> None:
        """Delete a face; its template is deleted from the tables at once.

        Raises:
            Errors of `get`, and:
            TrainingNotFinishedError: the collection is being trained.
        """
        with self._rows.writing(ref) as (session, row):
            face = find_face(session, ref, row, face_id, person_id)
            if ref.kind.has_persons:
                find_person(session, ref, row, str(face.person_id)).faces -= 1
            remove_face(session, row, face, self._rows.clock.now())

    def _insert(
        self, session: Session, ref: CollectionRef, row: CollectionRow, new: NewFace, person_id: str | None
    ) -> AddedFace:
        limit = self._rows.limits(session, ref.resource_id, ref.kind).faces
        person = find_person(session, ref, row, person_id or "") if ref.kind.has_persons else None
        if (person.faces if person else row.faces) >= limit:
            raise QuotaExceededError(Quota.FACES, ref.kind, limit)
        if person:
            person.faces += 1
        whose = person.person_id if person else None
        return self._insertion.insert(session, row, new, person_id=whose, now=self._rows.clock.now())


def find_face(
    session: Session, ref: CollectionRef, row: CollectionRow, face_id: str, person_id: str | None
) -> PersistedFaceRow:
    """Return the row of a face.

    Raises:
        PersonNotFoundError: there is no such person.
        PersistedFaceNotFoundError: there is no such face of the person or list.
    """
    person = find_person(session, ref, row, person_id or "") if ref.kind.has_persons else None
    parsed = parse_id(face_id)
    query = select(PersistedFaceRow).where(PersistedFaceRow.collection == row.uid, PersistedFaceRow.face_id == parsed)
    face = session.scalar(query) if parsed else None
    if face is None or (person is not None and face.person_id != person.person_id):
        raise PersistedFaceNotFoundError(ref.kind, face_id)
    return face


def _face(row: PersistedFaceRow) -> PersistedFace:
    return PersistedFace(str(row.face_id), row.user_data)
