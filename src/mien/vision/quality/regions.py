"""Regions of a photo for quality measures: the aligned face, its landmarked region, the cheeks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.vision import align
from mien.vision.canonical import EYE_CORNERS, canonical_mesh
from mien.vision.types import Float32, Pixels

SIDE: Final = 443
"""Side of the aligned face in pixels. The standard uses 616, and this size for backgrounds."""

_TEMPLATE: Final[Float32] = np.asarray(
    np.array([[251, 272], [364, 272], [308, 336], [262, 402], [355, 402]], np.float32) * np.float32(SIDE / 616),
    np.float32,
)
"""Positions of eyes, nose tip and mouth corners in the aligned face (OFIQ's reference points)."""

LIPS: Final = ((13, 14), (82, 87), (312, 317))
"""Mesh vertices of the inner lips, upper and lower: in the middle and on both sides."""
CHIN: Final = 152
_HALF_JAW: Final = (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148)
_LEFT_BROW: Final = (46, 70, 63, 105, 66, 107)


def eye_centres(points: Float32) -> Float32:
    """Return the middles of both eyes' corners, float32 (2, 2), from the mesh's points (468, 2 or 3)."""
    return np.asarray([points[list(corners), :2].mean(axis=0) for corners in EYE_CORNERS], np.float32)


def eyes_to_chin(points: Float32) -> float:
    """Return the distance from the middle between the eyes to the chin, which the standard calls T."""
    return float(np.linalg.norm(eye_centres(points).mean(axis=0) - points[CHIN, :2]))


def jaw(points: Float32) -> Float32:
    """Return the jaw from the left temple over the chin to the right temple, float32 (23, 2)."""
    mirror = canonical_mesh().mirror
    order = [*_HALF_JAW, CHIN, *(int(mirror[one]) for one in reversed(_HALF_JAW))]
    return np.asarray(points[order, :2], np.float32)


def brows(points: Float32) -> Float32:
    """Return the upper outlines of both brows, float32 (12, 2)."""
    mirror = canonical_mesh().mirror
    return np.asarray(points[[*_LEFT_BROW, *(int(mirror[one]) for one in _LEFT_BROW)], :2], np.float32)


@dataclass(frozen=True)
class AlignedFace:
    """A face rotated upright in a square of `SIDE` pixels.

    Attributes:
        pixels: BGR uint8 (SIDE, SIDE, 3); black outside the photo.
        inside: uint8 (SIDE, SIDE), 1 inside the photo.
        mesh: float32 (468, 2) in these pixels.
    """

    pixels: Pixels
    inside: Pixels
    mesh: Float32

    @classmethod
    def cut(cls, pixels: Pixels, points: Float32, mesh: Float32) -> AlignedFace:
        """Crop a face.

        Args:
            pixels: BGR uint8 (h, w, 3).
            points: float32 (5, 2) in these pixels.
            mesh: float32 (468, 3) in these pixels.
        """
        move = align.similarity_transform(points, _TEMPLATE)
        inside = np.ones(pixels.shape[:2], np.uint8)
        whole = cv2.warpAffine(inside, move, (SIDE, SIDE), flags=cv2.INTER_NEAREST)
        return cls(
            align.warp(pixels, move, SIDE, SIDE),
            np.asarray(whole, np.uint8),
            align.apply_transform(move, np.asarray(mesh[:, :2], np.float32)),
        )

    @cached_property
    def luminance(self) -> Pixels:
        """Luminance, linear in light (ITU-R BT.709), uint8 (SIDE, SIDE)."""
        blue, green, red = (_LINEAR[self.pixels[..., channel]] for channel in range(3))
        return np.asarray(np.floor(255 * (0.0722 * blue + 0.7152 * green + 0.2126 * red) + 0.5), np.uint8)

    @cached_property
    def region(self) -> NDArray[np.bool_]:
        """The landmarked region inside the photo: brows to chin, (SIDE, SIDE)."""
        outline = cv2.convexHull(np.concatenate([jaw(self.mesh), brows(self.mesh)]).round().astype(np.int32))
        filled = cv2.fillConvexPoly(np.zeros((SIDE, SIDE), np.uint8), outline, 1)
        return np.asarray((filled == 1) & (self.inside == 1))

    @cached_property
    def histogram(self) -> NDArray[np.float64]:
        """Normalised luminance histogram of the region, (256,); zeros if the face is outside the photo."""
        return _shares(self.luminance[self.region])

    @cached_property
    def cheeks(self) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The standard's squares on the left and the right cheek, as slices of rows and columns."""
        left, right = eye_centres(self.mesh)
        zone = max(1, int(0.3 * float(np.linalg.norm(right - left))))
        mouth = self.mesh[list(LIPS[0])].mean(axis=0)
        down = float(np.linalg.norm((left + right) / 2 - mouth)) / 2
        return _square(left[0], left[1] + down, zone), _square(right[0] - zone, right[1] + down, zone)

    def shares(self, where: tuple[slice, slice]) -> NDArray[np.float64]:
        """Return the normalised luminance histogram of a rectangle, (256,)."""
        return _shares(self.luminance[where].ravel())


def _shares(values: Pixels) -> NDArray[np.float64]:
    return np.bincount(values, minlength=256) / max(1, values.size)


def _square(left: float, top: float, side: int) -> tuple[slice, slice]:
    x, y = (min(max(0, int(value)), SIDE - side) for value in (left, top))
    return slice(y, y + side), slice(x, x + side)


def _linear() -> Float32:
    """Return the linear light of each sRGB channel value, float32 (256,) in [0, 1] (IEC 61966-2-1)."""
    value = np.arange(256) / 255
    return np.asarray(np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4), np.float32)


_LINEAR: Final = _linear()
