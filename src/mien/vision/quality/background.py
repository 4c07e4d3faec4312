"""Background uniformity (ISO/IEC 29794-5, 7.3.2).

The standard segments the photo with a network. Here the background is the part of the photo above the chin and outside
an ellipse around the head that leaves room for hair.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mien.vision.measures import QualityScore
from mien.vision.quality.mapping import scored, sigmoid
from mien.vision.quality.regions import CHIN, SIDE, AlignedFace, eye_centres, eyes_to_chin, jaw

_WIDER: Final = 1.45
"""Width of the ellipse relative to the jaw, for ears and hair."""
_HIGHER: Final = 1.6
"""Distance from the eyes to the ellipse's top, relative to the distance from the eyes to the chin."""
_ERODED: Final = 4
_LEAST: Final = 400
"""Fewest pixels of background for a measurement."""


def background_uniformity(face: AlignedFace) -> QualityScore | None:
    """Measure the mean gradient of luminance beside the head; None if there is too little background."""
    chin = face.mesh[CHIN]
    sides = jaw(face.mesh)
    down = eyes_to_chin(face.mesh)
    eyes = eye_centres(face.mesh).mean(axis=0)
    top = float(eyes[1]) - _HIGHER * down
    middle = (float(sides[[0, -1], 0].mean()), (top + float(chin[1])) / 2)
    half = max(8.0, _WIDER * float(np.ptp(sides[:, 0])) / 2), max(8.0, (float(chin[1]) - top) / 2)
    mask = face.inside.copy()
    cv2.ellipse(mask, (middle, (2 * half[0], 2 * half[1]), 0), 0, thickness=-1)
    mask[max(0, min(SIDE, int(chin[1]))) :] = 0
    # Also exclude the area below the eyes within the ellipse's width: neck and long hair.
    left, right = (min(SIDE, max(0, round(middle[0] + sign * half[0]))) for sign in (-1, 1))
    mask[max(0, min(SIDE, int(eyes[1]))) :, left:right] = 0
    mask = np.asarray(cv2.erode(mask, np.ones((_ERODED, _ERODED), np.uint8), borderValue=0), np.uint8)
    if int(mask.sum()) < _LEAST:
        return None
    gradients = cv2.magnitude(cv2.Sobel(face.luminance, cv2.CV_32F, 1, 0), cv2.Sobel(face.luminance, cv2.CV_32F, 0, 1))
    mean = float(gradients[mask == 1].mean())
    return scored(mean, 190 * (1 - sigmoid(mean, 10, 100)))
