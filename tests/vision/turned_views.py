"""A photo's face turned in space by known angles, rendered with nothing but numpy and OpenCV.

Inside the face the depth is the mesh's own, times `HEAD_DEPTH`; around it, it falls off smoothly. Every pixel is moved
by the rotation, and of those that meet the nearest stays.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.vision.landmarks import Mesh
from mien.vision.types import Float32, Pixels

Float64 = NDArray[np.float64]

HEAD_DEPTH = 1.25
"""A head's depth by that of the network's mesh of a frontal photo, which is too flat: with this factor, renderings at
20 to 40° and LFW's turned faces show the same mesh yaw for the same foreshortening of the eyes' distance."""


def turned_view(
    pixels: Pixels, mesh: Mesh, *, yaw: float = 0, pitch: float = 0, size: int = 300
) -> tuple[Pixels, Float32]:
    """Turn the head further by `yaw` and `pitch` degrees, signs as `HeadPose`.

    Returns:
        BGR uint8 (size, size, 3) with the face half as wide, and where a detector would see its five points.
    """
    points = mesh.points.astype(np.float64)
    points[:, 2] = (points[:, 2] - points[:, 2].mean()) * HEAD_DEPTH
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    middle, scale = (low + high) / 2, size / float((high - low).max())
    side = size * 2  # the source is drawn twice as large as the result, so that turning leaves few holes
    move = np.column_stack([np.eye(2) * scale, size - middle * scale])
    flags = cv2.INTER_CUBIC
    source = cv2.warpAffine(pixels, move, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    vertices = points * scale
    vertices[:, :2] += move[:, 2]
    depth = depth_map(vertices, side)
    y, x = np.mgrid[:side, :side].astype(np.float64)
    pivot = np.array([size, size, float(depth[size, size]) + 0.55 * size])
    turn = rotation(yaw, pitch)
    cloud = (np.stack([x, y, depth], axis=-1).reshape(-1, 3) - pivot) @ turn.T + pivot
    column, row = (cloud[:, 0] / 2).round().astype(int), (cloud[:, 1] / 2).round().astype(int)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    order = np.flatnonzero(inside)[np.argsort(-cloud[inside, 2], kind="stable")]  # the nearest is written last
    image, holes = np.zeros((size, size, 3), np.uint8), np.ones((size, size), np.uint8)
    image[row[order], column[order]] = source.reshape(-1, 3)[order]
    holes[row[order], column[order]] = 0
    image = np.asarray(cv2.inpaint(image, holes, 3, cv2.INPAINT_TELEA), np.uint8)
    where = (((vertices - pivot) @ turn.T + pivot)[:, :2] / 2).astype(np.float32)
    eyes = (where[[33, 362]] + where[[133, 263]]) / 2
    return image, np.concatenate([eyes, where[[4, 61, 291]]])


def rotation(yaw: float, pitch: float) -> Float64:
    """The (3, 3) rotation by pitch, then yaw, in degrees; axes right, down, away from the camera."""
    a, b = np.radians(-yaw), np.radians(-pitch)
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return np.asarray(about_y @ about_x)


def depth_map(vertices: Float64, side: int) -> Float64:
    """Inside the face the mesh's depth; outside that of the nearest rim, and farther away with the distance."""
    grid, known = np.zeros((side, side)), np.zeros((side, side), np.uint8)
    plane = vertices[:, :2].astype(np.float32)
    division = cv2.Subdiv2D((-side, -side, 3 * side, 3 * side))
    division.insert(plane.tolist())
    number = {(float(px), float(py)): index for index, (px, py) in enumerate(plane)}
    for triangle in np.asarray(division.getTriangleList()).reshape(-1, 3, 2):
        corners = [number.get((float(px), float(py)), -1) for px, py in triangle]
        if min(corners) >= 0:
            _fill(grid, known, vertices[corners])
    distance, labels = cv2.distanceTransformWithLabels(1 - known, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    nearest = np.zeros(int(labels.max()) + 1)
    nearest[labels[known == 1]] = grid[known == 1]
    far = nearest[labels] + np.minimum(distance * 0.8, float(np.ptp(vertices[:, 0])) * 0.6)
    fade = np.clip(distance / (side / 40), 0, 1)
    smooth = far * (1 - fade) + np.asarray(cv2.GaussianBlur(far, (0, 0), side / 60)) * fade
    return np.where(known == 1, grid, smooth)


def _fill(grid: Float64, known: NDArray[np.uint8], corners: Float64) -> None:
    """Interpolate the depth of a triangle's corners over its pixels."""
    left, top = np.maximum(np.floor(corners[:, :2].min(axis=0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(corners[:, :2].max(axis=0)) + 1, grid.shape[0]).astype(int)
    system = np.vstack([corners[:, :2].T, np.ones(3)])
    if right <= left or bottom <= top or abs(np.linalg.det(system)) < 1e-6:
        return
    y, x = (axis.ravel() for axis in np.mgrid[top:bottom, left:right])
    weights = np.linalg.inv(system) @ np.vstack([x, y, np.ones(x.size)])
    hit = (weights >= -1e-6).all(axis=0)
    grid[y[hit], x[hit]] = corners[:, 2] @ weights[:, hit]
    known[y[hit], x[hit]] = 1
