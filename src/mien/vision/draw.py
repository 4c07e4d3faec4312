"""Drawing what was found onto a photo: boxes, the 27 landmarks, pose axes, attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import cv2
import numpy as np

from mien.vision.types import Accessory, Attributes, Face, Float32, HairColor, HeadPose, Measured, Pixels

_BOX = (80, 220, 80)
_LANDMARK = (60, 200, 255)
_AXES = ((80, 80, 255), (80, 220, 80), (255, 160, 60))  # x, y and z of the head, BGR
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LONGEST = 48


def draw_faces(pixels: Pixels, faces: Sequence[Face]) -> Pixels:
    """Draw faces onto a copy of a photo.

    Args:
        pixels: BGR uint8 (h, w, 3), the full, upright photo.
        faces: found in it; what they have (landmarks, pose, attributes) is drawn.

    Returns:
        BGR uint8 (h, w, 3).
    """
    canvas = pixels.copy()
    unit = max(1, round(max(canvas.shape[:2]) / 640))
    for number, face in enumerate(faces, start=1):  # below all boxes, so that none hides another face
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
    """The head's axes in the image.

    Args:
        pose: degrees.

    Returns:
        float32 (3, 2): where unit vectors towards the image's right, down and the camera end up, x and y in the
        image, when the head is turned by yaw, then pitch, then roll.
    """
    yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll])
    turn_yaw = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turn_pitch = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    turn_roll = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return np.asarray((turn_roll @ turn_pitch @ turn_yaw)[:2].T, np.float32)


def describe(attributes: Attributes) -> list[str]:
    """Say each attribute that there is in one line, as "name: value"."""
    found = ((item.name, getattr(attributes, item.name)) for item in fields(attributes))
    return [f"{name.replace('_', ' ')}: {_text(value)}" for name, value in found if value is not None]


def _text(value: object) -> str:  # noqa: PLR0911  # a return for each kind of value
    match value:
        case Enum():
            return str(value.value)
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.2f}"
        case tuple():
            return ", ".join(_text(part) for part in value) or "none"
        case HeadPose():
            return f"pitch {round(value.pitch)}°, roll {round(value.roll)}°, yaw {round(value.yaw)}°"
        case Accessory() | HairColor() | Measured():  # a word and its number
            return " ".join(_text(getattr(value, item.name)) for item in fields(value))
        case _:
            return _named(value) if is_dataclass(value) else str(value)


def _named(value: Any) -> str:  # of any dataclass
    return ", ".join(f"{item.name.replace('_', ' ')} {_text(getattr(value, item.name))}" for item in fields(value))


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
    """Write lines in white on a dark panel, moved so that it is inside the photo where it fits."""
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
