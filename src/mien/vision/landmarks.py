"""The dense face mesh, the irises, and the 27 named landmarks.

MediaPipe's mesh network returns 468 points of a face's surface from an upright square crop. The first crop is based on
the detector's five points, the second on the first mesh, as in the network's training; this makes the result
independent of the detector. In a video, the first crop is based on the mesh of the previous frame.

"Left" is the image's left for an upright face; for a turned face it is the same side of the face.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.contract.landmarks import LANDMARK_NAMES
from mien.models.runtime import Network
from mien.vision.align import invert_transform, warp
from mien.vision.canonical import EYE_CORNERS, LEFT_EYELIDS, canonical_mesh
from mien.vision.types import Float32, Pixels

MESH_SIZE = 192
"""Width and height of the mesh network's input."""

IRIS_SIZE = 64
"""Width and height of the iris network's input."""

MESH_POINTS = 468

_MARGIN = 1.4
"""Side of the crop relative to the longer side of the upright mesh: the best of 1.25 to 1.5 on the labelled photos
(MediaPipe uses 1.5); from 1.75 on, meshes grow from pass to pass."""

_PLAIN_BY, _MIRRORED_BY = 1.3 / 1.4, 1.5 / 1.4
"""Factors on the crop's side of the image and its mirror image: errors of different crops average out better."""

_IRIS_MARGIN = 2.8
"""Side of an eye's crop relative to the distance of its corners: the best of 1.9 to 3.0 on the labelled photos."""

_TEMPLATE: Float32 = np.array(
    [[-0.134, -0.122], [0.134, -0.122], [0.0, 0.023], [-0.117, 0.137], [0.117, 0.137]], np.float32
)
"""Positions of a detector's five points in a crop of side 1 around (0, 0): medians over photos, made symmetric."""

_EYE_CORNERS = np.array(EYE_CORNERS)
_EYELIDS = np.array(LEFT_EYELIDS)

_VERTICES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "noseTip": (1, 4, 4),
        "mouthLeft": (61, 62),
        "eyebrowLeftOuter": (46, 63, 70),
        "eyebrowLeftInner": (55, 55, 107),
        "eyeLeftOuter": (33, 130),
        "eyeLeftTop": (159,),
        "eyeLeftBottom": (145,),
        "eyeLeftInner": (133,),
        "noseRootLeft": (122, 193, 245),
        "noseLeftAlarTop": (131, 209),
        "noseLeftAlarOutTip": (64, 129),
        "upperLipTop": (0, 11),
        "upperLipBottom": (13,),
        "underLipTop": (14,),
        "underLipBottom": (17,),
    }
)
"""Mesh vertices whose mean is the named landmark: those on the feature's outline that were nearest to manually placed
landmarks. Pupils are the centres of the irises; landmarks on the right are the mirror images."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """The surface of one face.

    Attributes:
        points: float32 (468, 3): x and y in pixels of the image, and z in the same unit, about 0 in the middle of the
            head's visible part and smaller towards the camera.
        presence: the network's probability in [0, 1] that the crop shows a face.
        irises: float32 (2, 2), centres of the left and the right iris in pixels; None if not requested. With irises,
            the eyelids' points are averages of both networks.
    """

    points: Float32
    presence: float
    irises: Float32 | None = None


@dataclass(frozen=True, slots=True)
class _Square:
    """A rotated square of the image: middle, side, and the unit vector of its x axis (as complex numbers)."""

    middle: complex
    side: float
    axis: complex

    def grown(self, factor: float) -> _Square:
        """Return the square with its side multiplied."""
        return replace(self, side=self.side * factor)

    def enlarge(self, size: int, *, mirror: bool = False) -> Float32:
        """Return the float32 (2, 3) transform from a crop of `size` pixels to the image."""
        scale = self.side / size
        right, down = self.axis * (-scale if mirror else scale), self.axis * 1j * scale
        corner = self.middle - (right + down) * (size / 2)
        return np.array([[right.real, down.real, corner.real], [right.imag, down.imag, corner.imag]], np.float32)


class FaceMesh:
    """Finds the mesh of a detected face; thread-safe.

    Args:
        mesh: the converted `face_landmark.tflite` (468 points and presence).
        iris: the converted `iris_landmark.tflite`.
    """

    def __init__(self, mesh: Network, iris: Network) -> None:
        self._mesh = mesh
        self._iris = iris

    def find(
        self, pixels: Pixels, points: Float32, *, passes: int = 2, mirrored: bool = True, irises: bool = False
    ) -> Mesh:
        """Find the mesh of one face.

        Args:
            pixels: BGR uint8 (h, w, 3).
            points: float32 (5, 2) in those pixels: eyes, nose tip, mouth corners, as `Detection.points`.
            passes: number of passes; every pass after the first crops by the previous mesh.
            mirrored: whether the last pass also averages with the mirror image, which reduces the error by a tenth for
                one more run of the network.
            irises: whether to find the irises too.

        Returns:
            The mesh in those pixels. Points may be outside the image if the face is.
        """
        mesh = self._look(pixels, _square_of_detection(points), mirrored=mirrored and passes == 1)
        for left in range(passes - 1, 0, -1):
            mesh = self.follow(pixels, mesh, mirrored=mirrored and left == 1)
        return self.with_irises(pixels, mesh) if irises else mesh

    def follow(self, pixels: Pixels, previous: Mesh, *, mirrored: bool = False) -> Mesh:
        """Find the mesh in one pass, from a mesh of the same face in this image or the previous frame."""
        return self._look(pixels, _square_of_mesh(previous.points), mirrored=mirrored)

    def with_irises(self, pixels: Pixels, mesh: Mesh) -> Mesh:
        """Add the irises to a mesh of this image, and refine its eyelids; one call of the network for both eyes."""
        corners = _complex(mesh.points)[_EYE_CORNERS]
        axis = _unit(corners[1].mean() - corners[0].mean())
        # The network was trained on left eyes, so the right one is mirrored.
        moves = [
            _Square(complex(pair.mean()), float(abs(pair[1] - pair[0])) * _IRIS_MARGIN, axis).enlarge(
                IRIS_SIZE, mirror=mirror
            )
            for pair, mirror in zip(corners, (False, True), strict=True)
        ]
        crops = [_cut(pixels, move, IRIS_SIZE) for move in moves]
        found = self._iris.run(cv2.dnn.blobFromImages(crops, 1 / 255, swapRB=True))
        contours, irises = (
            [eye.reshape(-1, 3)[:, :2] @ move[:, :2].T + move[:, 2] for eye, move in zip(eyes, moves, strict=True)]
            for eyes in found
        )
        points = mesh.points.copy()
        for contour, vertices in zip(contours, (_EYELIDS, canonical_mesh().mirror[_EYELIDS]), strict=True):
            points[vertices, :2] = (points[vertices, :2] + contour[: len(_EYELIDS)]) / 2
        return replace(mesh, points=points, irises=np.array([eye[0] for eye in irises], np.float32))

    def _look(self, pixels: Pixels, square: _Square, *, mirrored: bool) -> Mesh:
        if not mirrored:
            return self._view(pixels, square, mirror=False)
        plain = self._view(pixels, square.grown(_PLAIN_BY), mirror=False)
        other = self._view(pixels, square.grown(_MIRRORED_BY), mirror=True)
        points = (plain.points + other.points[canonical_mesh().mirror]) / 2
        return Mesh(np.asarray(points, np.float32), (plain.presence + other.presence) / 2)

    def _view(self, pixels: Pixels, square: _Square, *, mirror: bool) -> Mesh:
        """Run the network once, on the image or its mirror image, in which vertices are swapped."""
        move = square.enlarge(MESH_SIZE, mirror=mirror)
        crop = _cut(pixels, move, MESH_SIZE)
        inside, logit = self._mesh.run(cv2.dnn.blobFromImage(crop, 1 / 255, swapRB=True))
        inside = inside.reshape(MESH_POINTS, 3)
        points = np.empty((MESH_POINTS, 3), np.float32)
        points[:, :2] = inside[:, :2] @ move[:, :2].T + move[:, 2]
        points[:, 2] = inside[:, 2] * np.float32(square.side / MESH_SIZE)
        return Mesh(points, float(1 / (1 + np.exp(-np.float64(logit.item())))))


def landmarks27(mesh: Mesh) -> Float32:
    """Pick the 27 named landmarks from a mesh.

    Args:
        mesh: a mesh with irises.

    Returns:
        float32 (27, 2) in pixels, in the order of `LANDMARK_NAMES`.

    Raises:
        ValueError: if the mesh has no irises.
    """
    if mesh.irises is None:
        message = "the pupils need a mesh with irises; ask FaceMesh.find for them"
        raise ValueError(message)
    return np.concatenate([mesh.irises, mesh.points[_named_vertices(), :2].mean(axis=1)])


@cache
def _named_vertices() -> NDArray[np.intp]:
    """Return integers (25, 6): the vertices of the landmarks after the pupils, repeated to equal length."""
    mirror = canonical_mesh().mirror
    left = {name: np.array(group, np.intp) for name, group in _VERTICES.items()}
    right = {name.replace("Left", "Right"): mirror[group] for name, group in left.items()}
    groups = {**right, **left}  # for names without a side, `left` takes precedence
    return np.array([np.resize(groups[name], 6) for name in LANDMARK_NAMES[2:]])


def _complex(points: Float32) -> np.ndarray[tuple[int], np.dtype[np.complex128]]:
    return points[:, 0].astype(np.float64) + 1j * points[:, 1]


def _unit(vector: complex) -> complex:
    length = abs(vector)
    return complex(vector / length) if length > 0 else 1 + 0j


def _square_of_detection(points: Float32) -> _Square:
    """Fit `_TEMPLATE` to the five points by a least-squares similarity transform."""
    template, found = _complex(_TEMPLATE), _complex(points)
    offset, middle = template.mean(), found.mean()
    template = template - offset
    turn = complex(np.vdot(template, found) / np.vdot(template, template).real)
    side = max(abs(turn), 1.0)
    return _Square(complex(middle - turn * offset), side, _unit(turn))


def _square_of_mesh(points: Float32) -> _Square:
    """Return the square around an upright mesh, with the margin `_MARGIN`."""
    surface = _complex(points)
    axis = _unit(surface[_EYE_CORNERS[1, 1]] - surface[_EYE_CORNERS[0, 0]])
    upright = surface / axis
    left, right, top, bottom = upright.real.min(), upright.real.max(), upright.imag.min(), upright.imag.max()
    middle = complex((left + right) / 2, (top + bottom) / 2) * axis
    return _Square(middle, max(float(max(right - left, bottom - top)) * _MARGIN, 1.0), axis)


def _cut(pixels: Pixels, move: Float32, size: int) -> Pixels:
    """Crop a square; `move` maps crop to image coordinates, both with the origin at the outer corner."""
    centred = move.copy()  # OpenCV's origin is the middle of the first pixel
    centred[:, 2] += (move[:, 0] + move[:, 1] - 1) / 2
    return warp(pixels, invert_transform(centred), size, size)
