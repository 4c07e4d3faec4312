"""Finding faces: the YuNet network, looked through at one or more scales and turns.

YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023) answers, for each cell of three grids
(strides 8, 16, 32), how likely a face is centred there, its box, and five points. It was trained upright and finds
faces of about 16 to 500 pixels in its input, which is what the operating points below are built around.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mien.models.runtime import Array, Network
from mien.vision.types import Float32, Pixels

_STRIDES = (8, 16, 32)
_OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in _STRIDES)
_OVERLAP = 0.3
_MAX_CANDIDATES = 2000
"""Candidates above the threshold that are considered at all; a crowd of 100 faces gives about 1,500."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Raw detections in pixels of the searched image, before overlapping ones are suppressed.

    Attributes:
        boxes: float32 (n, 4): left, top, width, height.
        scores: float32 (n,), in [0, 1].
        points: float32 (n, 5, 2).
    """

    boxes: Float32
    scores: Float32
    points: Float32

    def __len__(self) -> int:
        """Count the candidates."""
        return len(self.scores)

    def take(self, index: Array) -> Candidates:
        """Keep those at `index` (positions or a mask)."""
        return Candidates(self.boxes[index], self.scores[index], self.points[index])

    @staticmethod
    def join(parts: list[Candidates]) -> Candidates:
        """Put several together."""
        return Candidates(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.points for part in parts]),
        )


class YuNet:
    """The network and the decoding of its answers.

    Args:
        network: YuNet 2023mar in float32 with open height and width.
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    def search(self, pixels: Pixels, threshold: float) -> Candidates:
        """Find faces at the scale that the image has.

        Args:
            pixels: BGR uint8 (h, w, 3).
            threshold: least score to report, in [0, 1].

        Returns:
            All candidates above it, overlapping ones included, in no particular order.
        """
        below, beside = -pixels.shape[0] % 32, -pixels.shape[1] % 32
        if below or beside:
            pixels = np.asarray(cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_CONSTANT), np.uint8)
        blob = np.asarray(cv2.dnn.blobFromImage(pixels))
        answers = self._network.run(blob, outputs=_OUTPUTS)
        parts = []
        for index, stride in enumerate(_STRIDES):
            cls, obj, bbox, kps = (answers[index + 3 * kind][0] for kind in range(4))
            grid = _Grid(stride, pixels.shape[1] // stride)
            parts.append(grid.decode(cls[:, 0] * obj[:, 0], bbox, kps, threshold))
        return Candidates.join(parts)


@dataclass(frozen=True, slots=True)
class _Grid:
    """One of the detector's grids: the distance of its cells in pixels, and how many are in a row."""

    stride: int
    columns: int

    def decode(self, products: Array, bbox: Array, kps: Array, threshold: float) -> Candidates:
        """Read the answers of the cells whose score, the root of `products`, is above the threshold."""
        likely = np.flatnonzero(products >= threshold * threshold)
        rows, cols = np.divmod(likely, self.columns)
        cells = np.stack([cols, rows], axis=1).astype(np.float32)
        scores = np.sqrt(np.clip(products[likely], 0, 1)).astype(np.float32)
        offsets = bbox[likely]
        size = np.exp(offsets[:, 2:]) * self.stride
        corner = (cells + offsets[:, :2]) * self.stride - size / 2
        points = (kps[likely].reshape(-1, 5, 2) + cells[:, None]) * self.stride
        return Candidates(np.concatenate([corner, size], axis=1), scores, points.astype(np.float32))


def suppress(candidates: Candidates, overlap: float = _OVERLAP) -> Candidates:
    """Keep the best of every set of candidates that overlap.

    Args:
        candidates: any number.
        overlap: intersection over union from which two are taken for the same face.

    Returns:
        The survivors, best score first.
    """
    order = np.argsort(-candidates.scores, kind="stable")[:_MAX_CANDIDATES]
    ranked = candidates.take(order)
    left, top = ranked.boxes[:, 0], ranked.boxes[:, 1]
    right, bottom = left + ranked.boxes[:, 2], top + ranked.boxes[:, 3]
    area = ranked.boxes[:, 2] * ranked.boxes[:, 3]
    alive = np.ones(len(ranked), bool)
    keep = []
    for index in range(len(ranked)):
        if not alive[index]:
            continue
        keep.append(index)
        shared = np.clip(np.minimum(right, right[index]) - np.maximum(left, left[index]), 0, None) * np.clip(
            np.minimum(bottom, bottom[index]) - np.maximum(top, top[index]), 0, None
        )
        alive &= shared <= overlap * (area + area[index] - shared)
    return ranked.take(np.array(keep, np.intp))
