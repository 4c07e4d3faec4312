"""Skin, paper or screen: the pair of MiniFASNet networks on the face and its surroundings.

Each looks at a crop of 80 × 80 pixels, cut from the face's box enlarged 2.7 times (V2) and 4 times (V1SE); the
published networks were trained so. The crop keeps the box's shape, is moved inside the image where it would reach
beyond, and enlarged less where the image is too small for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from mien.models.store import LoadedPack
from mien.vision import align
from mien.vision.types import Float32, Pixels

PACK: Final = "minifasnet"
"""Name of the optional pack."""

_ENLARGED: Final = {"v2": 2.7, "v1se": 4.0}
_REAL: Final = 1
"""Which of the three classes is a real face."""
_SIDE: Final = 80

Box = tuple[float, float, float, float]


class MaterialNetworks:
    """The pair of networks; safe to call from many threads.

    Args:
        pack: the loaded pack.
    """

    def __init__(self, pack: LoadedPack) -> None:
        self._networks = {role: pack.networks[role] for role in _ENLARGED}

    def real(self, views: Sequence[tuple[Pixels, Box]]) -> Float32:
        """How much each view looks like a real face.

        Args:
            views: BGR uint8 (h, w, 3) and the detector's box in it: left, top, width, height in pixels.

        Returns:
            float32 (n, 2), probabilities in [0, 1] of V2 and V1SE.
        """
        if not views:
            return np.zeros((0, 2), np.float32)
        columns = []
        for role, enlarged in _ENLARGED.items():
            crops = [surroundings(pixels, box, enlarged) for pixels, box in views]
            (found,) = self._networks[role].run(np.asarray(cv2.dnn.blobFromImages(crops), np.float32))
            columns.append(found[:, _REAL])
        return np.asarray(np.stack(columns, axis=1), np.float32)


def surroundings(pixels: Pixels, box: Box, enlarged: float) -> Pixels:
    """Cut a face with its surroundings.

    Args:
        pixels: BGR uint8 (h, w, 3).
        box: left, top, width, height in pixels.
        enlarged: how much larger than the box the crop is, where the image has room.

    Returns:
        BGR uint8 (80, 80, 3).
    """
    height, width = pixels.shape[:2]
    left, top, box_width, box_height = box
    scale = min(enlarged, (width - 1) / max(box_width, 1), (height - 1) / max(box_height, 1))
    crop_width, crop_height = max(box_width * scale, 1.0), max(box_height * scale, 1.0)
    x = float(np.clip(left + box_width / 2 - crop_width / 2, 0, max(width - 1 - crop_width, 0)))
    y = float(np.clip(top + box_height / 2 - crop_height / 2, 0, max(height - 1 - crop_height, 0)))
    region = pixels[int(y) : int(y + crop_height) + 1, int(x) : int(x + crop_width) + 1]
    while min(region.shape[:2]) >= 4 * _SIDE:  # bilinear alone would skip pixels
        region = align.halved(region)
    return np.asarray(cv2.resize(region, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)
