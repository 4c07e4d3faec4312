"""Guidance in front of a camera: what to change so that the next picture can be enrolled."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from mien.contract.attributes import ExposureLevel, Level3
from mien.portal.texts import t
from mien.vision.types import Face

_NEAR: Final = 0.22
"""Minimum width of the face, as a share of the picture's height."""
_CLOSE: Final = 0.8
_STRAIGHT: Final = 12.0
_TURNED: Final = (12.0, 32.0)
_UPRIGHT: Final = 15.0


class Pose(Enum):
    """A requested pose; left and right are the person's own."""

    FRONT = "front"
    LEFT = "left"
    RIGHT = "right"


POSES: Final = (Pose.FRONT, Pose.LEFT, Pose.RIGHT)
"""The requested poses, in order; different poses improve recognition more than similar pictures."""


def advise(faces: Sequence[Face], height: int, pose: Pose) -> str | None:
    """Return one thing to change; None if the picture can be taken.

    Args:
        faces: faces of the picture, analysed with `photo_report.MEASURED`.
        height: height of the picture, in pixels.
        pose: the requested pose.
    """
    if not faces:
        return t("No face is visible: look into the camera.")
    if len(faces) > 1:
        return t("Several faces are seen: one person at a time.")
    (face,) = faces
    return _distance(face, height) or _light(face) or _turn(face, pose) or _cover(face)


def _distance(face: Face, height: int) -> str | None:
    share = face.box.width / height
    if share < _NEAR:
        return t("Come closer.")
    return t("Move back a little.") if share > _CLOSE else None


def _light(face: Face) -> str | None:
    exposure = face.attributes.exposure
    if exposure is None or exposure.level is ExposureLevel.GOOD:
        return None
    return t("More light on the face.") if exposure.level is ExposureLevel.UNDER else t("Less light on the face.")


def _turn(face: Face, pose: Pose) -> str | None:
    found = face.attributes.head_pose
    if found is None:
        return None
    if abs(found.roll) > _UPRIGHT:
        return t("Keep your head upright.")
    if abs(found.pitch) > _UPRIGHT:
        return t("Lower your chin a little.") if found.pitch > 0 else t("Raise your chin a little.")
    return _side(found.yaw, pose)


def _side(yaw: float, pose: Pose) -> str | None:
    """Check the yaw; a nose that points to the right of the picture is turned to the person's left."""
    if pose is Pose.FRONT:
        return None if abs(yaw) <= _STRAIGHT else t("Look straight into the camera.")
    turned = yaw if pose is Pose.LEFT else -yaw
    if turned < _TURNED[0]:
        left = pose is Pose.LEFT
        return t("Turn your head a little to the left.") if left else t("Turn your head a little to the right.")
    return t("Turn your head back a little.") if turned > _TURNED[1] else None


def _cover(face: Face) -> str | None:
    covered, blur = face.attributes.occlusion, face.attributes.blur
    if covered is not None and (covered.forehead or covered.eye or covered.mouth):
        return t("Uncover forehead, eyes and mouth.")
    return t("Hold still.") if blur is not None and blur.level is Level3.HIGH else None
