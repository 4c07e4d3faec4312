"""The person directory, its dynamic groups and operations, and the snapshots of v1.0."""

from __future__ import annotations

from mien.gallery.errors.base import GalleryError


class DynamicGroupNotFoundError(GalleryError):
    """There is no such dynamic person group; `malformed` if the id is invalid."""

    def __init__(self, group_id: str, *, malformed: bool = False) -> None:
        super().__init__("there is no dynamic person group of that id")
        self.group_id = group_id
        self.malformed = malformed


class DynamicGroupExistsError(GalleryError):
    """A dynamic person group of that id already exists."""

    def __init__(self, group_id: str) -> None:
        super().__init__("there is a dynamic person group of that id")
        self.group_id = group_id


class OperationNotFoundError(GalleryError):
    """There is no such operation, or it is older than 48 hours."""


class TransferNotFoundError(GalleryError):
    """There is no such v1.0 snapshot, it has expired, or this resource may not apply it."""
