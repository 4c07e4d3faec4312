"""The kinds and references of collections."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from mien.contract.limits import ID_CHARACTERS, ID_LENGTH

COLLECTION_ID: Final = re.compile(rf"{ID_CHARACTERS}{{1,{ID_LENGTH}}}")
"""The syntax of collection ids (contract, section 1)."""


class Kind(StrEnum):
    """The kind of a collection; the database stores the values."""

    FACE_LIST = "faceList"
    LARGE_FACE_LIST = "largeFaceList"
    PERSON_GROUP = "personGroup"
    LARGE_PERSON_GROUP = "largePersonGroup"
    DIRECTORY = "directory"
    """Internal: a person directory's persons, or its faces of one recognition model."""
    TRANSFER = "transfer"
    """Internal: the frozen copy of a v1.0 snapshot."""

    @property
    def has_persons(self) -> bool:
        """Whether faces belong to persons; in face lists they do not."""
        return self not in {Kind.FACE_LIST, Kind.LARGE_FACE_LIST}

    @property
    def trained(self) -> bool:
        """Whether searches use the last training; other kinds are searched in their current state."""
        return self in {Kind.LARGE_FACE_LIST, Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP}


FACE_LISTS: Final = (Kind.FACE_LIST, Kind.LARGE_FACE_LIST)
PERSON_GROUPS: Final = (Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP)
PUBLIC_KINDS: Final = (*FACE_LISTS, *PERSON_GROUPS)
"""The kinds that callers create."""

STORED_PERSON_GROUPS: Final = tuple(kind.value for kind in PERSON_GROUPS)
"""Person groups as queries of the database compare them."""


@dataclass(frozen=True, slots=True)
class CollectionRef:
    """Reference to a collection of a resource, which scopes every call of the gallery.

    Attributes:
        resource_id: id of the resource that owns it.
        kind: face list, large face list, person group or large person group.
        collection_id: the caller's id of the collection. It is not validated: no collection has an invalid id.
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
        """Parse the output of `path`.

        Raises:
            ValueError: the kind is unknown.
        """
        kind, _, collection_id = path.partition("/")
        return cls(resource_id, Kind(kind), collection_id)


def ref_among(resource_id: UUID, text: str, kinds: Iterable[Kind]) -> CollectionRef | None:
    """Parse KIND/ID in upper or lower case; None if the kind is not one of `kinds`."""
    kind, _, collection_id = text.partition("/")
    known = next((one for one in kinds if one.value.lower() == kind.lower()), None)
    return None if known is None else CollectionRef(resource_id, known, collection_id)


def parse_id(text: str) -> UUID | None:
    """Parse an id of the service: a hyphenated GUID in any case; None if it is anything else."""
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text.lower() else None


def place_name(kind: str, collection_id: str) -> str:
    """Return the readable name of a collection: KIND/ID, or `directory`."""
    return Kind.DIRECTORY.value if kind == Kind.DIRECTORY.value else f"{kind}/{collection_id}"


PERSONS: Final = "persons"
"""Id of the collection of a directory's persons; the collections of its faces are named after models."""


def persons_ref(resource_id: UUID) -> CollectionRef:
    """Return the reference to the collection of a directory's persons."""
    return CollectionRef(resource_id, Kind.DIRECTORY, PERSONS)


def faces_ref(resource_id: UUID, label: str) -> CollectionRef:
    """Return the reference to the collection of a directory's faces of one recognition model."""
    return CollectionRef(resource_id, Kind.DIRECTORY, label)
