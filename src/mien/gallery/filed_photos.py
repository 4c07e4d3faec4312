"""Photos that are filed in bulk: what they are filed with, and the result of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from mien.gallery.enrolment import Enrolment
from mien.gallery.errors import GalleryError
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.types import Duplicate


class NamesakesError(GalleryError):
    """Several persons of the group have the name, so that it does not say whose photo it is."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(
            "{count} persons of the group have the name {name}: name the person by id, or merge them",
            count=count,
            name=name,
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parameters of a collection's templates; without state, so that it can be sent to other machines.

    Attributes:
        collection: internal id of the collection.
        pack: the recogniser's.
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
        person_id: of the person, where the source names one; then the name is not looked at.
        enrolment: the face.
        user_data: user data of the person, if the person is created.
        face_data: user data of the face.
        source: the name of the photo's file; its end is kept.
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
        person_id: id of the person; empty if it was refused.
        face_id: the new persisted face id; empty if there is none.
        created: whether the person was created with it.
        error: why it was refused.
        duplicates: likely duplicates of the face.
    """

    outcome: FiledAs
    person_id: str = ""
    face_id: str = ""
    created: bool = False
    error: GalleryError | None = None
    duplicates: tuple[Duplicate, ...] = ()
