"""The engine interface that callers need, so that another engine can replace it."""

from __future__ import annotations

from typing import Protocol

from mien.vision.decode import Photo
from mien.vision.types import Face, Want


class FoundFaces(Protocol):
    """The faces that an engine found in an image."""

    @property
    def width(self) -> int:
        """Pixels of the full, upright image."""
        ...

    @property
    def height(self) -> int:
        """Pixels of the full, upright image."""
        ...

    @property
    def faces(self) -> tuple[Face, ...]:
        """The faces, largest first."""
        ...

    @property
    def photo(self) -> Photo | None:
        """The decoded image; None if not requested."""
        ...


class Engine(Protocol):
    """Finds and analyses faces, as `mien.vision.FaceEngine` does."""

    def analyze(self, image: bytes, want: Want) -> FoundFaces:
        """Find the faces of an image file and compute the requested results.

        Raises:
            ImageError: the image cannot be analysed.
        """
        ...
