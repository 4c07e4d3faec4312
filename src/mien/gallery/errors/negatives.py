"""Negatives of a person."""

from __future__ import annotations

from uuid import UUID

from mien.gallery.errors.base import GalleryError


class NegativesOffError(GalleryError):
    """The policy of a collection does not keep negatives."""

    def __init__(self) -> None:
        super().__init__(
            "the policy of this collection keeps no negatives: set it with `mien gallery policy RESOURCE --negatives`"
        )


class TooManyNegativesError(GalleryError):
    """A person has the most negatives allowed."""

    def __init__(self, most: int) -> None:
        super().__init__("the person has {most} negatives; remove one first", most=most)


class NegativeNotFoundError(GalleryError):
    """There is no such negative."""

    def __init__(self, negative_id: UUID) -> None:
        super().__init__("there is no negative {negative_id}", negative_id=negative_id)
