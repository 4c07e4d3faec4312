"""Persons and faces that do not exist or cannot be compared."""

from __future__ import annotations

from mien.gallery.errors.base import GalleryError
from mien.gallery.kinds import Kind, parse_id


class PersonNotFoundError(GalleryError):
    """There is no such person in the collection (or in the directory, if `kind` is `Kind.DIRECTORY`).

    Attributes:
        kind: the kind of the collection.
        person_id: the id as given.
        malformed: the id is not a GUID.
    """

    def __init__(self, kind: Kind, person_id: str) -> None:
        super().__init__("there is no such person")
        self.kind = kind
        self.person_id = person_id
        self.malformed = parse_id(person_id) is None


class PersistedFaceNotFoundError(GalleryError):
    """There is no such enrolled face in the collection or person; attributes as in `PersonNotFoundError`."""

    def __init__(self, kind: Kind, face_id: str) -> None:
        super().__init__("there is no such persisted face")
        self.kind = kind
        self.face_id = face_id
        self.malformed = parse_id(face_id) is None


class FaceNotFoundError(GalleryError):
    """A short-lived face id is unknown or has expired.

    Attributes:
        face_id: the id as given.
        malformed: the id is not a GUID.
    """

    def __init__(self, face_id: str) -> None:
        super().__init__("the face id is unknown or has expired")
        self.face_id = face_id
        self.malformed = parse_id(face_id) is None


class PersonHasNoFaceError(GalleryError):
    """A person to verify against has no enrolled face."""


class NoTemplateError(GalleryError):
    """An enrolled face has no template: a re-embedding left it out."""
