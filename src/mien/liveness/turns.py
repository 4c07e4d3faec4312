"""Check that the head turned as requested: direction, order and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mien.liveness.challenge import Challenge, HeadTurn, TurnDirection
from mien.vision.landmarks import Mesh
from mien.vision.presentation.planarity import Depth, depth, mean_mesh, plane_angle
from mien.vision.presentation.track import FaceTrack, Observation

_REACTION_MS: Final = 100
"""Shortest reaction time after a request."""
_LATE_MS: Final = 700
"""How long after a request ended the head may still be turned."""
_FRAMES: Final = 5
"""Number of farthest frames of a turn that are used."""
_NEUTRAL: Final = 5

NEEDED: Final = {TurnDirection.LEFT: 18.0, TurnDirection.RIGHT: 18.0, TurnDirection.UP: 12.0, TurnDirection.DOWN: 12.0}
"""Degrees from the neutral pose at which a turn counts."""

_SIGNS: Final = {
    TurnDirection.LEFT: (0, 1.0),
    TurnDirection.RIGHT: (0, -1.0),
    TurnDirection.UP: (1, 1.0),
    TurnDirection.DOWN: (1, -1.0),
}
"""Which of (yaw, pitch) a direction is about, and its sign in an image that is not mirrored."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How one turn was done.

    Attributes:
        asked: the requested turn.
        angle: degrees in the requested direction, median of the farthest frames; negative for the opposite one.
        before: degrees in the requested direction at the time of the request.
        other: the largest turn in any other direction during the request, as a share of the required angle there.
        depth: depth of the face in the farthest frames; None without frames.
        farthest: the observations in which it was turned farthest, the farthest first.
        plane: largest angle by which a plane would have to be turned to be foreshortened as the face then is.
    """

    asked: HeadTurn
    angle: float
    before: float
    other: float
    depth: Depth | None
    plane: float
    farthest: tuple[Observation, ...] = ()

    @property
    def share(self) -> float:
        """Share of the required angle that was reached."""
        return self.angle / NEEDED[self.asked.direction]


@dataclass(frozen=True, slots=True)
class Neutral:
    """The pose and the mesh of the person looking ahead.

    Attributes:
        yaw: degrees.
        pitch: degrees.
        mesh: mean of the frames that are nearest to that pose.
    """

    yaw: float
    pitch: float
    mesh: Mesh


def neutral(track: FaceTrack, challenge: Challenge) -> Neutral | None:
    """Find the neutral pose from the frontal part; None when it hardly shows a face."""
    frontal = [observation for observation in track.observations if observation.time_ms <= challenge.frontal_ms]
    if len(frontal) < _NEUTRAL:
        return None
    yaw = float(np.median([observation.pose.yaw for observation in frontal]))
    pitch = float(np.median([observation.pose.pitch for observation in frontal]))
    frontal.sort(key=lambda observation: abs(observation.pose.yaw - yaw) + abs(observation.pose.pitch - pitch))
    return Neutral(yaw, pitch, mean_mesh([observation.mesh for observation in frontal[:_NEUTRAL]]))


def turns(track: FaceTrack, challenge: Challenge, ahead: Neutral) -> list[Turn]:
    """Measure every turn that was requested; a turn without frames has an angle of 0."""
    found = []
    for index, asked in enumerate(challenge.turns):
        until = asked.end_ms + _LATE_MS
        if index + 1 < len(challenge.turns):  # frames after the next request belong to that one
            until = min(until, challenge.turns[index + 1].start_ms + 4 * _REACTION_MS)
        window = [s for s in track.observations if asked.start_ms + _REACTION_MS <= s.time_ms <= until]
        found.append(_turn(asked, window, track.observations, ahead))
    return found


def _turn(asked: HeadTurn, window: Sequence[Observation], all_of_them: Sequence[Observation], ahead: Neutral) -> Turn:
    angles = [(observation, _angle(observation, asked.direction, ahead)) for observation in window]
    farthest = sorted(angles, key=lambda pair: -pair[1])[:_FRAMES]
    when_asked = [s for s in all_of_them if asked.start_ms - 150 <= s.time_ms <= asked.start_ms + _REACTION_MS]
    early = np.median([_angle(s, asked.direction, ahead) for s in when_asked]) if when_asked else 0.0
    others = [
        np.median(sorted((_angle(s, direction, ahead) for s in window), reverse=True)[:_FRAMES]) / needed
        for direction, needed in NEEDED.items()
        if direction is not asked.direction and window
    ]
    planes = sorted((plane_angle(ahead.mesh, s.mesh) for s in window), reverse=True)[:_FRAMES]
    return Turn(
        asked=asked,
        angle=float(np.median([angle for _, angle in farthest])) if farthest else 0.0,
        before=float(early),
        other=float(max(others)) if others else 0.0,
        depth=depth(ahead.mesh, [(observation.mesh, angle) for observation, angle in farthest]),
        plane=float(np.median(planes)) if planes else 0.0,
        farthest=tuple(observation for observation, _ in farthest),
    )


def _angle(observation: Observation, direction: TurnDirection, ahead: Neutral) -> float:
    axis, sign = _SIGNS[direction]
    change = (observation.pose.yaw - ahead.yaw, observation.pose.pitch - ahead.pitch)[axis]
    return sign * change
