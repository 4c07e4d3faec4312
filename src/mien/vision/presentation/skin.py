"""Skin colour of cheeks, nose and forehead, in linear light."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mien.vision.canonical import canonical_mesh
from mien.vision.landmarks import Mesh
from mien.vision.types import Float32, Pixels

_CHEEK: Final = (117, 118, 101, 36, 203, 206, 187, 123)
"""Mesh vertices around the image's left cheek."""
_FOREHEAD: Final = (109, 10, 338, 337, 9, 108)
_NOSE: Final = (6, 197, 195, 5)
_LINEAR: Final = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
_SIDE: Final = 64
_NARROW: Final = 0.4
"""A cheek with less than this share of the other's area is turned away, and its outline includes background."""
_HEAD: Final = 1.8
"""Size of a head with hair relative to its mesh."""
_FEWEST_BEHIND: Final = 60
"""Fewest pixels of visible background, in a picture whose longer side has `_SIDE` pixels."""
_FEWEST: Final = 6
"""Fewest pixels of a region."""


REGIONS: Final = ("cheek on the image's left", "cheek on the image's right", "forehead and nose")


def background_colour(pixels: Pixels, mesh: Mesh) -> Float32:
    """Measure the colour of the background.

    Args:
        pixels: BGR uint8 (h, w, 3).
        mesh: mesh of a face in them.

    Returns:
        float32 (3,), mean linear red, green and blue in [0, 1] of the picture's upper two thirds beside the head; NaN
        if too little of it is visible, or nearly all is black or clipped.
    """
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    low, high = mesh.points[:, :2].min(axis=0) * scale, mesh.points[:, :2].max(axis=0) * scale
    middle, size = (low + high) / 2, high - low
    y, x = np.mgrid[: small.shape[0], : small.shape[1]]
    beside = np.abs(x - middle[0]) > _HEAD * size[0] / 2
    above = y < middle[1] - _HEAD * size[1] / 2
    chosen = small[(beside | above) & (y < small.shape[0] * 2 / 3)]
    brightest = chosen.max(axis=1, initial=0) if len(chosen) else np.zeros(0)
    usable = (brightest < 252) & (brightest > 8)
    if usable.sum() < _FEWEST_BEHIND:
        return np.full(3, np.nan, np.float32)
    return np.asarray(_LINEAR[chosen[usable]].mean(axis=0)[::-1], np.float32)


def skin_colours(pixels: Pixels, mesh: Mesh) -> Float32:
    """Measure the skin's colour.

    Args:
        pixels: BGR uint8 (h, w, 3).
        mesh: mesh of a face in them.

    Returns:
        float32 (3, 3), mean linear red, green and blue in [0, 1] of each of `REGIONS`; NaN for a region that is outside
        the image or turned away. Black and clipped pixels are left out, unless most pixels are.
    """
    points = mesh.points[:, :2]
    low = np.floor(points.min(axis=0)).astype(int)
    high = np.ceil(points.max(axis=0)).astype(int) + 1
    low, high = np.maximum(low, 0), np.minimum(high, (pixels.shape[1], pixels.shape[0]))
    found = np.full((3, 3), np.nan, np.float32)
    if (high - low).min() < 4:
        return found
    region = pixels[low[1] : high[1], low[0] : high[0]]
    scale = _SIDE / max(region.shape[:2])
    if scale < 1:
        region = np.asarray(cv2.resize(region, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    factor = (region.shape[1] / (high[0] - low[0]), region.shape[0] / (high[1] - low[1]))
    mirror = canonical_mesh().mirror
    outlines = [(points[list(names)] - low) * factor for names in (_CHEEK, mirror[list(_CHEEK)], _FOREHEAD)]
    areas = [float(cv2.contourArea(outline.astype(np.float32))) for outline in outlines]
    for number, outline in enumerate(outlines):
        if number < 2 and areas[number] < _NARROW * areas[1 - number]:
            continue
        mask = np.zeros(region.shape[:2], np.uint8)
        cv2.fillPoly(mask, [outline.round().astype(np.int32)], 1)
        if number == 2:
            bridge = ((points[list(_NOSE)] - low) * factor).round().astype(np.int32)
            cv2.polylines(mask, [bridge], isClosed=False, color=1, thickness=max(1, region.shape[1] // 20))
        chosen = region[mask > 0]
        if len(chosen) < _FEWEST:
            continue
        brightest = chosen.max(axis=1)
        usable = (brightest < 252) & (brightest > 8)
        kept = chosen[usable] if usable.sum() * 4 >= len(chosen) else chosen
        found[number] = _LINEAR[kept].mean(axis=0)[::-1]
    return found
