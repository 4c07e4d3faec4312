"""Face detection with the YuNet network, at one scale; see `finder` for the scales and turns.

YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023) returns, for each cell of three grids
(strides 8, 16, 32), the probability of a face centred there, its box, and five points. It was trained on upright faces
and finds faces of about 16 to 500 pixels in its input.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mien.models.runtime import Array, Network
from mien.vision.spare_cores import SpareCores
from mien.vision.types import Float32, Pixels

_STRIDES = (8, 16, 32)
_OUTPUTS = ("scores", "boxes", "points")
_KEPT_GRIDS = 64
_OVERLAP = 0.3
_WIDE_PIXELS = 40_000
"""Input size in pixels from which a second core may make a search faster."""
_MAX_CANDIDATES = 2000
"""Most candidates above the threshold to consider; a crowd of 100 faces has about 1,500."""


@dataclass(frozen=True, slots=True)
class RawDetections:
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
        """Number of candidates."""
        return len(self.scores)

    def take(self, index: Array) -> RawDetections:
        """Return the candidates at `index` (positions or a mask)."""
        return RawDetections(self.boxes[index], self.scores[index], self.points[index])

    @staticmethod
    def join(parts: list[RawDetections]) -> RawDetections:
        """Concatenate the results of several searches."""
        return RawDetections(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.points for part in parts]),
        )


class YuNet:
    """The network and the decoding of its output.

    Args:
        network: YuNet 2023mar in float32 with dynamic height and width, its heads joined (`models/convert/yunet.py`).
        cores: source of a second core for a search; None to use one core only.
    """

    def __init__(self, network: Network, cores: SpareCores | None = None) -> None:
        self._network = network
        self._cores = cores or SpareCores(1)
        self._grids: dict[tuple[int, int], Float32] = {}

    def search(self, pixels: Pixels, threshold: float) -> RawDetections:
        """Find faces at the scale of the image.

        Args:
            pixels: BGR uint8 (h, w, 3).
            threshold: lowest score to report, in [0, 1].

        Returns:
            All candidates above the threshold, including overlapping ones, in no particular order.
        """
        rows, columns, blob = padded(pixels)
        scores, boxes, points = self._run(blob)
        scores = scores[0]
        (likely,) = (scores >= np.float32(threshold)).nonzero()
        # Strides are powers of two, so scaling cells before or after gives the same bits.
        cells = self._cells(columns // 32, rows // 32).take(likely, 0)
        corner, stride = cells[:, :2], cells[:, 2:]
        found = boxes[0].take(likely, 0)
        place, size = found[:, :2], found[:, 2:]
        np.exp(size, out=size)
        found *= stride
        place += corner
        place -= size / 2
        five = points[0].take(likely, 0)
        five *= stride
        five = five.reshape(-1, 5, 2)
        five += corner[:, None]
        return RawDetections(found, scores.take(likely), five)

    def widen(self) -> None:
        """Prepare for searches on two cores, see `Network.widen`."""
        self._network.widen()

    def _run(self, blob: Array) -> list[Array]:
        if blob.size < 3 * _WIDE_PIXELS:
            return self._network.run(blob, outputs=_OUTPUTS)
        with self._cores.second() as wide:
            return self._network.run(blob, outputs=_OUTPUTS, wide=wide)

    def _cells(self, across: int, down: int) -> Float32:
        """Return left, top and stride of each cell in pixels, float32 (n, 3); the input has `across` × `down` × 32²."""
        known = self._grids.get((across, down))
        if known is None:
            if len(self._grids) >= _KEPT_GRIDS:
                self._grids.clear()
            known = self._grids[across, down] = _cells(across, down)
        return known


def padded(pixels: Pixels) -> tuple[int, int, Float32]:
    """Return numbers of rows and columns and the network's input, float32 (1, 3, rows, columns).

    The input is padded with black to multiples of 32. Splitting the channels as bytes is twice as fast as OpenCV's
    function, which does it with floats.
    """
    height, width = pixels.shape[:2]
    rows, columns = -(-height // 32) * 32, -(-width // 32) * 32
    exact = rows == height and columns == width
    blob = (np.empty if exact else np.zeros)((1, 3, rows, columns), np.float32)
    for colour, plane in zip(blob[0], cv2.split(pixels), strict=True):
        colour[:height, :width] = plane
    return rows, columns, blob


def _cells(across: int, down: int) -> Float32:
    cells = []
    for stride in _STRIDES:
        rows, columns = np.mgrid[: down * 32 // stride, : across * 32 // stride]
        cells.append(np.stack([columns.ravel() * stride, rows.ravel() * stride, np.full(rows.size, stride)], axis=1))
    return np.concatenate(cells).astype(np.float32)


def suppress(candidates: RawDetections, overlap: float = _OVERLAP) -> RawDetections:
    """Apply non-maximum suppression (NMS).

    Args:
        candidates: any number.
        overlap: IoU from which two boxes count as the same face.

    Returns:
        The remaining candidates, best score first.
    """
    if len(candidates) < 2:
        return candidates
    order = np.argsort(-candidates.scores, kind="stable")[:_MAX_CANDIDATES]
    boxes = candidates.boxes.take(order, 0)
    low, size = boxes[:, :2], boxes[:, 2:]
    high = low + size
    area = size[:, 0] * size[:, 1]
    alive = np.ones(len(order), bool)
    keep = []
    index = 0
    while True:
        keep.append(index)
        sides = np.minimum(high, high[index])
        sides -= np.maximum(low, low[index])
        np.maximum(sides, 0, out=sides)
        shared = sides[:, 0] * sides[:, 1]
        alive &= shared <= overlap * (area + area[index] - shared)
        alive[index] = False
        index = int(alive.argmax())
        if not alive[index]:
            break
    return candidates.take(order[keep])
