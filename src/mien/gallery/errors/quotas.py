"""Limits of a tier."""

from __future__ import annotations

from enum import Enum

from mien.gallery.errors.base import GalleryError
from mien.gallery.kinds import Kind
from mien.messages import Message


class Quota(Enum):
    """Kinds of objects with a quota."""

    COLLECTIONS = Message("collections of a kind in a resource")
    PERSONS_OF_COLLECTION = Message("persons in a collection")
    PERSONS_OF_RESOURCE = Message("persons in a resource")
    FACES = Message("faces of a person or list")
    DYNAMIC_GROUPS = Message("dynamic person groups of a resource")
    TRANSFERS = Message("snapshots taken or applied")


class QuotaExceededError(GalleryError):
    """A tier's limit is reached.

    Attributes:
        quota: the quota.
        kind: kind of the collection.
        limit: the most the tier allows.
    """

    def __init__(self, quota: Quota, kind: Kind, limit: int) -> None:
        super().__init__("this resource's tier allows {limit} {quota}", limit=limit, quota=quota.value)
        self.quota = quota
        self.kind = kind
        self.limit = limit
