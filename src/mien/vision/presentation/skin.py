"""The colour of a face's skin: cheeks, nose and forehead, in linear light."""

from __future__ import annotations

import cv2
import numpy as np

from mien.vision.canonical import canonical_mesh
from mien.vision.landmarks import Mesh
from mien.vision.types import Float32, Pixels

_CHEEK = (117, 118, 101, 36, 203, 206, 187, 123)
"""Mesh vertices around the image's left cheek."""
_FOREHEAD = (109, 10, 338, 337, 9, 108)
_NOSE = (6, 197, 195, 5)
_LINEAR = ((np.arange(256) / 255.0) ** 2.2).astype(np.float32)
_SIDE = 64


def skin_colour(pixels: Pixels, mesh: Mesh) -> Float32:
    """Measure the skin's colour.

    Args:
        pixels: BGR uint8 (h, w, 3).
        mesh: of a face in them.

    Returns:
        float32 (3,), mean linear red, green and blue in [0, 1]; pixels that are black or clipped are left out unless
        all are.
    """
    points = mesh.points[:, :2]
    low = np.floor(points.min(axis=0)).astype(int)
    high = np.ceil(points.max(axis=0)).astype(int) + 1
    low, high = np.maximum(low, 0), np.minimum(high, (pixels.shape[1], pixels.shape[0]))
    if (high - low).min() < 4:
        return np.zeros(3, np.float32)
    region = pixels[low[1] : high[1], low[0] : high[0]]
    scale = _SIDE / max(region.shape[:2])
    if scale < 1:
        region = np.asarray(cv2.resize(region, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    scale_x, scale_y = region.shape[1] / (high[0] - low[0]), region.shape[0] / (high[1] - low[1])
    mask = np.zeros(region.shape[:2], np.uint8)
    mirror = canonical_mesh().mirror
    for outline in (_CHEEK, tuple(mirror[list(_CHEEK)]), _FOREHEAD):
        corners = (points[list(outline)] - low) * (scale_x, scale_y)
        cv2.fillPoly(mask, [corners.round().astype(np.int32)], 1)
    bridge = ((points[list(_NOSE)] - low) * (scale_x, scale_y)).round().astype(np.int32)
    cv2.polylines(mask, [bridge], isClosed=False, color=1, thickness=max(1, region.shape[1] // 20))
    chosen = region[mask > 0]
    if len(chosen) == 0:
        return np.zeros(3, np.float32)
    usable = (chosen.max(axis=1) < 252) & (chosen.max(axis=1) > 8)
    kept = chosen[usable] if usable.sum() * 4 >= len(chosen) else chosen
    return np.asarray(_LINEAR[kept].mean(axis=0)[::-1], np.float32)
