"""Heads of people in photos that turn, nod, blink and are lit: for clips that answer a challenge.

The depth of the head is the face mesh's. A view moves every pixel of the photo by what the rotation does to it there;
the farther a pixel is from the face, the less it moves, so that the background stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.vision.turned_views import HEAD_DEPTH, depth_map, rotation

from mien.vision.landmarks import FaceMesh, Mesh
from mien.vision.types import Float32, Pixels

_EYES = ((33, 133, 159, 145), (362, 263, 386, 374))
"""Mesh vertices of each eye's corners, upper and lower lid."""
_LIPS = (13, 14, 61, 291)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a head is: degrees as `HeadPose`, shift in shares of the face's width, and how far the eyes are shut."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    right: float = 0.0
    down: float = 0.0
    scale: float = 1.0
    blink: float = 0.0
    mouth: float = 0.0


@dataclass(frozen=True)
class Head:
    """A photo with the depth of the head in it.

    Attributes:
        pixels: BGR uint8 (h, w, 3).
        points: float32 (468, 3), its mesh in those pixels.
        depth: float32 (h, w), smaller is nearer.
        follows: float32 (h, w), 1 where a pixel moves with the head, 0 where it stays.
        faces: float32 (h, w), how much of a light beside the camera falls there, 1 where the head faces it.
    """

    pixels: Pixels
    points: Float32
    depth: Float32
    follows: Float32
    faces: Float32

    @property
    def width(self) -> float:
        """Of the face, in pixels."""
        return float(np.ptp(self.points[:, 0]))

    @property
    def middle(self) -> Float32:
        """Of the face, x and y."""
        return np.asarray((self.points[:, :2].min(axis=0) + self.points[:, :2].max(axis=0)) / 2, np.float32)

    def view(self, pose: Pose) -> tuple[Pixels, Float32]:
        """What a camera sees of it.

        Returns:
            BGR uint8 (h, w, 3), and float32 (h, w), how much of a light beside the camera falls on each pixel.
        """
        height, width = self.depth.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        pivot = np.array([*self.middle, self._pivot_depth()], np.float32)
        roll = np.radians(pose.roll)
        in_plane = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        turn = (in_plane @ rotation(pose.yaw, pose.pitch)).astype(np.float32)
        dx, dy, dz = x - pivot[0], y - pivot[1], self.depth - pivot[2]
        scale = np.float32(pose.scale)
        to_x = (turn[0, 0] * dx + turn[0, 1] * dy + turn[0, 2] * dz) * scale + pivot[0] + pose.right * self.width
        to_y = (turn[1, 0] * dx + turn[1, 1] * dy + turn[1, 2] * dz) * scale + pivot[1] + pose.down * self.width
        to_x, to_y = x + self.follows * (to_x - x), y + self.follows * (to_y - y)
        source = inverse_map(to_x, to_y, x, y, float(turn[0, 2]), float(turn[1, 2]))
        image = cv2.remap(
            self._still(pose), source[..., 0], source[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
        )
        light = cv2.remap(self.faces, source[..., 0], source[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        return np.asarray(image, np.uint8), np.asarray(light, np.float32)

    def _pivot_depth(self) -> float:
        return float(self.points[:, 2].mean()) + 0.55 * self.width

    def _still(self, pose: Pose) -> Pixels:
        """The photo with its eyes shut and its mouth moved as far as the pose says."""
        image = self.pixels
        if pose.blink > 0:
            for left, right, top, bottom in _EYES:
                span = float(np.linalg.norm(self.points[left, :2] - self.points[right, :2]))
                open_by = max(float(self.points[bottom, 1] - self.points[top, 1]), span * 0.18)
                middle = self.points[[left, right, top, bottom], :2].mean(axis=0)
                image = _dragged(image, middle, (span * 0.6, open_by * 0.75), open_by * 1.1 * pose.blink)
        if pose.mouth > 0:
            span = float(np.linalg.norm(self.points[_LIPS[2], :2] - self.points[_LIPS[3], :2]))
            low = self.points[_LIPS[1], :2] + np.array([0, span * 0.2])
            image = _dragged(image, low, (span * 0.6, span * 0.35), span * 0.2 * pose.mouth)
        return image


def head_of(pixels: Pixels, mesh: Mesh, size: tuple[int, int] = (360, 480), *, face: float = 0.42) -> Head:
    """Put the face of a photo into a frame.

    Args:
        pixels: BGR uint8 (h, w, 3).
        mesh: of the face in them.
        size: width and height of the frame.
        face: how wide the face is, as a share of the frame's shorter side.
    """
    width, height = size
    low, high = mesh.points[:, :2].min(axis=0), mesh.points[:, :2].max(axis=0)
    scale = face * min(size) / float(high[0] - low[0])
    middle = (low + high) / 2
    shift = np.array([width / 2, height * 0.48]) - middle * scale
    move = np.column_stack([np.eye(2) * scale, shift])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    frame = np.asarray(cv2.warpAffine(pixels, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    frame = _with_blurred_surroundings(frame, move, pixels.shape)
    points = mesh.points.astype(np.float64) * scale
    points[:, :2] += shift
    points[:, 2] = (points[:, 2] - points[:, 2].mean()) * HEAD_DEPTH
    depth = depth_map(points, max(size))[:height, :width].astype(np.float32)
    depth = np.asarray(cv2.GaussianBlur(depth, (0, 0), min(size) / 180), np.float32)
    hull = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points[:, :2].round().astype(np.int32)), 1)
    away = cv2.distanceTransform(1 - hull, cv2.DIST_L2, 5) / float(np.ptp(points[:, 0]))
    follows = np.clip((1.15 - away) / 0.75, 0, 1).astype(np.float32)
    slope_x = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3) / 8
    slope_y = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3) / 8
    facing = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    near = np.clip(1 - away / 0.8, 0.12, 1)
    light = np.asarray(cv2.GaussianBlur((0.35 + 0.65 * facing) * near, (0, 0), 2), np.float32)
    return Head(
        np.asarray(frame, np.uint8), points.astype(np.float32), depth, follows * follows * (3 - 2 * follows), light
    )


def find_head(mesher: FaceMesh, pixels: Pixels, points: Float32, size: tuple[int, int] = (360, 480)) -> Head:
    """Find the mesh of a detected face and put it into a frame; see `head_of`."""
    return head_of(pixels, mesher.find(pixels, points), size)


def _with_blurred_surroundings(frame: Pixels, move: NDArray[np.float64], shape: tuple[int, ...]) -> Pixels:
    """Blur what lies outside the photo, which is its edge drawn out."""
    inside = np.full(shape[:2], 255, np.uint8)
    share = cv2.warpAffine(inside, move, (frame.shape[1], frame.shape[0]), flags=cv2.INTER_LINEAR)
    share = np.asarray(cv2.GaussianBlur(cv2.erode(share, np.ones((9, 9))), (0, 0), 3), np.float32)[..., None] / 255
    blurred = cv2.GaussianBlur(frame, (0, 0), min(frame.shape[:2]) / 20)
    return np.asarray(frame * share + blurred * (1 - share), np.uint8)


def _dragged(image: Pixels, middle: NDArray[np.floating], spread: tuple[float, float], by: float) -> Pixels:
    """Drag the pixels around `middle` down by `by`, less with the distance."""
    height, width = image.shape[:2]
    left, right = (int(np.clip(middle[0] + side * spread[0], 0, width)) for side in (-5, 5))
    top, bottom = (int(np.clip(middle[1] + side * spread[1], 0, height)) for side in (-5, 5))
    if left >= right or top >= bottom:
        return image
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    near = np.exp(-(((x - middle[0]) / spread[0]) ** 2 + ((y - middle[1]) / spread[1]) ** 2) / 2)
    moved = image.copy()
    moved[top:bottom, left:right] = cv2.remap(
        image, x, (y - by * near).astype(np.float32), cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
    )
    return moved


def inverse_map(to_x: Float32, to_y: Float32, x: Float32, y: Float32, right: float, down: float) -> Float32:
    """From where each pixel goes to where each comes from; of those that meet, the nearest to the camera stays.

    Pixels are written in the order in which nearer ones come last: along the direction in which depth moves them.
    """
    height, width = to_x.shape
    order = (slice(None, None, 1 if down >= 0 else -1), slice(None, None, 1 if right >= 0 else -1))
    column, row = np.rint(to_x), np.rint(to_y)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    # Those that come from outside are written behind the last pixel. A place is one complex number: written at once.
    target = np.where(inside, row * width + column, height * width).astype(np.int32)
    place = np.empty(to_x.shape, np.complex64)
    np.subtract(x, np.subtract(to_x, column, out=column), out=place.real)
    np.subtract(y, np.subtract(to_y, row, out=row), out=place.imag)
    places = np.zeros(height * width + 1, np.complex64)
    places[target[order].ravel()] = place[order].ravel()
    source = places[:-1].view(np.float32)
    known = np.zeros(height * width + 1, np.float32)
    known[target] = 1
    known = known[:-1]
    source, known = source.reshape(height, width, 2), known.reshape(height, width)
    for size in (3, 7, 31):
        holes = known == 0
        if not holes.any():
            break
        share = cv2.boxFilter(known, -1, (size, size))
        spread = cv2.boxFilter(source, -1, (size, size))  # 0 where nothing is known
        fill = holes & (share > 1e-6)
        source[fill] = spread[fill] / share[fill][:, None]
        known[fill] = 1
    rest = known == 0
    source[rest] = np.column_stack([x[rest], y[rest]])
    return source
