"""Persons and faces that are missing, or lack what a comparison needs."""

from __future__ import annotations

from mien.gallery.errors.base import GalleryError
from mien.gallery.kinds import Kind, parse_id


class PersonNotFoundError(GalleryError):
    """There is no such person in the collection (or in the directory, when `kind` is `Kind.DIRECTORY`).

    Attributes:
        kind: the kind of the collection.
        person_id: as it was given.
        malformed: it is not a GUID.
    """

    def __init__(self, kind: Kind, person_id: str) -> None:
        super().__init__("there is no such person")
        self.kind = kind
        self.person_id = person_id
        self.malformed = parse_id(person_id) is None


class PersistedFaceNotFoundError(GalleryError):
    """There is no such enrolled face where it was looked for; attributes as in `PersonNotFoundError`."""

    def __init__(self, kind: Kind, face_id: str) -> None:
        super().__init__("there is no such persisted face")
        self.kind = kind
        self.face_id = face_id
        self.malformed = parse_id(face_id) is None


class FaceNotFoundError(GalleryError):
    """A short-lived face id is unknown or has expired.

    Attributes:
        face_id: as it was given.
        malformed: it is not a GUID.
    """

    def __init__(self, face_id: str) -> None:
        super().__init__("the face id is unknown or has expired")
        self.face_id = face_id
        self.malformed = parse_id(face_id) is None


class PersonHasNoFaceError(GalleryError):
    """Verification against a person of whom no face is enrolled."""


class NoTemplateError(GalleryError):
    """An enrolled face has no template: it was left out of a migration."""
