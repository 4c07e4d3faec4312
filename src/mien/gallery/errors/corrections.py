"""Merges and moves that are refused, and what cannot be undone."""

from __future__ import annotations

from mien.gallery.errors.base import GalleryError
from mien.gallery.kinds import CollectionRef


class SamePersonError(GalleryError):
    """Faces were to go from a person to the same person."""

    def __init__(self) -> None:
        super().__init__("this is the same person: name another one")


class ContradictedMergeError(GalleryError):
    """Two persons were to be merged of whom people said that they are not one.

    Attributes:
        negatives: how many negatives say so.
    """

    def __init__(self, negatives: int) -> None:
        self.negatives = negatives
        if negatives == 1:
            super().__init__('a kept face says that these are two people: somebody answered "not this person"')
        else:
            super().__init__(
                '{count} kept faces say that these are two people: somebody answered "not this person"', count=negatives
            )


class CorrectionNotFoundError(GalleryError):
    """There is no such merge or move that could be undone."""


class CannotUndoError(GalleryError):
    """A merge or move cannot be undone: the faces or persons were changed since."""


class AlreadyThereError(GalleryError):
    """A person was to move to a group that has the person, or faces of theirs, already: a copy of the other, perhaps.

    Attributes:
        ref: the group.
    """

    def __init__(self, ref: CollectionRef) -> None:
        name = f"{ref.kind.value}/{ref.collection_id}"
        super().__init__(
            "{name} has this person, or a face of theirs, under the same id already: erase one of them", name=name
        )
        self.ref = ref
