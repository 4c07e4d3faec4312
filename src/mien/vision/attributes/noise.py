"""Noise: its standard deviation on the smoother half of the face, ignoring planes and edges.

J. Immerkær, "Fast noise variance estimation" (1996): the difference of two Laplacians is zero on planes and straight
edges and responds to white noise with a known gain. Beards, brows and hair are not noise, so the half of the pixels
with the steeper (smoothed) gradient, which contains them, is left out.
"""

from __future__ import annotations

import cv2
import numpy as np

from mien.contract.attributes import Level3
from mien.vision.attributes.region import face_luma
from mien.vision.types import Float32, Measured, Pixels

_SIDE = 128
_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
_GAIN = float(np.sqrt(np.pi / 2) / 6)
_MEDIUM_SIGMA, _HIGH_SIGMA = 4.0, 10.0
_MIDDLE = (_MEDIUM_SIGMA * _HIGH_SIGMA) ** 0.5
_POWER: float = float(np.log(0.7 / 0.3) / np.log(_HIGH_SIGMA / _MIDDLE))


def noise(pixels: Pixels, points: Float32) -> Measured:
    """Measure a face's noise at the resolution of `pixels` (scaling down averages noise away).

    Args:
        pixels: uint8 (height, width, 3), BGR.
        points: float32 (5, 2) in pixels of `pixels`.

    Returns:
        A value in [0, 1], rising with noise, with the contract's levels: low [0, .3), medium [.3, .7), high [.7, 1].
        The limits are standard deviations of 4 and 10 of 255 in luma, about 6 and 15 in each colour channel.
    """
    value = noise_value(noise_sigma(face_luma(pixels, points, limit=_SIDE, shrink=False)))
    return Measured(level=noise_level(value), value=value)


def noise_sigma(luma: Pixels) -> float:
    """Measure the standard deviation of a face region's noise, in units of luma.

    Args:
        luma: uint8 (h, w).

    Returns:
        At least 0; 0 for regions under 3 × 3 pixels.
    """
    if min(luma.shape) < 3:
        return 0.0
    image = luma.astype(np.float32)
    answer = np.abs(cv2.filter2D(image, -1, _KERNEL))[1:-1, 1:-1].ravel()
    smooth = cv2.blur(image, (3, 3))
    slope_x, slope_y = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    steepness = (np.square(slope_x) + np.square(slope_y))[1:-1, 1:-1].ravel()
    middle = steepness.size // 2
    return _GAIN * float(answer[steepness <= np.partition(steepness, middle)[middle]].mean())


def noise_value(sigma: float) -> float:
    """Map a standard deviation in luma to [0, 1], rising; .3 and .7 are the limits of the levels."""
    powered = float((sigma / _MIDDLE) ** _POWER)
    return powered / (1.0 + powered)


def noise_level(value: float) -> Level3:
    """Return the level of a noise value, by the contract's limits."""
    if value < 0.3:
        return Level3.LOW
    return Level3.MEDIUM if value < 0.7 else Level3.HIGH
