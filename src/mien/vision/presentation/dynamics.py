"""Blinks, and a mouth that moves: what a still picture cannot do.

Weak evidence either way: many people do not blink in three seconds, and every video shows somebody who does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mien.vision.landmarks import Mesh
from mien.vision.presentation.planarity import eye_distance
from mien.vision.presentation.track import Track

_EYES: Final = (((33, 133), ((160, 144), (159, 145), (158, 153))), ((263, 362), ((387, 373), (386, 374), (385, 380))))
"""Mesh vertices of each eye's corners, and of three pairs of its upper and lower lid."""
_LIPS: Final = (13, 14)
_SHUT: Final = 0.6
"""An eye is shut when it is this far open relative to the median."""
_LONGEST_BLINK_MS: Final = 700.0


@dataclass(frozen=True, slots=True)
class Dynamics:
    """What moves in a face.

    Attributes:
        blinks: how often the eyes were shut for less than 0.7 s.
        mouth: standard deviation of the lips' opening, in distances of the eyes.
    """

    blinks: int
    mouth: float


def openness(mesh: Mesh) -> float:
    """How far the eyes are open: height by width, mean of both; about 0.25 to 0.4 open, below 0.15 shut."""
    points = mesh.points[:, :2]
    shares = []
    for (outer, inner), pairs in _EYES:
        width = float(np.linalg.norm(points[outer] - points[inner]))
        height = np.mean([np.linalg.norm(points[upper] - points[lower]) for upper, lower in pairs])
        shares.append(float(height) / max(width, 1e-3))
    return float(np.mean(shares))


def dynamics(track: Track) -> Dynamics | None:
    """Look for blinks and for a mouth that moves; None with fewer than eight frames."""
    if len(track.sightings) < 8:
        return None
    eyes = np.array([openness(sighting.mesh) for sighting in track.sightings])
    lips = [
        float(np.linalg.norm(s.mesh.points[_LIPS[0], :2] - s.mesh.points[_LIPS[1], :2])) / eye_distance(s.mesh)
        for s in track.sightings
    ]
    return Dynamics(_blinks(eyes, track.times), float(np.std(lips)))


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
