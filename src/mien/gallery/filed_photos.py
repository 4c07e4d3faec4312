"""Types of bulk enrolment: parameters, photos and results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from mien.gallery.enrolment import Enrolment
from mien.gallery.errors import GalleryError
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.types import Duplicate


class NamesakesError(GalleryError):
    """Several persons of the group have the name of a photo's person."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(
            "{count} persons of the group have the name {name}: name the person by id, or merge them",
            count=count,
            name=name,
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parameters for computing a collection's templates; stateless, so it can be sent to other machines.

    Attributes:
        collection: internal id of the collection.
        pack: the recogniser's model pack.
        fingerprint: fingerprint of its templates.
        policy: the requirements on photos.
    """

    collection: UUID
    pack: str
    fingerprint: str
    policy: EnrolmentPolicy


@dataclass(frozen=True, slots=True)
class ReadyPhoto:
    """A photo whose template is computed.

    Attributes:
        digest: as `PhotoFiling.digest` returns it.
        person: the person's name.
        person_id: id of the person, if the source states one; takes precedence over the name.
        enrolment: the face.
        user_data: user data of the person, if the person is created.
        face_data: user data of the face.
        source: the photo's file name, of which the end is stored.
    """

    digest: bytes
    person: str
    person_id: UUID | None
    enrolment: Enrolment
    user_data: str | None
    face_data: str | None
    source: str


class FiledAs(StrEnum):
    """Result of a photo."""

    ENROLLED = "enrolled"
    EARLIER = "earlier"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class FiledPhoto:
    """Result of a photo.

    Attributes:
        outcome: the outcome.
        person_id: id of the person; empty if the photo was refused.
        face_id: the new persisted face id; empty if there is none.
        created: whether the person was created for this photo.
        error: reason for a refusal.
        duplicates: likely duplicates of the face.
    """

    outcome: FiledAs
    person_id: str = ""
    face_id: str = ""
    created: bool = False
    error: GalleryError | None = None
    duplicates: tuple[Duplicate, ...] = ()
