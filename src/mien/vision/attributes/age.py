"""Age: dlib's age network, corrected by a head on SFace's middle layers, then calibrated.

The head was fitted to 494 adults of known birth years (LFW). If the network estimates at most 18 years, it is used
alone; from 30 years on the head is used, and in between a blend. Both are biased to the middle: children are estimated
too old and old people too young. A monotone curve (`calibrate`), fitted to the age bands of FairFace by
`tools/train_age.py`, corrects this on average. It does not make single estimates more certain, as it stretches their
errors too. The figures are in docs/attributes.md.
"""

from __future__ import annotations

import cv2
import numpy as np

from mien.models.runtime import Network
from mien.vision import align
from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import load_head
from mien.vision.types import Float32, Pixels

PACK = "age"
CHIP_SIZE = 64
AGES: Float32 = np.concatenate([[0.25], np.arange(1, 81)]).astype(np.float32)
"""Ages of the network's 81 classes, in years."""

CHILD_AGE = 12.0
"""Faces estimated younger count as likely a child's (docs/accuracy.md has the rates by age)."""

_MEAN = np.array([122.782, 117.001, 104.298], np.float32)
_SCALE = 256.0
_CHIP_POINTS = ((0.2273, 0.2214), (0.7528, 0.2212), (0.2541, 0.7802), (0.7261, 0.7802))
_PADDING = 0.2
_POINTS_USED = (0, 1, 3, 4)
# Three chips, from 10 % smaller to 10 % larger than dlib's, and their mirror images: estimates for a child differ by up
# to 20 years between chips, and the mean is more accurate than any single chip, for adults too.
_VIEWS = ((0.9, 0.0), (1.0, -0.02), (1.1, -0.04))
_CHILD, _ADULT = 18.0, 30.0

CURVE_FROM: Float32 = np.array([0, 6, 14, 24, 36, 48, 60, 85], np.float32)
CURVE_TO: Float32 = np.array([0, 2.9, 5.5, 12.4, 31.6, 51.3, 69.4, 96.3], np.float32)
"""Calibrated ages of the estimates, linearly interpolated; `tools/train_age.py` prints the numbers."""


def age(context: FaceContext) -> float:
    """Estimate the apparent age in years, in [0, 100]."""
    network_age = raw_age(context.network(PACK), context.pixels, context.points)
    if network_age <= _CHILD:
        return calibrate(network_age)
    corrected = float(load_head("age")(context, network_age=np.array([network_age], np.float32))[0])
    return calibrate(blend(network_age, corrected))


def calibrate(estimate: float) -> float:
    """Correct an estimate in years by the monotone curve."""
    return float(np.interp(estimate, CURVE_FROM, CURVE_TO))


def blend(network_age: float, corrected: float) -> float:
    """Blend the network's estimate (for children) and the head's (for adults); years, clipped to [0, 100]."""
    weight = min(1.0, max(0.0, (network_age - _CHILD) / (_ADULT - _CHILD)))
    return min(100.0, max(0.0, network_age + weight * (corrected - network_age)))


def raw_age(network: Network, pixels: Pixels, points: Float32) -> float:
    """Return the network's expected age in years, averaged over three chips and their mirror images.

    Args:
        network: dlib's age-v1: from RGB float32 (n, 3, 64, 64), minus the mean and divided by 256, to probabilities
            (n, 81).
        pixels: BGR uint8 (h, w, 3).
        points: float32 (5, 2) in `pixels`.
    """
    chips = [_chip(pixels, points, scale, shift) for scale, shift in _VIEWS]
    views = np.stack([view for chip in chips for view in (chip, cv2.flip(chip, 1))])
    images = (views[..., ::-1].astype(np.float32) - _MEAN) / np.float32(_SCALE)
    probabilities = network.run(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))[0]
    return float(probabilities.mean(axis=0) @ AGES)


def _chip(pixels: Pixels, points: Float32, scale: float, shift: float) -> Pixels:
    """Crop dlib's face chip by the eyes and mouth corners; `scale` and `shift` are relative to the face."""
    template = (np.array(_CHIP_POINTS) - 0.5) * scale + 0.5 + np.array([0.0, shift])
    template = (_PADDING + template) / (2 * _PADDING + 1) * CHIP_SIZE
    transform = align.similarity_transform(points[list(_POINTS_USED)], template.astype(np.float32))
    return align.warp(pixels, transform, CHIP_SIZE, CHIP_SIZE)
