"""Drawing of results on a photo: boxes, the 27 landmarks, pose axes, attributes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from enum import Enum
from typing import Any, Final

import cv2
import numpy as np

from mien.contract.attributes import MaskType
from mien.vision.types import (
    Attributes,
    Face,
    FacialHair,
    Float32,
    Hair,
    HeadPose,
    Makeup,
    Mask,
    Measured,
    Occlusion,
    Pixels,
)

_BOX = (80, 220, 80)
_LANDMARK = (60, 200, 255)
_AXES = ((80, 80, 255), (80, 220, 80), (255, 160, 60))  # x, y and z of the head, BGR
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LONGEST = 48


def draw_faces(pixels: Pixels, faces: Sequence[Face]) -> Pixels:
    """Draw faces onto a copy of a photo.

    Args:
        pixels: BGR uint8 (h, w, 3), the full, upright photo.
        faces: its faces; the results they have (landmarks, pose, attributes) are drawn.

    Returns:
        BGR uint8 (h, w, 3).
    """
    canvas = pixels.copy()
    unit = max(1, round(max(canvas.shape[:2]) / 640))
    for number, face in enumerate(faces, start=1):  # labels below the boxes, so that none hides another face
        place = (face.box.left, face.box.top + face.box.height)
        _label(canvas, [f"{number}: {face.score:.2f}", *describe(face.attributes)], place, unit)
    for face in faces:
        box = face.box
        corner = (box.left + box.width, box.top + box.height)
        cv2.rectangle(canvas, (box.left, box.top), corner, _BOX, unit, cv2.LINE_AA)
        radius = max(1, round(box.width / 90))
        for x, y in face.points if face.landmarks is None else face.landmarks:
            cv2.circle(canvas, (round(float(x)), round(float(y))), radius, _LANDMARK, -1, cv2.LINE_AA)
        pose = face.attributes.head_pose
        if pose is not None:
            _draw_axes(canvas, face, pose, unit)
    return canvas


def pose_axes(pose: HeadPose) -> Float32:
    """Return the head's axes in the image.

    Args:
        pose: degrees.

    Returns:
        float32 (3, 2): x and y in the image of unit vectors towards the image's right, down and the camera, after
        rotation by yaw, then pitch, then roll.
    """
    yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll])
    turn_yaw = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turn_pitch = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    turn_roll = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return np.asarray((turn_roll @ turn_pitch @ turn_yaw)[:2].T, np.float32)


def describe(attributes: Attributes) -> list[str]:
    """Format each present attribute in one line, as "name: value"; absent ones are left out."""
    found = ((item.name, getattr(attributes, item.name)) for item in fields(attributes))
    return [f"{_NAMES.get(name, name)}: {_text(name, value)}" for name, value in found if value is not None]


_NAMES: Final = {
    "head_pose": "head pose",
    "occlusion": "covered",
    "facial_hair": "facial hair",
    "quality": "quality for recognition",
}
_LITTLE: Final = 0.1
"""Value from which a beard or a hair colour is listed."""


def _text(name: str, value: Any) -> str:  # noqa: PLR0911  # a return for each kind of value; Any: of any attribute
    match value:
        case HeadPose():
            return f"pitch {round(value.pitch)}°, roll {round(value.roll)}°, yaw {round(value.yaw)}°"
        case Occlusion() | Makeup():
            return _listed(item.name for item in fields(value) if getattr(value, item.name))
        case Mask():
            covered = " over nose and mouth" if value.nose_and_mouth_covered else ""
            return "none" if value.type is MaskType.NONE else f"{value.type.value}{covered}"
        case FacialHair():
            return _listed(_shared(item.name, getattr(value, item.name)) for item in fields(value))
        case Hair():
            if value.invisible:
                return "not visible"
            colors = (_shared(one.color, one.confidence) for one in value.colors)
            return _listed((_shared("bald", value.bald), *colors))
        case Measured():
            return str(value.level.value)
        case tuple():
            return _listed(one.type for one in value)
        case float():
            return f"about {value:.0f} years" if name == "age" else f"{value:.0%}"
        case _:
            return str(value.value) if isinstance(value, Enum) else str(value)


def _shared(name: str, share: float) -> str:
    """Return a name with its value in per cent; "" below `_LITTLE`."""
    return f"{name} {share:.0%}" if share >= _LITTLE else ""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(word for word in words if word) or "none"


def _draw_axes(canvas: Pixels, face: Face, pose: HeadPose, unit: int) -> None:
    middle = face.points[2]  # the nose tip
    length = np.float32(face.box.width * 0.5)
    for axis, colour in zip(pose_axes(pose), _AXES, strict=True):
        end = middle + axis * length
        cv2.arrowedLine(
            canvas,
            (round(float(middle[0])), round(float(middle[1]))),
            (round(float(end[0])), round(float(end[1]))),
            colour,
            unit,
            cv2.LINE_AA,
            tipLength=0.2,
        )


def _label(canvas: Pixels, lines: list[str], at: tuple[int, int], unit: int) -> None:
    """Write lines in white on a dark panel, moved into the photo if it fits."""
    size, height = 0.3 * unit, 11 * unit
    lines = [line.replace("°", "") for line in lines]  # the font has ASCII only
    lines = [line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…" for line in lines]
    width = max(cv2.getTextSize(line, _FONT, size, 1)[0][0] for line in lines) + 4 * unit
    left = max(0, min(at[0], canvas.shape[1] - width))
    top = max(0, min(at[1] + unit, canvas.shape[0] - height * len(lines) - 2 * unit))
    panel = canvas[top : top + height * len(lines) + 2 * unit, left : left + width]
    panel[:] = panel // 3
    for number, line in enumerate(lines, start=1):
        place = (left + 2 * unit, top + number * height - 2 * unit)
        cv2.putText(canvas, line, place, _FONT, size, (255, 255, 255), 1, cv2.LINE_AA)
