"""Values that the contract does not allow: ids, names, user data, pages."""

from __future__ import annotations

from mien.gallery.errors.base import GalleryError
from mien.gallery.kinds import CollectionRef


class InvalidCollectionIdError(GalleryError):
    """A collection id is not 1 to 64 of a-z, 0-9, "-" and "_"."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("an id is 1 to 64 lower-case letters, digits, '-' and '_'")
        self.ref = ref


class NameEmptyError(GalleryError):
    """A required name is missing, empty or white space."""


class NameTooLongError(GalleryError):
    """A name has more than 128 characters."""


class UserDataTooLongError(GalleryError):
    """User data is longer than the contract allows for the object."""


class NothingToUpdateError(GalleryError):
    """Neither a name nor user data was given."""


class StartTooLongError(GalleryError):
    """A page's start has more than 64 characters."""


class InvalidTopError(GalleryError):
    """A page's size is not 1 to 1000."""


class UnknownRecognitionModelError(GalleryError):
    """A recognition model is not one of recognition_01 … recognition_04."""


class InvalidStartError(GalleryError):
    """The start of a page of persons is not a person id."""
