"""Geometry: size, margins and pose (ISO/IEC 29794-5, 7.4.8 to 7.4.11)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from mien.vision.measures import Measure, QualityScore
from mien.vision.quality.mapping import rising, scored, sigmoid
from mien.vision.quality.regions import eye_centres, eyes_to_chin
from mien.vision.types import Float32, HeadPose


def frame_measures(mesh: Float32, pose: HeadPose, width: int, height: int) -> Iterator[tuple[Measure, QualityScore]]:
    """Yield inter-eye distance, head size and the four margins.

    Args:
        mesh: float32 (468, 2) in pixels of the full image.
        pose: pose of the head.
        width: width of the full image.
        height: height of the full image.
    """
    left, right = eye_centres(mesh)
    middle = (left + right) / 2
    apart = max(1e-6, float(np.linalg.norm(right - left)))
    down = max(1e-6, eyes_to_chin(mesh))
    corrected = apart / max(0.1, math.cos(math.radians(pose.yaw)))
    yield Measure.INTER_EYE_DISTANCE, rising(corrected, 70, 20)
    size = down / height
    yield Measure.HEAD_SIZE, scored(size, 200 * (1 - sigmoid(abs(size - 0.45), 0, 0.05)))
    yield Measure.CROP_LEFT, rising(float(left[0]) / apart, 0.9, 0.1)
    yield Measure.CROP_RIGHT, rising((width - float(right[0])) / apart, 0.9, 0.1)
    yield Measure.MARGIN_ABOVE, rising(float(middle[1]) / down, 1.4, 0.1)
    yield Measure.MARGIN_BELOW, rising((height - float(middle[1])) / down, 1.8, 0.1)


def pose_measures(pose: HeadPose) -> Iterator[tuple[Measure, QualityScore]]:
    """Yield the scores of yaw, pitch and roll: the square of the cosine."""
    for measure, degrees in (
        (Measure.POSE_YAW, pose.yaw),
        (Measure.POSE_PITCH, pose.pitch),
        (Measure.POSE_ROLL, pose.roll),
    ):
        yield measure, scored(degrees, 100 * max(0.0, math.cos(math.radians(degrees))) ** 2)
