"""The degradations of `ofiq-syngen`, with landmarks from Mien.

The package's operators need a context that the networks of the reference implementation compute. Those are not
available, so the context consists of Mien's own mesh: 98 landmarks in the order of WFLW, an ellipse as head, and a
pose. Its operators for the background, eyes and mouth therefore use Mien's estimates of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np
from ofiq_syngen.components import COMPONENT_REGISTRY
from ofiq_syngen.face_context import FaceContext

from mien.vision.landmarks import Mesh
from mien.vision.pose import head_pose
from mien.vision.quality.regions import CHIN, eye_centres, eyes_to_chin, jaw
from mien.vision.types import Float32, Pixels

_AFTER_JAW: Final = (
    *(70, 63, 105, 66, 107, 55, 65, 52, 53),
    *(336, 296, 334, 293, 300, 283, 282, 295, 285),
    *(168, 197, 5, 4, 98, 97, 2, 326, 327),
    *(33, 160, 159, 158, 133, 153, 145, 144),
    *(362, 385, 386, 387, 263, 373, 374, 380),
    *(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)
"""Mesh vertices of WFLW's landmarks 33 to 95."""
_CLOTH, _SKIN = 16, 1
_MAP: Final = 400

Operator = Callable[[Pixels, float, int, Any], Pixels]


def context_of(pixels: Pixels, mesh: Mesh) -> FaceContext:
    """Create the context of a face from a mesh with irises."""
    pose = head_pose(mesh)
    return FaceContext(
        image=pixels,
        is_aligned=False,
        landmarks_98=_wflw(mesh).round().astype(np.int32),
        parsing_map=_parsed(pixels, mesh),
        occlusion_mask=np.ones(pixels.shape[:2], np.uint8),
        head_pose=(pose.yaw, pose.pitch, pose.roll),
        raw_3ddfa_params=np.zeros(62, np.float32),
    )


def operators() -> dict[str, Operator]:
    """Return the package's degradations by component; further ones of the same component have a number."""
    found: dict[str, Operator] = {}
    for component, entries in COMPONENT_REGISTRY.items():
        for number, entry in enumerate(entries):
            name = component.removesuffix(".scalar") + (f" {number + 1}" if number else "")
            found[name] = entry.function
    return found


def _wflw(mesh: Mesh) -> Float32:
    assert mesh.irises is not None
    line = jaw(mesh.points)
    middle = len(line) // 2
    halves = [_along(line[: middle + 1], 17), _along(line[middle:], 17)[1:]]
    return np.concatenate([*halves, mesh.points[list(_AFTER_JAW), :2], mesh.irises]).astype(np.float32)


def _along(line: Float32, count: int) -> Float32:
    """Return equally spaced points along a line."""
    steps = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    places = np.linspace(0, steps[-1], count)
    return np.stack([np.interp(places, steps, line[:, axis]) for axis in range(2)], axis=1).astype(np.float32)


def _parsed(pixels: Pixels, mesh: Mesh) -> Pixels:
    """Return a rough segmentation of background, head and clothes: uint8 (400, 400)."""
    scale = np.array([_MAP / pixels.shape[1], _MAP / pixels.shape[0]])
    eyes, down = eye_centres(mesh.points).mean(axis=0), eyes_to_chin(mesh.points)
    chin, half = mesh.points[CHIN, :2], 1.3 * float(np.ptp(jaw(mesh.points)[:, 0])) / 2
    classes = np.zeros((_MAP, _MAP), np.uint8)
    classes[min(_MAP, max(0, int(chin[1] * scale[1]))) :] = _CLOTH
    middle = (eyes * scale)[0], ((chin[1] + eyes[1] - 1.4 * down) / 2) * scale[1]
    size = 2 * half * scale[0], (chin[1] - eyes[1] + 1.4 * down) * scale[1]
    cv2.ellipse(classes, ((float(middle[0]), float(middle[1])), (float(size[0]), float(size[1])), 0), _SKIN, -1)
    return classes
