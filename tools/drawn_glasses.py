"""Glasses drawn on faces that wear none: thick dark frames, which photos of the early 2000s hardly show.

With clear lenses they teach the sunglasses head that a black frame is not a dark lens; with filled ones, as many, that
drawn glasses are not clear by themselves. They only ever add to what is fitted, never to what is measured.
"""

from __future__ import annotations

import cv2
import numpy as np

from mien.vision.types import Float32, Pixels

_FINER = 8  # OpenCV draws at fractions of a pixel of 1/8
_SHIFT = 3


def draw(pixels: Pixels, points: Float32, *, dark_lenses: bool, random: np.random.Generator) -> Pixels:
    """Draw glasses around the eyes.

    Args:
        pixels: BGR uint8 (h, w, 3); not changed.
        points: float32 (5, 2), eyes first.
        dark_lenses: whether the lenses are filled.
        random: decides shape, thickness and shade.

    Returns:
        BGR uint8 (h, w, 3).
    """
    eyes = points[:2].astype(np.float64)
    along = eyes[1] - eyes[0]
    distance = float(np.hypot(*along))
    along /= distance
    down = np.array([-along[1], along[0]])
    half_width, half_height = distance * random.uniform(0.34, 0.44), distance * random.uniform(0.22, 0.34)
    squareness = random.uniform(2, 5)
    shift = down * distance * random.uniform(-0.02, 0.08)
    shade = tuple(float(value) for value in random.uniform(5, 60, 3) * random.uniform(0.3, 1))
    thick = max(1, round(distance * random.uniform(0.05, 0.11)))
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / squareness) * half_width
    y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / squareness) * half_height
    rims = [_fixed(eye + shift + x[:, None] * along + y[:, None] * down) for eye in eyes]
    drawn = pixels.copy()
    if dark_lenses:
        cv2.fillPoly(drawn, rims, shade, cv2.LINE_AA, _SHIFT)
        opacity = random.uniform(0.65, 0.97)
        drawn = np.asarray(cv2.addWeighted(drawn, opacity, pixels, 1 - opacity, 0), np.uint8)
    cv2.polylines(drawn, rims, True, shade, thick, cv2.LINE_AA, _SHIFT)
    middle = eyes.mean(axis=0) + shift - down * half_height * 0.3
    bridge = (distance / 2 - half_width) * along
    temple = (half_width + distance * 0.25) * along
    lines = [(middle - bridge, middle + bridge)]
    lines += [(eyes[0] - half_width * along, eyes[0] - temple), (eyes[1] + half_width * along, eyes[1] + temple)]
    for start, end in lines:
        cv2.polylines(drawn, [_fixed(np.stack([start, end]))], False, shade, thick, cv2.LINE_AA, _SHIFT)
    return np.asarray(drawn, np.uint8)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round(points * _FINER).astype(np.int32)
