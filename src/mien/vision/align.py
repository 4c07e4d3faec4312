"""Alignment: rotates a face upright and crops it, by its five points."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from mien.vision.types import Float32, Pixels

TEMPLATE_112: Float32 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
"""Positions of the five points in a 112×112 crop: the template that ArcFace-style embedding networks were trained with
(published with insightface; the numbers are in common use)."""

_SHRINK_BEFORE_WARP = 2.0
"""Above this reduction a bilinear warp would skip pixels, so the source is first reduced by averaging."""


def similarity_transform(points: Float32, template: Float32) -> Float32:
    """Return the least-squares similarity transform (rotation, scale and shift) from `points` to `template`.

    Args:
        points: float32 (k, 2), k ≥ 2.
        template: float32 (k, 2).

    Returns:
        float32 (2, 3), to apply to columns (x, y, 1), without reflection.
    """
    # With complex numbers the closed form is one division: minimise |a·z + b - w| over complex a and b. In plain Python
    # because for five points a dozen numpy calls take ten times as long.
    z = [complex(x, y) for x, y in points.tolist()]
    w, w_mean = _centred(template.tobytes())
    z_mean = sum(z) / len(z)
    z = [one - z_mean for one in z]
    spread = sum(one.real * one.real + one.imag * one.imag for one in z)
    shared = sum(one.conjugate() * other for one, other in zip(z, w, strict=True))
    a = shared / spread if spread > 0 else 1 + 0j
    b = w_mean - a * z_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]], np.float32)


@lru_cache(64)
def _centred(template: bytes) -> tuple[list[complex], complex]:
    """Return points (bytes of float32 (k, 2)) as complex numbers relative to their mean, and the mean."""
    w = [complex(x, y) for x, y in np.frombuffer(template, np.float32).reshape(-1, 2).tolist()]
    mean = sum(w) / len(w)
    return [one - mean for one in w], mean


def apply_transform(transform: Float32, points: Float32) -> Float32:
    """Apply `transform`, float32 (2, 3), to `points`, float32 (k, 2)."""
    return np.asarray(points @ transform[:, :2].T + transform[:, 2], np.float32)


def invert_transform(transform: Float32) -> Float32:
    """Return the float32 (2, 3) transform that undoes `transform`."""
    return np.asarray(cv2.invertAffineTransform(transform), np.float32)


def warp(pixels: Pixels, transform: Float32, width: int, height: int) -> Pixels:
    """Resample `pixels` by `transform` into an image of `width`×`height`, without aliasing when shrinking.

    Args:
        pixels: uint8 (h, w, 3).
        transform: float32 (2, 3), from `pixels` to the result.
        width: width of the result.
        height: height of the result.

    Returns:
        uint8 (height, width, 3); black outside `pixels`.
    """
    scale = math.hypot(transform[0, 0], transform[1, 0])
    if scale * _SHRINK_BEFORE_WARP < 1:
        pixels, transform = _shrink_to(pixels, transform, width, height, scale)
    result = cv2.warpAffine(pixels, transform, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(result, np.uint8)


def halved(pixels: Pixels) -> Pixels:
    """Average every 2×2 pixels into one; an odd last row or column is dropped.

    OpenCV averages quickly only for exact halving: a tenth of the time of other factors.
    """
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    even = pixels[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _shrink_to(pixels: Pixels, transform: Float32, width: int, height: int, scale: float) -> tuple[Pixels, Float32]:
    """Crop the region that `transform` reads and halve it until the warp shrinks by less than two."""
    (a, b, x), (c, d, y) = transform.tolist()
    area = a * d - b * c
    back = 1 / area if area else 0.0
    columns = _span((b * y - d * x) * back, width * d * back, -height * b * back, pixels.shape[1])
    rows = _span((c * x - a * y) * back, -width * c * back, height * a * back, pixels.shape[0])
    region = pixels[rows, columns]
    factor = 1
    while scale * factor * _SHRINK_BEFORE_WARP < 1 and min(region.shape[:2]) >= 4:
        region = halved(region)
        factor *= 2
    if factor == 1:
        return pixels, transform
    # Pixel centres: small = (big + 0.5) / f - 0.5, so big = f·small + (f - 1) / 2.
    middle = (factor - 1) / 2
    enlarge = np.array([[factor, 0, middle + columns.start], [0, factor, middle + rows.start]], np.float32)
    adapted = transform[:, :2] @ enlarge
    adapted[:, 2] += transform[:, 2]
    return region, np.asarray(adapted, np.float32)


def _span(start: float, along: float, across: float, count: int) -> slice:
    """Return the whole pixels that cover `start` plus either, both or none of the sides, with a margin of two."""
    low, high = start + min(along, 0.0) + min(across, 0.0), start + max(along, 0.0) + max(across, 0.0)
    return slice(max(math.floor(low) - 2, 0), min(math.ceil(high) + 2, count))


def crop(pixels: Pixels, points: Float32, size: int = 112, template: Float32 = TEMPLATE_112) -> Pixels:
    """Crop a face, rotated upright.

    Args:
        pixels: BGR uint8 (h, w, 3).
        points: float32 (5, 2) in those pixels, see `Detection.points`.
        size: width and height of the crop.
        template: float32 (5, 2), target positions of the points in a crop of 112 pixels (scaled to `size`).

    Returns:
        BGR uint8 (size, size, 3).
    """
    return warp(pixels, similarity_transform(points, template * np.float32(size / 112)), size, size)
