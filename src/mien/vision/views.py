"""The pixels by which one face of a photo is analysed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.vision.decode import Photo
from mien.vision.types import Detection, Float32, Pixels

_EYE_PIXELS = 56.0
"""Pixels between the eyes in the largest crop of a network; a face with fewer is decoded at a finer scale."""


@dataclass(frozen=True, slots=True)
class View:
    """The pixels used to analyse one face, and their position in the full image.

    A point p of `pixels` is at `origin + scale · p` in the image.
    """

    pixels: Pixels
    origin: tuple[float, float]
    scale: float
    points: Float32
    box: tuple[float, float, float, float]

    def to_full(self, points: Float32) -> Float32:
        """Return points of `pixels` as points of the full image."""
        return np.asarray(points * np.float32(self.scale) + np.asarray(self.origin, np.float32), np.float32)


def view_of(photo: Photo, detection: Detection) -> View:
    """Return pixels that are fine enough for the networks' crops."""
    if photo.scale == 1:
        return View(photo.pixels, photo.origin, photo.scale, detection.points, detection.box)
    eyes = float(np.linalg.norm(detection.points[1] - detection.points[0]))
    if eyes >= _EYE_PIXELS:
        return View(photo.pixels, photo.origin, photo.scale, detection.points, detection.box)
    left, top, width, height = detection.box
    corners = np.array([[left - width, top - height], [left + 2 * width, top + 2 * height]], np.float32)
    (x0, y0), (x1, y1) = photo.to_full(corners)
    region = photo.region(
        float(x0), float(y0), float(x1), float(y1), max_scale=max(1.0, photo.scale * eyes / _EYE_PIXELS)
    )
    origin = (region.left, region.top)
    back = np.float32(1 / region.scale)
    points = np.asarray((photo.to_full(detection.points) - np.asarray(origin, np.float32)) * back, np.float32)
    (bx, by), (ex, ey) = (
        photo.to_full(np.array([[left, top], [left + width, top + height]], np.float32)) - origin
    ) * back
    return View(region.pixels, origin, region.scale, points, (float(bx), float(by), float(ex - bx), float(ey - by)))
