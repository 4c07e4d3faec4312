"""Photos that cannot be enrolled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mien.gallery.errors.base import GalleryError
from mien.messages import Message


class NoFaceError(GalleryError):
    """No face was found in the image, or none in the target rectangle."""


class SeveralFacesError(GalleryError):
    """More than one face was found in the image or in the target rectangle; the text says where."""


class TargetFaceOutOfRangeError(GalleryError):
    """The target rectangle does not lie in the image."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A measure of a photo that does not meet the quality policy.

    Attributes:
        measure: its name in the policy, e.g. `blur`.
        found: the measured value, as a word or number.
        required: the required value.
    """

    measure: str
    found: str
    required: str

    @property
    def message(self) -> Message:
        """The shortfall as a sentence."""
        return Message(
            "{measure} is {found}, required is {required}",
            measure=self.measure,
            found=self.found,
            required=self.required,
        )

    def __str__(self) -> str:
        return self.message


class LowQualityError(GalleryError):
    """The photo does not meet the collection's quality policy; the text lists the shortfalls.

    Attributes:
        shortfalls: the requirements that are not met, at least one.
    """

    def __init__(self, shortfalls: Sequence[Shortfall]) -> None:
        super().__init__(Message.listed(one.message for one in shortfalls))
        self.shortfalls = tuple(shortfalls)
