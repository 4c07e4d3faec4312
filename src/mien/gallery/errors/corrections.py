"""Merges, moves and undos that are refused."""

from __future__ import annotations

from mien.gallery.errors.base import GalleryError
from mien.gallery.kinds import CollectionRef


class SamePersonError(GalleryError):
    """The source and target of a merge or move are the same person."""

    def __init__(self) -> None:
        super().__init__("this is the same person: name another one")


class ContradictedMergeError(GalleryError):
    """Negatives say that the two persons of a merge are different people.

    Attributes:
        negatives: number of such negatives.
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
    """There is no such merge or move to undo."""


class CannotUndoError(GalleryError):
    """A merge or move cannot be undone: the faces or persons were changed since."""


class AlreadyThereError(GalleryError):
    """The target group of a move already has the person or one of their faces, for example as a copy of the source.

    Attributes:
        ref: the group.
    """

    def __init__(self, ref: CollectionRef) -> None:
        name = f"{ref.kind.value}/{ref.collection_id}"
        super().__init__(
            "{name} has this person, or a face of theirs, under the same id already: erase one of them", name=name
        )
        self.ref = ref
