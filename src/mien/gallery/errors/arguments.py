"""Values that the contract does not allow: ids, names, user data, pages."""

from __future__ import annotations

from mien.gallery.errors.base import GalleryError
from mien.gallery.kinds import CollectionRef


class InvalidCollectionIdError(GalleryError):
    """A collection cannot be made under this id: it is not 1 to 64 of a-z, 0-9, "-" and "_"."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("an id is 1 to 64 lower-case letters, digits, '-' and '_'")
        self.ref = ref


class NameEmptyError(GalleryError):
    """A name is required and missing, empty or white space."""


class NameTooLongError(GalleryError):
    """A name has more than 128 characters."""


class UserDataTooLongError(GalleryError):
    """User data is longer than the contract allows where it was given."""


class NothingToUpdateError(GalleryError):
    """Neither a name nor user data was given."""


class StartTooLongError(GalleryError):
    """A page's start has more than 64 characters."""


class InvalidTopError(GalleryError):
    """A page's size is not 1 to 1000."""


class UnknownRecognitionModelError(GalleryError):
    """A recognition model is not one of recognition_01 … recognition_04."""


class InvalidStartError(GalleryError):
    """A page of persons was asked to start at something that is not a person id."""
