"""Collections that do not exist, already exist, or are in the wrong state."""

from __future__ import annotations

from mien.gallery.errors.base import GalleryError
from mien.gallery.kinds import CollectionRef


class CollectionNotFoundError(GalleryError):
    """There is no such collection.

    Attributes:
        ref: the requested collection.
        malformed: the id is invalid.
    """

    def __init__(self, ref: CollectionRef, *, malformed: bool = False) -> None:
        if malformed:
            super().__init__("there is no {kind} of that id: it is malformed", kind=ref.kind.value)
        else:
            super().__init__("there is no {kind} of that id", kind=ref.kind.value)
        self.ref = ref
        self.malformed = malformed


class CollectionExistsError(GalleryError):
    """A collection of that kind and id already exists."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("there is a {kind} of that id", kind=ref.kind.value)
        self.ref = ref


class FaceListEmptyError(GalleryError):
    """Find similar in a face list without faces."""


class NotAGroupError(GalleryError):
    """The target of a move is a face list, which has no persons."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__(
            "{kind}/{collection_id} has no persons: name a person group",
            kind=ref.kind.value,
            collection_id=ref.collection_id,
        )
        self.ref = ref


class NotTrainedError(GalleryError):
    """The collection was never trained successfully."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("the {kind} was never trained with success", kind=ref.kind.value)
        self.ref = ref


class TrainingNotFinishedError(GalleryError):
    """The collection is being trained: it cannot be changed, nor searched before its first successful training."""

    def __init__(self, ref: CollectionRef) -> None:
        super().__init__("the {kind} is being trained; try again when it has finished", kind=ref.kind.value)
        self.ref = ref


class ConflictError(GalleryError):
    """Another write to the same object was faster or has locked it.

    Attributes:
        resource_name: name of the resource type in the contract's message.
    """

    def __init__(self, resource_name: str) -> None:
        super().__init__("another operation on {resource_name} is under way", resource_name=resource_name)
        self.resource_name = resource_name
