"""Blinks and a moving mouth, which a still picture cannot show.

Weak evidence either way: many people do not blink within three seconds, and a replayed video shows blinks too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mien.vision.presentation.planarity import eye_distance
from mien.vision.presentation.track import Observation

_LIPS: Final = (13, 14)
_SHUT: Final = 0.85
"""An eye is shut below this share of its usual contrast: without iris, pupil and white only lashes are left."""
_LONGEST_BLINK_MS: Final = 700.0


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Motion in a face.

    Attributes:
        blinks: number of times the eyes were shut for less than 0.7 s.
        mouth: standard deviation of the lips' opening, in inter-eye distances.
    """

    blinks: int
    mouth: float


def dynamics(observations: Sequence[Observation]) -> Dynamics | None:
    """Detect blinks and a moving mouth.

    Args:
        observations: frames of a face looking ahead, in order; turning would change the eyes' contrast.

    Returns:
        None with fewer than eight frames.
    """
    if len(observations) < 8:
        return None
    eyes = np.array([observation.eyes for observation in observations])
    lips = [
        float(np.linalg.norm(s.mesh.points[_LIPS[0], :2] - s.mesh.points[_LIPS[1], :2])) / eye_distance(s.mesh)
        for s in observations
    ]
    times = np.array([observation.time_ms for observation in observations])
    return Dynamics(_blinks(eyes, times), float(np.std(lips)))


def _blinks(
    eyes: np.ndarray[tuple[int], np.dtype[np.float64]], times: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> int:
    shut = eyes < _SHUT * np.median(eyes)
    count, began = 0, None
    for index, is_shut in enumerate(shut):
        if is_shut and began is None:
            began = index
        elif not is_shut and began is not None:
            count += bool(began > 0 and times[index] - times[began] <= _LONGEST_BLINK_MS)
            began = None
    return count
