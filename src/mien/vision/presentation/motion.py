"""Motion inside a face looking ahead: whether it has the depth of a head, and moves and changes by itself.

Nobody keeps the head perfectly still. The points of a moving flat picture follow a homography. A head that sways by a
degree shifts the nose relative to the cheeks, in the pattern of the face's depth, so a tenth of a pixel is enough to
detect it. A rendering of one photo has that depth, but nothing more: after removing the motion of head and camera, the
remaining motion is noise, and after removing all motion, the remaining change of detail is noise. A person's skin moves
with lips, lids and breath, and shading and gloss change with every degree.

The optical flow is dense (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016), because the mesh
jitters more than a face at rest moves. Everything is measured on a crop in which every face has the same size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.vision import align
from mien.vision.canonical import LEFT_EYELIDS, canonical_mesh
from mien.vision.presentation.planarity import RIGID
from mien.vision.presentation.track import Observation
from mien.vision.types import Float32, Pixels

Float64 = NDArray[np.float64]

_SIDE: Final = 160
"""Width and height of the crop in pixels."""
_FACE: Final = 0.85
"""Longer side of the face as a share of the crop's side."""
_EDGE: Final = 6
"""Pixels from the crop's edge within which points are left out."""
_FEWEST: Final = 12
"""Fewest frames that must show the face; more than `_ANCHORS`."""
_ANCHORS: Final = 8
"""Number of frames compared with the reference and with their next frame."""
_DETAIL: Final = (0.8, 3.0)
"""Band of detail as standard deviations in pixels of the crop: finer is noise, coarser is changed by the flashes."""
_SHADING: Final = 10.0
"""Standard deviation in pixels above which shading is removed before the optical flow: the flashes change it."""
_LEAST_AGREEMENT: Final = 0.8
"""Below this correlation of neighbouring frames, noise prevents a measurement."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Motion inside a face.

    Attributes:
        sway: degrees of rotation with parallax: standard deviation over the frames of the shift along the mesh's depth,
            about both axes.
        bend: root mean square of the motion that no homography explains, in per cent of the crop (the face is 85);
            median.
        skin: the part of `bend` that no rotation of the mesh explains; median.
        renewal: share of the detail that changed after removing motion, beyond the change between neighbouring frames;
            median, about 0 for a still picture.
        agreement: correlation of the detail of neighbouring frames; 1 without noise.
        frames: number of frames compared with the reference.
    """

    sway: float
    bend: float
    skin: float
    renewal: float
    agreement: float
    frames: int


@dataclass(frozen=True, slots=True)
class _Crop:
    """A face aligned to the reference: the image for the optical flow, and the band-passed detail."""

    shape: Pixels
    detail: Float32


def motion(seen: Sequence[Observation], pixels_of: Callable[[Observation], Pixels]) -> Motion | None:
    """Measure the motion inside a face.

    Args:
        seen: frames in which it looks ahead, in order, over about a second or more.
        pixels_of: returns the BGR uint8 (h, w, 3) pixels of a frame.

    Returns:
        None if the frames are too few or too noisy.
    """
    if len(seen) < _FEWEST:
        return None
    clip = _Clip(seen, pixels_of)
    anchors = [int(index) for index in np.linspace(0, len(seen) - 2, _ANCHORS).round()]
    middle = _middle(clip, anchors)
    anchors = [index for index in anchors if index != middle]
    reference = _Reference(seen[middle])
    crops = {index: clip.crop(reference, index) for index in {middle, *anchors, *(index + 1 for index in anchors)}}
    shifts, bends, skins, near, far = [], [], [], [], []
    for index in anchors:
        flow = _flow(crops[middle], crops[index])
        shift, bend, skin = reference.split(flow)
        shifts.append(shift)
        bends.append(bend)
        skins.append(skin)
        far.append(reference.agreement(crops[middle], crops[index], flow))
        following = _flow(crops[index], crops[index + 1])
        near.append(reference.agreement(crops[index], crops[index + 1], following))
    agreement = float(np.median(near))
    if agreement < _LEAST_AGREEMENT:
        return None
    return Motion(
        sway=float(np.sqrt(np.var(shifts, axis=0).sum())),
        bend=float(np.median(bends)),
        skin=float(np.median(skins)),
        renewal=1 - float(np.median(far)) / agreement,
        agreement=agreement,
        frames=len(anchors),
    )


@dataclass(frozen=True)
class _Clip:
    """The frames, each decoded once."""

    seen: Sequence[Observation]
    pixels_of: Callable[[Observation], Pixels]
    decoded: dict[int, Pixels] = field(default_factory=dict)

    def crop(self, reference: _Reference, index: int) -> _Crop:
        """Align a face to a reference."""
        if index not in self.decoded:
            self.decoded[index] = self.pixels_of(self.seen[index])
        return reference.crop(self.seen[index], self.decoded[index])


def _middle(clip: _Clip, anchors: Sequence[int]) -> int:
    """Return the frame that is most similar to the others, as the reference.

    With a blink, or a frame with a wrong mesh, as the reference, all others would seem to move.
    """
    reference = _Reference(clip.seen[anchors[len(anchors) // 2]])
    details = np.array([clip.crop(reference, index).detail.ravel() for index in anchors])
    return anchors[int(np.median(np.corrcoef(details), axis=0).argmax())]


class _Reference:
    """The reference frame, and the bases of its points' motion.

    Args:
        observation: the reference.
    """

    def __init__(self, observation: Observation) -> None:
        self._points = observation.mesh.points
        low, high = self._points[:, :2].min(axis=0), self._points[:, :2].max(axis=0)
        scale = _SIDE * _FACE / float((high - low).max())
        shift = _SIDE / 2 - scale * (low + high) / 2
        self._move = np.vstack([np.column_stack([np.eye(2) * scale, shift]), [0, 0, 1]])
        placed = self._points[:, :2].astype(np.float64) * scale + shift
        lids = [
            *LEFT_EYELIDS,
            *canonical_mesh().mirror[list(LEFT_EYELIDS)],
        ]  # left out: they move most, independently of the head
        skin = np.setdiff1d(RIGID, lids)
        inside = (placed[skin] > _EDGE).all(axis=1) & (placed[skin] < _SIDE - _EDGE).all(axis=1)
        self._skin = placed[skin[inside]]
        depth = self._points[skin[inside], 2].astype(np.float64) * scale
        self._plane, self._head, self._turns = _bases(self._skin, depth)
        mask = np.zeros((_SIDE, _SIDE), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(placed.round().astype(np.int32)), 1)
        self._face = cv2.erode(mask, np.ones((9, 9), np.uint8)) > 0

    def crop(self, observation: Observation, pixels: Pixels) -> _Crop:
        """Align a face to the reference by the similarity transform between their meshes."""
        onto = align.similarity_transform(
            observation.mesh.points[RIGID, :2].astype(np.float32), self._points[RIGID, :2].astype(np.float32)
        )
        whole = (self._move @ np.vstack([onto, [0, 0, 1]]))[:2]
        smaller = float(np.hypot(whole[0, 0], whole[1, 0]))
        if smaller < 0.7:  # sampling alone would alias
            pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 0.5 / smaller), np.uint8)
        luma = cv2.cvtColor(cv2.warpAffine(pixels, whole, (_SIDE, _SIDE)), cv2.COLOR_BGR2GRAY)
        logarithm = np.log(luma.astype(np.float32) + 8)  # a change of light becomes additive
        fine, coarse = (cv2.GaussianBlur(logarithm, (0, 0), sigma) for sigma in _DETAIL)
        shape = np.clip(128 + 160 * (fine - cv2.GaussianBlur(logarithm, (0, 0), _SHADING)), 0, 255)
        return _Crop(shape.astype(np.uint8), np.asarray(fine - coarse, np.float32))

    def split(self, flow: Float32) -> tuple[Float64, float, float]:
        """Split the motion into rotation and remainders.

        Returns:
            Degrees of rotation about both axes (2,); the motion that no homography explains, and the motion that no
            rotation of the head explains, both as root mean square in per cent of the crop.
        """
        x, y = self._skin.T.astype(np.float32)
        moved = cv2.remap(flow, x, y, cv2.INTER_LINEAR).reshape(-1, 2).astype(np.float64)
        motion = np.concatenate([moved[:, 0], moved[:, 1]])
        bent = motion - self._plane @ (self._plane.T @ motion)
        turned, *_ = np.linalg.lstsq(self._turns, bent, rcond=None)
        left = bent - self._head @ (self._head.T @ bent)
        share = 100 / _SIDE / np.sqrt(len(moved))
        return np.degrees(turned), float(np.linalg.norm(bent) * share), float(np.linalg.norm(left) * share)

    def agreement(self, one: _Crop, other: _Crop, flow: Float32) -> float:
        """Return the correlation of the detail of two crops, after warping the second to the first."""
        y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
        moved = cv2.remap(other.detail, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
        a, b = one.detail[self._face], moved[self._face]
        a, b = a - a.mean(), b - b.mean()
        return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-12))


def _bases(places: Float64, depth: Float64) -> tuple[Float64, Float64, Float64]:
    """Return the bases of small motions.

    Args:
        places: (n, 2), in pixels of the crop.
        depth: (n,), in the same pixels.

    Returns:
        Orthonormal bases (2n, k) of a plane's motion (a first-order homography) and of the additional motion of a head
        with depth (rotation, and the perspective of nearer points), and the motion of one radian about each axis,
        (2n, 2).
    """
    x, y = (2 * places / _SIDE - 1).T
    deep = 2 * (depth - depth.mean()) / _SIDE
    one, none = np.ones_like(x), np.zeros_like(x)
    plane = np.vstack([
        np.column_stack([one, x, y, none, none, none, x * x, x * y]),
        np.column_stack([none, none, none, one, x, y, x * y, y * y]),
    ])  # fmt: skip
    head = np.vstack([
        np.column_stack([deep, none, deep * x, deep * y, none, none]),
        np.column_stack([none, deep, none, none, deep * x, deep * y]),
    ])  # fmt: skip
    flat, _ = np.linalg.qr(plane)
    beyond = head - flat @ (flat.T @ head)
    basis, _ = np.linalg.qr(beyond)
    return flat, basis, beyond[:, :2] * _SIDE / 2


def _flow(one: _Crop, other: _Crop) -> Float32:
    search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    return np.asarray(cv2.GaussianBlur(search.calc(one.shape, other.shape, None), (0, 0), 2), np.float32)
