"""One frame of a stream. Its pixels are only available with the privacy zones blacked out."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Final

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from mien.video.zones import Zones
from mien.vision.types import Pixels

_TURNS: Final = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
"""The turn that makes a picture upright, by FFmpeg's rotation (counter-clockwise, degrees)."""
_PLANAR_LUMA: Final = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray")


class _Converters(threading.local):
    """FFmpeg's converters of this thread: one for each size, reused for all frames."""

    def __init__(self) -> None:
        self.full = VideoReformatter()
        self.reduced = VideoReformatter()


_CONVERTERS: Final = _Converters()


class Frame:
    """A decoded frame; it is converted only on demand.

    Attributes:
        taken_at: time of arrival (live), or time of opening plus the time in the file, UTC.
        at_s: the same on a monotonic clock, in seconds.
        width: width of the upright picture in pixels.
        height: height of the upright picture in pixels.
    """

    __slots__ = ("_frame", "_full", "_turn", "_zones", "at_s", "height", "taken_at", "width")

    def __init__(self, frame: av.VideoFrame, zones: Zones, taken_at: datetime, at_s: float) -> None:
        self._frame = frame
        self._zones = zones
        self._turn = _TURNS.get(int(frame.rotation or 0) % 360)
        self._full: Pixels | None = None
        self.taken_at = taken_at
        self.at_s = at_s
        lying = self._turn in {cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE}
        self.width, self.height = (frame.height, frame.width) if lying else (frame.width, frame.height)

    def pixels(self) -> Pixels:
        """BGR uint8 (height, width, 3), upright, privacy zones black; the same array every time: do not write to it."""
        if self._full is None:
            # One thread: starting FFmpeg's threads for each frame costs more than they save.
            converted = _CONVERTERS.full.reformat(self._frame, format="bgr24", threads=1)
            self._full = self._shown(converted.to_ndarray())
        return self._full

    def reduced(self, long_side: int) -> Pixels:
        """Return the picture reduced to the given long side; unchanged if it is smaller.

        Returns:
            BGR uint8 (h, w, 3), upright, privacy zones black.
        """
        width, height = self.reduced_size(long_side)
        if (width, height) == (self.width, self.height):
            return self.pixels()
        lying = self._turn in {cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE}
        size = {"width": height, "height": width} if lying else {"width": width, "height": height}
        small = _CONVERTERS.reduced.reformat(self._frame, **size, format="bgr24", interpolation="AREA", threads=1)
        return self._shown(small.to_ndarray())

    def reduced_size(self, long_side: int) -> tuple[int, int]:
        """Width and height of what `reduced` returns."""
        longest = max(self.width, self.height)
        if longest <= long_side:
            return self.width, self.height
        return max(1, round(self.width * long_side / longest)), max(1, round(self.height * long_side / longest))

    def luma(self, width: int, height: int) -> Pixels:
        """Brightness of the upright picture at a small size, uint8 (height, width), privacy zones black."""
        if self._frame.format.name in _PLANAR_LUMA:
            plane = self._frame.planes[0]
            whole = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
        else:
            whole = np.asarray(self._frame.to_ndarray(format="gray"), np.uint8)
        lying = self._turn in {cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE}
        size = (height, width) if lying else (width, height)
        return self._shown(np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8))

    def _shown(self, pixels: object) -> Pixels:
        shown = np.asarray(pixels, np.uint8)
        if self._turn is not None:
            shown = np.asarray(cv2.rotate(shown, self._turn), np.uint8)
        if self._zones.hides:
            if not (shown.flags.writeable and shown.flags.c_contiguous):
                shown = shown.copy()
            self._zones.blacken(shown)
        return shown
