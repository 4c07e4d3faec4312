"""Openness of the eyes, from pixels, because the mesh hardly follows the lids."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mien.vision import align
from mien.vision.canonical import EYE_CORNERS
from mien.vision.landmarks import Mesh
from mien.vision.types import Pixels

_PATCH: Final = (32, 16)
"""Width and height of the upright crop of an eye; its corners are 24 pixels apart."""


def eye_contrast(pixels: Pixels, mesh: Mesh) -> float:
    """Return the contrast of the eyes: standard deviation of luma divided by its mean, averaged over both eyes.

    Args:
        pixels: BGR uint8 (h, w, 3).
        mesh: mesh of a face in them.

    Returns:
        About 0.3 to 0.6 for open eyes; about half of that in a blink.
    """
    found = []
    width, height = _PATCH
    target = np.array([[width / 2 - 12, height / 2], [width / 2 + 12, height / 2]], np.float32)
    for corners in EYE_CORNERS:
        move = align.similarity_transform(mesh.points[list(corners), :2], target)
        luma = cv2.cvtColor(align.warp(pixels, move, width, height), cv2.COLOR_BGR2GRAY)[3:-3, 6:-6]
        found.append(float(luma.std()) / max(float(luma.mean()), 4.0))
    return float(np.mean(found))
