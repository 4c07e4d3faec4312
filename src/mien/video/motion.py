"""A cheap motion gate: detects whether anything moves in the watched part of the picture.

The picture is reduced to a few thousand cells of brightness and compared with a background that adapts slowly. The mean
brightness is subtracted first, so that automatic exposure and lamps have little effect.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from mien.video.frames import Frame
from mien.video.zones import Zones
from mien.vision.types import Float32

_LONG_SIDE: Final = 80
_CELL: Final = 9.0
"""Change of a cell that counts, in levels of 255. Noise of σ = 5 per pixel is below 1 in a cell of 16 × 16."""
_CELLS: Final = 2
"""Number of cells that must change: a face of 48 pixels in 1280 covers nine."""
_FOLLOWS_S: Final = 4.0
"""Seconds in which the background adapts to a static change."""


class MotionGate:
    """Compares the frames of a camera with its background.

    Args:
        zones: motion counts only in the watched zones.
    """

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._background: Float32 | None = None
        self._at_s = 0.0

    def moves(self, frame: Frame) -> bool:
        """Return whether something moved since the last frames; True for the first frame."""
        scale = _LONG_SIDE / max(frame.width, frame.height)
        width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        seen = frame.luma(width, height).astype(np.float32)
        seen -= np.float32(np.median(seen))
        background, passed = self._background, frame.at_s - self._at_s
        self._at_s = frame.at_s
        if background is None or background.shape != seen.shape or passed < 0:
            self._background = seen
            return True
        changed = np.abs(seen - background) > _CELL
        share = np.float32(min(1.0, passed / _FOLLOWS_S))
        cv2.accumulateWeighted(seen, background, float(share))
        return int(np.count_nonzero(changed & self._zones.watch_mask(width, height))) >= _CELLS
