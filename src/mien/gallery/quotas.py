"""How much a resource may hold, by its tier (contract, section 10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mien.accounts import Sku
from mien.contract.limits import FACES_OF_PERSON, FACES_OF_SMALL_LIST
from mien.gallery.kinds import Kind

_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The quota of one kind of object.

    Attributes:
        collections: in a resource.
        persons: in a collection (0: the kind has none).
        persons_in_all: in all collections of the kind of a resource.
        faces: faces of a person, or of a list.
    """

    collections: int
    persons: int
    persons_in_all: int
    faces: int


_FREE: Final = {
    Kind.FACE_LIST: Limits(64, 0, 0, FACES_OF_SMALL_LIST),
    Kind.LARGE_FACE_LIST: Limits(64, 0, 0, FACES_OF_SMALL_LIST),
    Kind.PERSON_GROUP: Limits(1_000, 1_000, 1_000, FACES_OF_PERSON),
    Kind.LARGE_PERSON_GROUP: Limits(1_000, 1_000, 1_000, FACES_OF_PERSON),
    Kind.DIRECTORY: Limits(8, 1_000, 1_000, FACES_OF_PERSON),
}
_PAID: Final = {
    Kind.FACE_LIST: Limits(64, 0, 0, FACES_OF_SMALL_LIST),
    Kind.LARGE_FACE_LIST: Limits(_MILLION, 0, 0, _MILLION),
    Kind.PERSON_GROUP: Limits(_MILLION, 10_000, 100 * _MILLION, FACES_OF_PERSON),
    Kind.LARGE_PERSON_GROUP: Limits(_MILLION, _MILLION, 1_000 * _MILLION, FACES_OF_PERSON),
    Kind.DIRECTORY: Limits(8, 75 * _MILLION, 75 * _MILLION, FACES_OF_PERSON),
}


@dataclass(frozen=True, slots=True)
class Quotas:
    """The limits of every tier.

    Attributes:
        limits: by tier and kind.
        transfers: v1.0 snapshots that may be taken, and as many applied: a month on the free tier, a day on the others.
        dynamic_groups: in a resource.
    """

    limits: Mapping[Sku, Mapping[Kind, Limits]] = field(
        default_factory=lambda: {Sku.FREE: _FREE, Sku.STANDARD: _PAID, Sku.ENTERPRISE: _PAID}
    )
    transfers: int = 100
    dynamic_groups: int = _MILLION

    def of(self, sku: Sku, kind: Kind) -> Limits:
        """The limits of a tier for one kind of collection."""
        return self.limits[sku][kind]
