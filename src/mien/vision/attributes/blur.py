"""Blur: the width of the face's strongest edges.

The gradient across an edge of Gaussian width s, after smoothing by σ, is proportional to 1 / √(s² + σ²). So the
energies of the gradients after a fine and a coarse smoothing give s, whatever the contrast. Both directions are
measured and the blurrier one counts, to detect motion blur. Only the steepest fifth of the pixels is used: it has the
edges of eyes, brows, nose and mouth, and little noise, which would be mistaken for sharpness.
"""

from __future__ import annotations

import cv2
import numpy as np

from mien.contract.attributes import Level3
from mien.vision.attributes.region import face_luma
from mien.vision.types import Float32, Measured, Pixels

FACE_SIDE = 112
"""Side of the square of `face_luma` at which faces are measured; smaller faces are not enlarged."""

_FINE, _COARSE = 0.7, 1.4
_STEEPEST = 0.2
_MEDIUM_WIDTH, _HIGH_WIDTH = 2.6, 4.0
_MIDDLE = (_MEDIUM_WIDTH * _HIGH_WIDTH) ** 0.5
_POWER = float(np.log(3.0) / np.log(_HIGH_WIDTH / _MIDDLE))
_MAX_RATIO_WIDTH = 40.0


def blur(pixels: Pixels, points: Float32) -> Measured:
    """Measure a face's blur.

    Args:
        pixels: uint8 (height, width, 3), BGR.
        points: float32 (5, 2) in pixels of `pixels`.

    Returns:
        A value in [0, 1], rising with blur; low < .25 ≤ medium < .75 ≤ high. The limits are edges 2.6 and 4.0 pixels
        wide on a face region of 112 pixels; 99 % of unedited LFW photos are below the first.
    """
    value = blur_value(edge_width(face_luma(pixels, points, limit=FACE_SIDE, shrink=True)))
    return Measured(level=blur_level(value), value=value)


def edge_width(luma: Pixels) -> float:
    """Measure the width of the steepest edges of a face region, in pixels of a region of `FACE_SIDE`.

    For a smaller region the width is scaled by the square root of the missing factor, a compromise between "as sharp as
    its pixels allow" and "as sharp as a large face": a sharp small face does not count as blurred, a soft one does.

    Args:
        luma: uint8 (h, w), the region.

    Returns:
        The standard deviation of the Gaussian that would turn step edges into such edges, in [0, 40].
    """
    image = luma.astype(np.float32)
    fine, coarse = cv2.GaussianBlur(image, (0, 0), _FINE), cv2.GaussianBlur(image, (0, 0), _COARSE)
    width = 0.0
    for dx, dy in ((1, 0), (0, 1)):
        sharp = np.square(cv2.Sobel(fine, cv2.CV_32F, dx, dy)).ravel()
        soft = np.square(cv2.Sobel(coarse, cv2.CV_32F, dx, dy)).ravel()
        rank = int(soft.size * (1 - _STEEPEST))
        edges = soft >= np.partition(soft, rank)[rank]
        energy = float(soft[edges].sum())
        if energy <= 0.0:
            return _MAX_RATIO_WIDTH
        ratio = float(sharp[edges].sum()) / energy
        if ratio <= 1.0:
            return _MAX_RATIO_WIDTH
        width = max(width, max(0.0, (_COARSE**2 - ratio * _FINE**2) / (ratio - 1.0)) ** 0.5)
    return float(min(_MAX_RATIO_WIDTH, width * max(1.0, FACE_SIDE / max(luma.shape)) ** 0.5))


def blur_value(width: float) -> float:
    """Map an edge width in pixels (see `edge_width`) to [0, 1], rising; .25 and .75 are the limits of the levels."""
    powered = float((width / _MIDDLE) ** _POWER)
    return powered / (1.0 + powered)


def blur_level(value: float) -> Level3:
    """Return the level of a blur value; the limits are inferred from published responses of Azure (undocumented)."""
    if value < 0.25:
        return Level3.LOW
    return Level3.MEDIUM if value < 0.75 else Level3.HIGH
