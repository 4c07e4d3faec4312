"""The kinds of collections and what one is called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from mien.contract.limits import ID_LENGTH

COLLECTION_ID: Final = re.compile(rf"[a-z0-9_-]{{1,{ID_LENGTH}}}")
"""The syntax of collection ids (contract, section 1)."""


class Kind(StrEnum):
    """The kind of a collection; the database stores the values."""

    FACE_LIST = "faceList"
    LARGE_FACE_LIST = "largeFaceList"
    PERSON_GROUP = "personGroup"
    LARGE_PERSON_GROUP = "largePersonGroup"
    DIRECTORY = "directory"
    """Inside Mien: the persons of a person directory, whose faces lie in one collection a recognition model."""
    TRANSFER = "transfer"
    """Inside Mien: the frozen copy that a v1.0 snapshot is."""

    @property
    def has_persons(self) -> bool:
        """Whether faces belong to persons; in face lists every face stands for itself."""
        return self not in {Kind.FACE_LIST, Kind.LARGE_FACE_LIST}

    @property
    def trained(self) -> bool:
        """Whether it is searched as it was when it was last trained; the others as they are."""
        return self in {Kind.LARGE_FACE_LIST, Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP}


PUBLIC_KINDS: Final = (Kind.FACE_LIST, Kind.LARGE_FACE_LIST, Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP)
"""The kinds that callers make."""


@dataclass(frozen=True, slots=True)
class CollectionRef:
    """Names one collection of one resource; every call of the gallery is scoped by it.

    Attributes:
        resource_id: id of the resource that owns it.
        kind: face list, large face list, person group or large person group.
        collection_id: the caller's own name for it. It need not be well formed: then there is none of that name.
    """

    resource_id: UUID
    kind: Kind
    collection_id: str

    @property
    def path(self) -> str:
        """KIND/ID, as operators write it."""
        return f"{self.kind.value}/{self.collection_id}"

    @classmethod
    def from_path(cls, resource_id: UUID, path: str) -> CollectionRef:
        """Read what `path` returned.

        Raises:
            ValueError: the kind is unknown.
        """
        kind, _, collection_id = path.partition("/")
        return cls(resource_id, Kind(kind), collection_id)


def ref_among(resource_id: UUID, text: str, kinds: Iterable[Kind]) -> CollectionRef | None:
    """Read KIND/ID as people write it, in upper or lower case; None when the kind is none of these."""
    kind, _, collection_id = text.partition("/")
    known = next((one for one in kinds if one.value.lower() == kind.lower()), None)
    return None if known is None else CollectionRef(resource_id, known, collection_id)


def parse_id(text: str) -> UUID | None:
    """Read an id that the service gave out: a hyphenated GUID, case ignored; None when it is anything else."""
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text.lower() else None


def place_name(kind: str, collection_id: str) -> str:
    """Return what people call the place where somebody is enrolled: KIND/ID, or `directory`."""
    return Kind.DIRECTORY.value if kind == Kind.DIRECTORY.value else f"{kind}/{collection_id}"


PERSONS: Final = "persons"
"""The id of the collection that has the persons of a person directory; the others are named after models."""


def persons_ref(resource_id: UUID) -> CollectionRef:
    """Names the collection of a directory's persons."""
    return CollectionRef(resource_id, Kind.DIRECTORY, PERSONS)


def faces_ref(resource_id: UUID, label: str) -> CollectionRef:
    """Names the collection of a directory's faces of one recognition model."""
    return CollectionRef(resource_id, Kind.DIRECTORY, label)
