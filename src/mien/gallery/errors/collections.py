"""Collections that are missing, exist already, or are in another state than a call needs."""

from __future__ import annotations

from mien.gallery.errors.base import GalleryError
from mien.gallery.kinds import CollectionRef


class CollectionNotFoundError(GalleryError):
    """There is no such collection.

    Attributes:
        ref: the requested collection.
        malformed: the id could not be one.
    """

    def __init__(self, ref: CollectionRef, *, malformed: bool = False) -> None:
        if malformed:
            super().__init__("there is no {kind} of that id: it is malformed", kind=ref.kind.value)
        else:
            super().__init__("there is no {kind} of that id", kind=ref.kind.value)
        self.ref = ref
        self.malformed = malformed


class CollectionExistsError(GalleryError):
    """There is a collection of that kind and id already."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("there is a {kind} of that id", kind=ref.kind.value)
        self.ref = ref


class FaceListEmptyError(GalleryError):
    """Find similar in a face list without faces."""


class NotAGroupError(GalleryError):
    """A person was to move to a list, which has faces but no persons."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__(
            "{kind}/{collection_id} has no persons: name a person group",
            kind=ref.kind.value,
            collection_id=ref.collection_id,
        )
        self.ref = ref


class NotTrainedError(GalleryError):
    """The collection was never trained with success."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("the {kind} was never trained with success", kind=ref.kind.value)
        self.ref = ref


class TrainingNotFinishedError(GalleryError):
    """The collection is being trained: it cannot be written, nor searched before its first training has succeeded."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("the {kind} is being trained; try again when it has finished", kind=ref.kind.value)
        self.ref = ref


class ConflictError(GalleryError):
    """Another write to the same thing was faster or holds it.

    Attributes:
        resource_name: name of the resource type in the contract's message.
    """

    def __init__(self, resource_name: str) -> None:
        super().__init__("another operation on {resource_name} is under way", resource_name=resource_name)
        self.resource_name = resource_name
