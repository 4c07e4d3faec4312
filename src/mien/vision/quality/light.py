"""Illumination, exposure, sharpness and colour (ISO/IEC 29794-5, 7.3.3 to 7.3.8 and 7.3.10)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from mien.vision.attributes.blur import FACE_SIDE, blur_value, edge_width
from mien.vision.attributes.region import face_luma
from mien.vision.measures import QualityScore
from mien.vision.quality.mapping import scored, sigmoid
from mien.vision.quality.regions import AlignedFace
from mien.vision.types import Float32, Pixels

_DARK, _BRIGHT = 25, 247
_RGB_TO_XYZ: Final = np.array([[0.43605, 0.38508, 0.14309], [0.22249, 0.71689, 0.06062], [0.01393, 0.09710, 0.71419]])
"""Linear sRGB to XYZ of illuminant D50 (Bradford adaptation)."""
_WHITE: Final = np.array([0.964221, 1.0, 0.825211])


def illumination_uniformity(face: AlignedFace) -> QualityScore:
    """Score the intersection of the luminance histograms of both cheeks."""
    left, right = (face.shares(cheek) for cheek in face.cheeks)
    common = float(np.minimum(left, right).sum())
    return scored(common, 100 * common**0.3)


def luminance_mean(face: AlignedFace) -> QualityScore:
    """Score the mean luminance: best between about 0.3 and 0.7."""
    mean = _mean(face)
    return scored(mean, 100 * sigmoid(mean, 0.2, 0.05) * (1 - sigmoid(mean, 0.8, 0.05)))


def luminance_variance(face: AlignedFace) -> QualityScore:
    """Score the variance of luminance: best at 1/60, lower for flat and for hard light."""
    variance = float(face.histogram @ np.square(np.arange(256) / 255 - _mean(face)))
    return scored(variance, 100 * math.sin(math.pi * 60 * variance / (60 * variance + 1)))


def under_exposure(face: AlignedFace) -> QualityScore:
    """Score the share of nearly black pixels."""
    dark = float(face.histogram[: _DARK + 1].sum())
    return scored(dark, 120 * (0.832 - sigmoid(dark, 0.92, 0.05)))


def over_exposure(face: AlignedFace) -> QualityScore:
    """Score the share of nearly white pixels."""
    bright = float(face.histogram[_BRIGHT:].sum())
    return scored(bright, 1 / (bright + 0.01))


def dynamic_range(face: AlignedFace) -> QualityScore:
    """Score the entropy of the luminance histogram, in bits."""
    shares = face.histogram[face.histogram > 0]
    entropy = float(-(shares * np.log2(shares)).sum())
    return scored(entropy, 12.5 * entropy)


def natural_colour(face: AlignedFace) -> QualityScore:
    """Score the distance of the cheeks' mean colour from the range of skin in CIELAB."""
    pixels = np.concatenate([face.pixels[cheek].reshape(-1, 3) for cheek in face.cheeks])
    mean = pixels.mean(axis=0)[::-1] / 255
    linear = np.where(mean <= 0.04045, mean / 12.92, ((mean + 0.055) / 1.055) ** 2.4)
    relative = _RGB_TO_XYZ @ linear / _WHITE
    x, y, z = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    a, b = 500 * float(x - y), 200 * float(y - z)
    distance = 100.0 if a < 0 or b < 0 else math.hypot(max(0.0, 5 - a, a - 25), max(0.0, 5 - b, b - 35))
    return scored(distance, 200 * (1 - sigmoid(distance, 0, 10)))


def sharpness(pixels: Pixels, points: Float32) -> QualityScore:
    """Score the width of the face's steepest edges, by the method of the attribute `blur`.

    Args:
        pixels: BGR uint8 (h, w, 3).
        points: float32 (5, 2) in them.
    """
    width = edge_width(face_luma(pixels, points, limit=FACE_SIDE, shrink=True))
    return scored(width, 100 * (1 - blur_value(width)))


def _mean(face: AlignedFace) -> float:
    return float(face.histogram @ (np.arange(256) / 255))
