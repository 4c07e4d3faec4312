"""Quotas of resources by tier (contract, section 10)."""

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
    """The quotas for one kind of collection.

    Attributes:
        collections: most collections of a resource.
        persons: most persons of a collection (0: the kind has no persons).
        persons_in_all: most persons in all collections of the kind in a resource.
        faces: most faces of a person, or of a list.
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
        limits: quotas by tier and kind.
        transfers: most v1.0 snapshots taken, and most applied, per month on the free tier and per day on the others.
        dynamic_groups: most dynamic groups of a resource.
    """

    limits: Mapping[Sku, Mapping[Kind, Limits]] = field(
        default_factory=lambda: {Sku.FREE: _FREE, Sku.STANDARD: _PAID, Sku.ENTERPRISE: _PAID}
    )
    transfers: int = 100
    dynamic_groups: int = _MILLION

    def of(self, sku: Sku, kind: Kind) -> Limits:
        """Return the quotas of a tier for one kind of collection."""
        return self.limits[sku][kind]
