"""New detail of a turned head compared with its frontal views, which a rendering of one photo cannot show.

Both views are unwrapped to the same map of the face by their meshes, and the detail of the skin is compared after
optical flow has corrected errors of the meshes. Between two views of a real head, the other side of the nose, the
cheeks, shadows and gloss differ; a warped photo has only its own pixels, moved. The agreement of the views is corrected
for noise by the agreement of views of the same pose (Spearman's correction).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.vision.canonical import LEFT_EYELIDS, canonical_mesh
from mien.vision.landmarks import Mesh
from mien.vision.types import Float32, Pixels

_SIDE: Final = 128
"""Width and height of the map."""
_BAND: Final = (0.8, 3.0)
"""Band of detail as standard deviations in pixels of the map: finer is noise, coarser is shading."""
_FACING: Final = 0.3
"""Cosine between skin and camera from which the skin is visible well enough."""
_LIPS: Final = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409)
_LEAST_AGREEMENT: Final = 0.3
"""Below this agreement of views of the same pose, noise prevents a measurement."""
_LEAST_SEEN: Final = 0.08
"""Smallest share of the map that both poses must show."""
_FEWEST: Final = 2


@dataclass(frozen=True, slots=True)
class UnwrappedFace:
    """A face unwrapped to the map.

    Attributes:
        detail: float32 (128, 128), the band-passed logarithm of its brightness.
        facing: float32 (128, 128), cosine between the skin and the camera; negative where it faces away or is outside
            the picture.
    """

    detail: Float32
    facing: Float32


@dataclass(frozen=True)
class _Map:
    """The layout of the map: cylinder coordinates of the mean face, triangulated."""

    triangles: NDArray[np.intp]
    owner: NDArray[np.intp]
    weights: Float32
    skin: NDArray[np.bool_]


def unwrap(pixels: Pixels, mesh: Mesh) -> UnwrappedFace:
    """Unwrap a face.

    Args:
        pixels: BGR uint8 (h, w, 3).
        mesh: mesh of the face in them.
    """
    layout = _map()
    corners = mesh.points[layout.triangles[layout.owner]]
    source = np.asarray((corners[..., :2] * layout.weights[..., None]).sum(axis=2), np.float32)
    luma = cv2.cvtColor(
        cv2.remap(pixels, source[..., 0], source[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE),
        cv2.COLOR_BGR2GRAY,
    )
    logarithm = np.log(luma.astype(np.float32) + 8)
    fine, coarse = (cv2.GaussianBlur(logarithm, (0, 0), sigma) for sigma in _BAND)
    points = mesh.points[layout.triangles]
    normals = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    facing = normals[:, 2] / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
    facing *= np.sign(np.median(facing)) or 1.0
    size = np.array(pixels.shape[1::-1], np.float32)
    inside = ((source > 1) & (source < size - 2)).all(axis=2)
    pictured = cv2.erode(np.asarray(inside, np.uint8), np.ones((7, 7)))  # the picture's border would appear as detail
    seen = np.where(pictured > 0, facing[layout.owner], -1)
    return UnwrappedFace(np.asarray(fine - coarse, np.float32), np.asarray(seen, np.float32))


def agreement(ahead: Sequence[UnwrappedFace], turned: Sequence[UnwrappedFace]) -> float | None:
    """Return the agreement of a turned head's detail with its frontal views.

    Args:
        ahead: views of the head looking ahead, the best first.
        turned: views of one turn.

    Returns:
        1 if the turn shows nothing new; None if the views are too few or too noisy.
    """
    if len(ahead) < _FEWEST or len(turned) < _FEWEST:
        return None
    skin = _map().skin
    seen = skin & (ahead[0].facing > _FACING) & (turned[0].facing > _FACING)
    if seen.sum() < _LEAST_SEEN * seen.size:
        return None
    # Of neighbours, not of the first with all, so that a single view with a wrong mesh does not count as noise.
    own_ahead = float(np.median([_alike(one, other, seen) for one, other in pairwise(ahead)]))
    own_turned = float(np.median([_alike(one, other, seen) for one, other in pairwise(turned)]))
    if min(own_ahead, own_turned) < _LEAST_AGREEMENT:
        return None
    across = [_alike(one, other, seen) for one in ahead[:2] for other in turned]
    return float(np.median(across) / np.sqrt(own_ahead * own_turned))


def _alike(one: UnwrappedFace, other: UnwrappedFace, seen: NDArray[np.bool_]) -> float:
    """Return the correlation of two views' detail, after warping the second to the first."""
    search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(_grey(one), _grey(other), None)
    flow = cv2.GaussianBlur(flow, (0, 0), 3)
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    moved = cv2.remap(other.detail, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    a, b = one.detail[seen], moved[seen]
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-12))


def _grey(one: UnwrappedFace) -> Pixels:
    spread = 6 * float(one.detail[_map().skin].std()) + 1e-6
    return np.asarray(np.clip((one.detail / spread + 0.5) * 255, 0, 255), np.uint8)


@cache
def _map() -> _Map:
    mean = canonical_mesh()
    around = np.arctan2(mean.points[:, 0], 0.9 - mean.points[:, 2])
    flat = np.stack([around, mean.points[:, 1]], axis=1)
    low, high = flat.min(axis=0), flat.max(axis=0)
    places = (flat - low) / (high - low) * (_SIDE - 8) + 4
    triangles = _triangles(places)
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float64)
    owner, weights = np.full((_SIDE, _SIDE), -1), np.zeros((_SIDE, _SIDE, 3), np.float32)
    for number, corners in enumerate(triangles):
        (ax, ay), (bx, by), (cx, cy) = places[corners]
        area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
        first = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / area
        second = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / area
        inside = (first >= -1e-6) & (second >= -1e-6) & (first + second <= 1 + 1e-6) & (owner < 0)
        owner[inside] = number
        weights[inside] = np.stack([first, second, 1 - first - second], axis=-1)[inside]
    moving = np.zeros((_SIDE, _SIDE), np.uint8)  # eyes and lips, which move independently of the head
    for outline in (list(LEFT_EYELIDS), list(mean.mirror[list(LEFT_EYELIDS)]), list(_LIPS)):
        cv2.fillConvexPoly(moving, cv2.convexHull(places[outline].round().astype(np.int32)), 1)
    still = (owner >= 0) & (cv2.dilate(moving, np.ones((9, 9))) == 0)
    skin = cv2.erode(still.astype(np.uint8), np.ones((3, 3))) > 0
    return _Map(triangles, np.maximum(owner, 0), weights, skin)


def _triangles(places: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the Delaunay triangulation of points in the plane, as (n, 3) indices."""
    plane = cv2.Subdiv2D((0, 0, _SIDE, _SIDE))
    for x, y in places:
        plane.insert((float(x), float(y)))
    found = []
    for corners in np.asarray(plane.getTriangleList()).reshape(-1, 3, 2):
        distances = np.linalg.norm(places[None] - corners[:, None], axis=2)
        nearest = distances.argmin(axis=1)
        (ax, ay), (bx, by), (cx, cy) = places[nearest]
        area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
        if distances.min(axis=1).max() < 0.01 and abs(area) > 1e-6:
            found.append(nearest)
    return np.array(found, np.intp)
