"""Faces as CompreFace's JSON, with the results of its plug-ins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mien.contract.attributes import Attribute, MaskType
from mien.vision.types import Face

Json = dict[str, Any]

PLUGINS: Final[Mapping[str, Attribute]] = {
    "age": Attribute.AGE,
    "mask": Attribute.MASK,
    "pose": Attribute.HEAD_POSE,
}
"""The supported plug-ins.

`landmarks` returns the detector's five points. `gender` (retired) and `calculator` (which would return templates) are
ignored.
"""

_YEARS: Final = 4
"""Half the width of CompreFace's age ranges.

Our estimate has no range. Neither age nor mask has a probability.
"""
_MASKS: Final = {
    MaskType.NONE: "without_mask",
    MaskType.FACE_MASK: "with_mask",
    MaskType.OTHER: "mask_worn_incorrectly",
}


def face_json(face: Face, plugins: frozenset[str]) -> Json:
    """Return a face as JSON: its bounding box and the results of the plug-ins."""
    told: Json = {}
    attributes = face.attributes
    if attributes.age is not None:
        told["age"] = {
            "high": round(attributes.age) + _YEARS,
            "low": max(0, round(attributes.age) - _YEARS),
        }
    if attributes.mask is not None and attributes.mask.type in _MASKS:
        told["mask"] = {"value": _MASKS[attributes.mask.type]}
    if attributes.head_pose is not None:
        pose = attributes.head_pose
        told["pose"] = {"pitch": round(pose.pitch, 2), "roll": round(pose.roll, 2), "yaw": round(pose.yaw, 2)}
    if "landmarks" in plugins:
        told["landmarks"] = [[round(x), round(y)] for x, y in face.points.tolist()]
    box = face.box
    told["box"] = {
        "probability": round(face.score, 5),
        "x_max": box.left + box.width,
        "y_max": box.top + box.height,
        "x_min": box.left,
        "y_min": box.top,
    }
    return told
