"""Whether a face turns as a plane does.

When a flat picture turns, its points move by a homography; the points of a head do not, because the nose stands out.
What is left after the best homography, relative to the angle by which the head seems to have turned, measures how deep
the face is. A picture bent around one axis is not flat either, but far flatter than a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.vision.landmarks import Mesh
from mien.vision.types import Float32

_EYES = ((33, 133), (362, 263))
_INNER_LIPS = (13, 14, 78, 80, 81, 82, 87, 88, 95, 178, 191, 308, 310, 311, 312, 317, 318, 324, 402, 415)
RIGID = np.setdiff1d(np.arange(468), _INNER_LIPS)
"""Every vertex but those that a talking mouth moves most."""


@dataclass(frozen=True, slots=True)
class Depth:
    """The evidence of depth from turned frames.

    Attributes:
        residual: root mean square distance to the best homography, in distances of the eyes; median over the frames.
        angle: degrees between the neutral and the turned frames; median.
        plane_angle: degrees by which a plane would have to be turned to foreshorten the face as it is; median.
        frames: how many were compared.
    """

    residual: float
    angle: float
    plane_angle: float
    frames: int


def residual(neutral: Mesh, turned: Mesh) -> float:
    """Distance of a turned mesh from the best homography of a neutral one, in distances of the neutral one's eyes."""
    source, target = neutral.points[RIGID, :2], turned.points[RIGID, :2]
    found: NDArray[Any] | None = cv2.findHomography(source, target, 0)[0]
    if found is None:  # the points lie on one line
        return 0.0
    homography = np.asarray(found, np.float64)
    moved = cv2.perspectiveTransform(source[None], homography)[0]
    return float(np.sqrt(np.square(moved - target).sum(axis=1).mean())) / eye_distance(neutral)


def depth(neutral: Mesh, turned: list[tuple[Mesh, float]]) -> Depth | None:
    """Compare turned frames with a neutral one.

    Args:
        neutral: the mesh of a frame that looks ahead.
        turned: meshes with the angle in degrees by which each is turned from the neutral one.

    Returns:
        None without turned frames.
    """
    if not turned:
        return None
    residuals = np.array([residual(neutral, mesh) for mesh, _ in turned])
    angles = np.array([abs(angle) for _, angle in turned])
    planes = [plane_angle(neutral, mesh) for mesh, _ in turned]
    return Depth(float(np.median(residuals)), float(np.median(angles)), float(np.median(planes)), len(turned))


def plane_angle(neutral: Mesh, turned: Mesh) -> float:
    """By how many degrees a plane must turn to be foreshortened as the face is, from the best affine map."""
    source, target = (mesh.points[RIGID, :2].astype(np.float64) for mesh in (neutral, turned))
    source, target = source - source.mean(axis=0), target - target.mean(axis=0)
    linear, *_ = np.linalg.lstsq(source, target, rcond=None)
    longest, shortest = np.linalg.svd(linear, compute_uv=False)
    return float(np.degrees(np.arccos(np.clip(shortest / max(longest, 1e-9), 0, 1))))


def eye_distance(mesh: Mesh) -> float:
    """Pixels between the middles of the eyes."""
    left, right = (mesh.points[list(eye), :2].mean(axis=0) for eye in _EYES)
    return max(float(np.linalg.norm(right - left)), 1e-3)


def mean_mesh(meshes: list[Mesh]) -> Mesh:
    """The mean of meshes of one face, each moved and scaled to the first: less of the network's jitter."""
    first = meshes[0].points
    size = eye_distance(meshes[0])
    points: list[Float32] = [first]
    for mesh in meshes[1:]:
        scale = size / eye_distance(mesh)
        points.append((mesh.points - mesh.points.mean(axis=0)) * np.float32(scale) + first.mean(axis=0))
    return Mesh(np.asarray(np.mean(points, axis=0), np.float32), min(mesh.presence for mesh in meshes))
