"""The required face position before the challenge, and guidance for reaching it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np

from mien.vision.ports import Engine, FoundFaces
from mien.vision.types import Face, FaceBox, Want


class Feedback(StrEnum):
    """Keys of the contract's feedback strings (section 11), and two of Mien's own."""

    NONE = "None"
    LOOK_AT_CAMERA = "LookAtCamera"
    NOT_CENTERED = "FaceNotCentered"
    CLOSER = "MoveCloser"
    STILL_CLOSER = "ContinueToMoveCloser"
    BACK = "MoveBack"
    MOVEMENT = "TooMuchMovement"
    LOOK_IN_FRONT = "LookInFront"
    TOO_DARK = "IncreaseBrightnessToMax"
    TOO_BRIGHT = "TooBright"
    SEVERAL = "MultipleFaces"


@dataclass(frozen=True, slots=True)
class TargetArea:
    """The required position of the face.

    Attributes:
        center_x: of the frame's width.
        center_y: of its height.
        tolerance: how far the centre may be off, of width and height.
        min_width: of the face, of the frame's shorter side.
        max_width: largest width.
    """

    center_x: float = 0.5
    center_y: float = 0.5
    tolerance: float = 0.15
    min_width: float = 0.22
    max_width: float = 0.65


STEADY_FRAMES: Final = 3
"""Consecutive frames with a well-placed face before the challenge starts."""

_NEARLY: Final = 0.7
"""Share of the least width at which a person is told to continue."""
_RIVAL: Final = 0.5
"""A second face with this share of the first one's width counts as another person, not as background."""
_MOVED: Final = 0.08
"""Of the frame's shorter side, from one positioning frame to the next."""
_TURNED: Final = 0.35
"""Of the distance between the eyes: how far the nose tip may be off their middle (about 25 degrees of yaw)."""
_DARK: Final = 40.0
_BRIGHT: Final = 240.0


@dataclass(frozen=True, slots=True)
class PositioningView:
    """The content of one positioning frame, as a quick examination finds it.

    Attributes:
        feedback: the feedback for the person.
        face: left, top, width, height of the largest face in shares of the frame, or None.
        box: the same in pixels, or None.
    """

    feedback: Feedback
    face: tuple[float, float, float, float] | None = None
    box: FaceBox | None = None


def glance(finder: Engine, jpeg: bytes, place: TargetArea, before: PositioningView | None) -> PositioningView:
    """Examine one positioning frame.

    Args:
        finder: finds the faces.
        jpeg: the frame.
        place: required position of the face.
        before: result of the previous frame, or None.

    Raises:
        ImageError: the frame cannot be decoded.
    """
    found = finder.analyze(jpeg, Want(max_faces=2))
    if not found.faces:
        return PositioningView(Feedback.LOOK_AT_CAMERA)
    face, box = found.faces[0], found.faces[0].box
    share = (box.left / found.width, box.top / found.height, box.width / found.width, box.height / found.height)
    rival = len(found.faces) > 1 and found.faces[1].box.width >= _RIVAL * box.width
    if rival:
        return PositioningView(Feedback.SEVERAL, share, box)
    moved = before.face if before is not None else None
    feedback = (
        _placed(found, share, place)
        or _frontal(face)
        or _lit(jpeg, share)
        or _still(found, share, moved)
        or Feedback.NONE
    )
    return PositioningView(feedback, share, box)


def _placed(found: FoundFaces, share: tuple[float, float, float, float], place: TargetArea) -> Feedback | None:
    width = share[2] * found.width / min(found.width, found.height)
    if width < place.min_width:
        return Feedback.STILL_CLOSER if width >= _NEARLY * place.min_width else Feedback.CLOSER
    if width > place.max_width:
        return Feedback.BACK
    off_x = abs(share[0] + share[2] / 2 - place.center_x)
    off_y = abs(share[1] + share[3] / 2 - place.center_y)
    return Feedback.NOT_CENTERED if max(off_x, off_y) > place.tolerance else None


def _frontal(face: Face) -> Feedback | None:
    left, right, nose = face.points[0], face.points[1], face.points[2]
    across = right - left
    apart = float(np.linalg.norm(across))
    if apart < 1.0:
        return Feedback.LOOK_IN_FRONT
    off = float(np.dot(nose - (left + right) / 2, across)) / apart**2
    return Feedback.LOOK_IN_FRONT if abs(off) > _TURNED else None


def _lit(jpeg: bytes, share: tuple[float, float, float, float]) -> Feedback | None:
    """Judge the light on the face, in an eighth of the frame's size."""
    small = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
    if small is None:
        return None
    height, width = small.shape[:2]
    left, top = int(share[0] * width), int(share[1] * height)
    part = small[top : top + max(1, int(share[3] * height)), left : left + max(1, int(share[2] * width))]
    light = float(part.mean()) if part.size else 128.0
    if light < _DARK:
        return Feedback.TOO_DARK
    return Feedback.TOO_BRIGHT if light > _BRIGHT else None


def _still(
    found: FoundFaces, share: tuple[float, float, float, float], before: tuple[float, float, float, float] | None
) -> Feedback | None:
    if before is None:
        return None
    across = (share[0] + share[2] / 2 - before[0] - before[2] / 2) * found.width
    down = (share[1] + share[3] / 2 - before[1] - before[3] / 2) * found.height
    moved = float(np.hypot(across, down)) / min(found.width, found.height)
    return Feedback.MOVEMENT if moved > _MOVED else None
