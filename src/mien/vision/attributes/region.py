"""The square on which blur, exposure and noise are measured: brows to chin, no hair, little background."""

from __future__ import annotations

import cv2
import numpy as np

from mien.vision.types import Float32, Pixels

_REACH = 1.05
"""Half the square's side, as a multiple of the distance from the eyes to the mouth."""


def face_luma(pixels: Pixels, points: Float32, *, limit: int, shrink: bool) -> Pixels:
    """Crop the square around the five points as luma. It is not enlarged, which would look like blur.

    The square is not rotated to the face, because rotation softens edges and averages noise away.

    Args:
        pixels: uint8 (height, width, 3), BGR.
        points: float32 (5, 2), see `Detection.points`, in pixels of `pixels`.
        limit: longest side of the result.
        shrink: scale a larger square down to the limit (for edges and light); if false, use its middle at full
            resolution (for noise, which scaling averages away).

    Returns:
        uint8 (h, w) with 1 ≤ h, w ≤ `limit`; parts of the square outside the image are left out.
    """
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    # Yaw shortens the eye distance, pitch the distance to the mouth; the larger indicates the size.
    size = max(float(np.hypot(*(eyes - mouth))), 0.9 * float(np.hypot(*(points[1] - points[0]))))
    half = _REACH * size if shrink else min(_REACH * size, limit / 2)
    height, width = pixels.shape[:2]
    x, y = (float(value) for value in points.mean(axis=0))
    left, right = _span(x - half, x + half, width)
    top, bottom = _span(y - half, y + half, height)
    # Rounding may yield one pixel more than the limit.
    square = pixels[top:bottom, left:right] if shrink else pixels[top:bottom, left:right][:limit, :limit]
    longest = max(square.shape[:2])
    if longest > limit:
        scale = limit / longest
        shape = (max(1, round(square.shape[1] * scale)), max(1, round(square.shape[0] * scale)))
        square = np.asarray(cv2.resize(square, shape, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(square, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def _span(low: float, high: float, end: int) -> tuple[int, int]:
    """Return the whole pixels from `low` to `high` within [0, end); at least one."""
    start = min(max(0, round(low)), end - 1)
    return start, max(start + 1, min(end, round(high)))
