"""Subjects and their faces, stored as persons of a large person group and searched without training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select

from mien.contract.models import NEWEST_RECOGNITION
from mien.gallery import CollectionRef, Kind, Person
from mien.gallery.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    PersistedFaceNotFoundError,
    PersonNotFoundError,
)
from mien.gallery.gallery import Gallery
from mien.gallery.identification import confidence
from mien.gallery.kinds import parse_id
from mien.gallery.recognisers import Recognisers
from mien.matching import cosine
from mien.storage.tables import PersistedFaceRow
from mien.vision.types import Embedding

GROUP: Final = "compreface"
"""Id of the large person group with a resource's subjects; it is visible in the Face API too."""

LABEL: Final = NEWEST_RECOGNITION
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Example:
    """An enrolled face of a subject.

    Attributes:
        image_id: lower-case GUID.
        subject: name of the subject.
    """

    image_id: str
    subject: str


@dataclass(frozen=True, slots=True)
class SubjectCandidate:
    """A subject that a face may belong to.

    Attributes:
        subject: name of the subject.
        similarity: in [0, 1]; 0.5 is the Face API's threshold for identical faces.
    """

    subject: str
    similarity: float


@dataclass(frozen=True, slots=True)
class CompreFaceSubjects:
    """The subjects in the gallery, per resource.

    Attributes:
        gallery: the gallery that stores them.
        recognisers: the recognition models.
    """

    gallery: Gallery
    recognisers: Recognisers

    @property
    def pack(self) -> str:
        """Name of the model pack that computes the subjects' embeddings."""
        return self.recognisers[LABEL].pack

    def names(self, resource_id: UUID) -> list[str]:
        """Return the names of all subjects, sorted."""
        return sorted({person.name for person in self._persons(resource_id)})

    def add(self, resource_id: UUID, name: str) -> bool:
        """Create a subject; return False if the name exists."""
        ref = self._group(resource_id)
        if self.gallery.persons.named(ref, name, 1):
            return False
        self.gallery.persons.create(ref, name)
        return True

    def rename(self, resource_id: UUID, name: str, to: str) -> None:
        """Rename a subject; if another has the new name, move the faces to that one.

        Raises:
            PersonNotFoundError: there is no such subject.
        """
        ref, person = self._ref(resource_id), self._find(resource_id, name)
        there = self.gallery.persons.named(ref, to, 1)
        if there and there[0].person_id != person.person_id:
            self.gallery.reassignment.merge(ref, person.person_id, there[0].person_id)
        else:
            self.gallery.persons.update(ref, person.person_id, name=to)

    def delete(self, resource_id: UUID, name: str) -> int:
        """Delete a subject with its faces, and return the number of faces.

        Raises:
            PersonNotFoundError: there is no such subject.
        """
        person = self._find(resource_id, name)
        self.gallery.persons.delete(self._ref(resource_id), person.person_id)
        return len(person.persisted_face_ids)

    def delete_all(self, resource_id: UUID) -> tuple[int, int]:
        """Delete all subjects, and return the numbers of subjects and faces."""
        subjects = faces = 0
        for person in list(self._persons(resource_id)):
            self.gallery.persons.delete(self._ref(resource_id), person.person_id)
            subjects, faces = subjects + 1, faces + len(person.persisted_face_ids)
        return subjects, faces

    def examples(self, resource_id: UUID, subject: str | None = None) -> list[Example]:
        """Return the faces of all subjects or of one, sorted by subject and id."""
        found = (person for person in self._persons(resource_id) if subject in {None, person.name})
        all_of = (Example(face_id, person.name) for person in found for face_id in person.persisted_face_ids)
        return sorted(all_of, key=lambda one: (one.subject, one.image_id))

    def enrol(self, resource_id: UUID, subject: str, image: bytes) -> Example:
        """Add the face of a photo to a subject, which is created if it does not exist.

        Raises:
            The errors of `mien.gallery.faces.PersistedFaces.add`.
        """
        ref = self._group(resource_id)
        known = self.gallery.persons.named(ref, subject, 1)
        person_id = known[0].person_id if known else self.gallery.persons.create(ref, subject)
        try:
            added = self.gallery.faces.add(ref, image, person_id=person_id)
        except Exception:
            if not known:  # do not leave a subject without a face if the photo is refused
                self.gallery.persons.delete(ref, person_id)
            raise
        return Example(added.persisted_face_id, subject)

    def delete_example(self, resource_id: UUID, image_id: str) -> Example:
        """Delete a face, and its subject with its last face.

        Raises:
            PersistedFaceNotFoundError: there is no such face.
        """
        ref = self._ref(resource_id)
        person = self._owner(ref, image_id)
        self.gallery.faces.delete(ref, image_id, person_id=person.person_id)
        if len(person.persisted_face_ids) <= 1:
            self.gallery.persons.delete(ref, person.person_id)
        return Example(image_id.lower(), person.name)

    def recognise(self, resource_id: UUID, faces: Sequence[Embedding], top: int) -> list[list[SubjectCandidate]]:
        """Return the most similar subjects of each face, best first.

        Raises:
            FingerprintMismatchError: the subjects' faces were computed by another recogniser than the current one.
        """
        found = self.gallery.untrained_recognition.identify(faces, self._ref(resource_id), top)
        return [[SubjectCandidate(one.name, one.confidence) for one in candidates] for candidates in found]

    def compare(self, resource_id: UUID, image_id: str, faces: Sequence[Embedding]) -> list[float]:
        """Return the similarity of each face to an enrolled one, in [0, 1].

        Raises:
            PersistedFaceNotFoundError: there is no such face.
            FingerprintMismatchError: it was computed by another recogniser than the current one.
        """
        return self.gallery.untrained_recognition.compare(faces, self._ref(resource_id), image_id)

    def likeness(self, one: Embedding, other: Embedding) -> float:
        """Return the similarity of two faces, in [0, 1]."""
        if not (one.readable and other.readable):
            return 0.0
        return confidence(self.recognisers[LABEL].calibration, cosine(one.vector, other.vector))

    def _ref(self, resource_id: UUID) -> CollectionRef:
        return CollectionRef(resource_id, Kind.LARGE_PERSON_GROUP, GROUP)

    def _group(self, resource_id: UUID) -> CollectionRef:
        """Return the group, which is created if it does not exist."""
        ref = self._ref(resource_id)
        try:
            self.gallery.collections.get(ref)
        except CollectionNotFoundError:
            with suppress(CollectionExistsError):  # another call has created it
                self.gallery.collections.create(ref, "CompreFace subjects", None, LABEL)
        return ref

    def _persons(self, resource_id: UUID) -> Iterator[Person]:
        start = ""
        while True:
            try:
                page = self.gallery.persons.page(self._ref(resource_id), start, _PAGE)
            except CollectionNotFoundError:
                return
            yield from page
            if len(page) < _PAGE:
                return
            start = page[-1].person_id

    def _find(self, resource_id: UUID, name: str) -> Person:
        ref = self._ref(resource_id)
        try:
            found = self.gallery.persons.named(ref, name, 1)
        except CollectionNotFoundError:
            found = []
        if not found:
            raise PersonNotFoundError(ref.kind, name)
        return found[0]

    def _owner(self, ref: CollectionRef, image_id: str) -> Person:
        try:
            with self.gallery.rows.reading(ref) as (session, row):
                query = select(PersistedFaceRow.person_id).where(
                    PersistedFaceRow.collection == row.uid, PersistedFaceRow.face_id == parse_id(image_id)
                )
                person_id = session.scalar(query)
        except CollectionNotFoundError:
            person_id = None
        if person_id is None:
            raise PersistedFaceNotFoundError(ref.kind, image_id)
        return self.gallery.persons.get(ref, str(person_id))
