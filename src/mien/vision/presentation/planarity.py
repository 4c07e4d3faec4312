"""Whether a face turns like a plane.

The points of a turning flat picture follow a homography; those of a head do not, because the nose protrudes. The
residual of the best homography, relative to the apparent angle of the turn, measures the depth of the face. A picture
bent around one axis is not flat either, but far flatter than a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.vision.canonical import EYE_CORNERS
from mien.vision.landmarks import Mesh
from mien.vision.types import Float32

_INNER_LIPS = (13, 14, 78, 80, 81, 82, 87, 88, 95, 178, 191, 308, 310, 311, 312, 317, 318, 324, 402, 415)
RIGID = np.setdiff1d(np.arange(468), _INNER_LIPS)
"""All vertices except those that a talking mouth moves most."""


@dataclass(frozen=True, slots=True)
class Depth:
    """The evidence of depth from turned frames.

    Attributes:
        residual: root mean square distance to the best homography, in inter-eye distances; median over the frames.
        angle: degrees between the neutral and the turned frames; median.
        plane_angle: degrees by which a plane would have to turn for the same foreshortening; median.
        frames: number of compared frames.
    """

    residual: float
    angle: float
    plane_angle: float
    frames: int


def residual(neutral: Mesh, turned: Mesh) -> float:
    """Return the distance of a turned mesh from the best homography of a neutral one, in inter-eye distances."""
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
        neutral: the mesh of a face looking ahead.
        turned: meshes with their angle from the neutral one, in degrees.

    Returns:
        None if there are no turned frames.
    """
    if not turned:
        return None
    residuals = np.array([residual(neutral, mesh) for mesh, _ in turned])
    angles = np.array([abs(angle) for _, angle in turned])
    planes = [plane_angle(neutral, mesh) for mesh, _ in turned]
    return Depth(float(np.median(residuals)), float(np.median(angles)), float(np.median(planes)), len(turned))


def plane_angle(neutral: Mesh, turned: Mesh) -> float:
    """Return the degrees by which a plane must turn to be foreshortened like the face, by the best affine map."""
    source, target = (mesh.points[RIGID, :2].astype(np.float64) for mesh in (neutral, turned))
    source, target = source - source.mean(axis=0), target - target.mean(axis=0)
    linear, *_ = np.linalg.lstsq(source, target, rcond=None)
    longest, shortest = np.linalg.svd(linear, compute_uv=False)
    return float(np.degrees(np.arccos(np.clip(shortest / max(longest, 1e-9), 0, 1))))


def eye_distance(mesh: Mesh) -> float:
    """Return the inter-eye distance in pixels."""
    left, right = (mesh.points[list(eye), :2].mean(axis=0) for eye in EYE_CORNERS)
    return max(float(np.linalg.norm(right - left)), 1e-3)


def mean_mesh(meshes: list[Mesh]) -> Mesh:
    """Return the mean of meshes of one face, each aligned to the first; reduces the network's jitter."""
    first = meshes[0].points
    size = eye_distance(meshes[0])
    points: list[Float32] = [first]
    for mesh in meshes[1:]:
        scale = size / eye_distance(mesh)
        points.append((mesh.points - mesh.points.mean(axis=0)) * np.float32(scale) + first.mean(axis=0))
    return Mesh(np.asarray(np.mean(points, axis=0), np.float32), min(mesh.presence for mesh in meshes))
