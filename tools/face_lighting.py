"""Faces in worse light, for training: darkened as a whole, or before a dark background."""

from __future__ import annotations

import numpy as np

from mien.vision.types import Pixels

_MIDDLE, _HALF_AXES = (112.0, 112.0), (62.0, 88.0)
"""An ellipse around head and hair in the loose crop, in pixels."""


def darken(loose_crop: Pixels, random: np.random.Generator) -> Pixels:
    """Darken a loose crop, its background, or both.

    Args:
        loose_crop: BGR uint8 (224, 224, 3), see `FaceContext.loose_crop`.
        random: chooses what is darkened and how much.

    Returns:
        The same shape; the background fades to nearly black from the edge of the head and its hair on.
    """
    image = loose_crop.astype(np.float32)
    kind = random.integers(3)
    if kind != 1:
        image *= random.uniform(0.15, 0.6)
    if kind != 0:
        y, x = np.mgrid[: image.shape[0], : image.shape[1]]
        away = ((x - _MIDDLE[0]) / _HALF_AXES[0]) ** 2 + ((y - _MIDDLE[1]) / _HALF_AXES[1]) ** 2
        head = np.clip((1.5 - away) / 0.5, 0, 1)[..., None]
        image = image * head + random.uniform(0, 35, 3) * (1 - head)
    return np.asarray(np.clip(image, 0, 255), np.uint8)
