"""Exposure: whether the face is too dark, good, or too bright, independently of skin tone.

Between skin tones, the median luma of a well-lit face varies over half of the scale, but its brightest twentieth hardly
varies (highlights on the skin, teeth, the white of the eyes). Underexposure is therefore measured at the bright end,
overexposure by the median and by clipped pixels, where detail is lost.
"""

from __future__ import annotations

import numpy as np

from mien.contract.attributes import ExposureLevel
from mien.vision.attributes.region import face_luma
from mien.vision.types import Float32, Measured, Pixels

_SIDE = 64
_BRIGHT_QUANTILE = 0.95
_CLIPPED = 250
# Luma of the bright end → part of the value. 85 is the limit of underexposure: on 2,134 unedited LFW photos, many of
# dark-skinned people, the bright end is never below 100.
_BRIGHT_KNOTS = ((0.0, 85.0, 180.0, 255.0), (0.0, 0.25, 0.5, 0.55))
# Median luma, and fraction of clipped pixels → addition to the value for overexposure.
_MEDIAN_KNOTS = ((100.0, 160.0, 215.0, 255.0), (0.0, 0.05, 0.20, 0.45))
_CLIPPED_KNOTS = ((0.0, 0.30, 1.0), (0.0, 0.20, 0.45))


def exposure(pixels: Pixels, points: Float32) -> Measured:
    """Measure the exposure of a face.

    Args:
        pixels: uint8 (height, width, 3), BGR.
        points: float32 (5, 2) in pixels of `pixels`.

    Returns:
        A value in [0, 1] that never falls when pixels get brighter, with the contract's levels: under [0, .25), good
        [.25, .75), over [.75, 1].
    """
    value = exposure_value(face_luma(pixels, points, limit=_SIDE, shrink=True))
    return Measured(level=exposure_level(value), value=value)


def exposure_value(luma: Pixels) -> float:
    """Return the exposure in [0, 1] of a face region, uint8 (h, w)."""
    ordered = np.sort(luma, axis=None)
    bright = float(ordered[int(_BRIGHT_QUANTILE * (ordered.size - 1))])
    median = float(ordered[ordered.size // 2])
    clipped = 1.0 - float(np.searchsorted(ordered, _CLIPPED)) / ordered.size
    excess = max(float(np.interp(median, *_MEDIAN_KNOTS)), float(np.interp(clipped, *_CLIPPED_KNOTS)))
    return float(np.interp(bright, *_BRIGHT_KNOTS)) + excess


def exposure_level(value: float) -> ExposureLevel:
    """Return the level of an exposure value, by the contract's limits."""
    if value < 0.25:
        return ExposureLevel.UNDER
    return ExposureLevel.GOOD if value < 0.75 else ExposureLevel.OVER
