"""The state of a camera: connection, frames a second, lost and dropped frames, clock."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

_WINDOW_S: Final = 5.0
"""Seconds over which rates are taken."""
_GAP: Final = 1.6
"""A frame counts as lost if the stream's clock advances by more than this many usual steps."""
_JUMP_S: Final = 2.0
"""A backward step of the stream's clock, or a drift from ours, by this many seconds counts as a jump."""
_SMOOTHING: Final = 0.05


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a camera.

    Attributes:
        connected: whether frames arrive; False once none has arrived for longer than the stall time.
        problem: the reason, without credentials; None while connected.
        fps: frames decoded per second, over the last 5 s.
        analysed_fps: frames analysed per second, over the last 5 s.
        lost: frames that never arrived, counted from gaps in the stream's clock.
        dropped: frames that were due for analysis while an earlier one was still being analysed.
        reconnects: how often the stream was opened again.
        clock_jumps: number of jumps of the stream's clock.
        behind_s: how many seconds the last frame was later than the earliest one, by the stream's clock.
        last_frame_at: time of the last frame, UTC; None before the first.
        size: width and height of the picture in pixels; (0, 0) before the first frame.
    """

    connected: bool
    problem: str | None
    fps: float
    analysed_fps: float
    lost: int
    dropped: int
    reconnects: int
    clock_jumps: int
    behind_s: float
    last_frame_at: datetime | None
    size: tuple[int, int]


class HealthMeter:
    """Counts frames and errors; safe to use from many threads.

    Args:
        stall_s: seconds without a frame after which a stream counts as stalled.
    """

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._lock = threading.Lock()
        self._frames: deque[float] = deque(maxlen=400)
        self._analysed: deque[float] = deque(maxlen=400)
        self._connected = False
        self._problem: str | None = "no frame has come yet"
        self._lost = self._dropped = self._reconnects = self._jumps = 0
        self._last_at: datetime | None = None
        self._size = (0, 0)
        self._media: float | None = None
        self._step: float | None = None
        self._least_offset = self._offset = 0.0

    def frame(self, now_s: float, at: datetime, size: tuple[int, int], media_s: float | None) -> None:
        """Count a decoded frame.

        Args:
            now_s: our monotonic clock.
            at: the time of the frame, UTC.
            size: width and height of the picture.
            media_s: the stream's own clock; None if it has none.
        """
        with self._lock:
            self._frames.append(now_s)
            self._connected, self._problem = True, None
            self._last_at, self._size = at, size
            if media_s is not None:
                self._clock(now_s, media_s)

    def analysed(self, now_s: float) -> None:
        """Count an analysed frame."""
        with self._lock:
            self._analysed.append(now_s)

    def skipped(self, frames: int) -> None:
        """Count frames that were due while an earlier one was being analysed."""
        with self._lock:
            self._dropped += frames

    def disconnected(self, problem: str) -> None:
        """Record that no frames arrive; `problem` must not contain credentials."""
        with self._lock:
            self._connected, self._problem = False, problem
            self._media = self._step = None

    def opened_again(self) -> None:
        """Count a new attempt to open the stream."""
        with self._lock:
            self._reconnects += 1

    @property
    def last_s(self) -> float:
        """The monotonic time of the last frame; 0 before the first."""
        with self._lock:
            return self._frames[-1] if self._frames else 0.0

    def read(self, now_s: float) -> Health:
        """Return the current state."""
        with self._lock:
            stalled = bool(self._frames) and now_s - self._frames[-1] > self._stall_s
            connected = self._connected and not stalled
            problem = self._problem
            if self._connected and stalled:
                problem = f"no frame for {now_s - self._frames[-1]:.0f} s"
            return Health(
                connected=connected,
                problem=problem,
                fps=_rate(self._frames, now_s),
                analysed_fps=_rate(self._analysed, now_s),
                lost=self._lost,
                dropped=self._dropped,
                reconnects=self._reconnects,
                clock_jumps=self._jumps,
                behind_s=round(max(0.0, self._offset - self._least_offset), 3),
                last_frame_at=self._last_at,
                size=self._size,
            )

    def _clock(self, now_s: float, media_s: float) -> None:
        offset = now_s - media_s
        if self._media is None:
            self._least_offset = self._offset = offset
        else:
            step = media_s - self._media
            if step < -1e-3 or abs(offset - self._offset) > _JUMP_S:
                self._jumps += 1
                self._least_offset = offset
                self._step = None
            elif step > 0:
                if self._step is not None and step > _GAP * self._step:
                    self._lost += round(step / self._step) - 1
                else:
                    self._step = step if self._step is None else self._step + _SMOOTHING * (step - self._step)
            self._offset = offset
            self._least_offset = min(self._least_offset, offset)
        self._media = media_s


def _rate(times: deque[float], now_s: float) -> float:
    recent = [time for time in times if now_s - time <= _WINDOW_S]
    if len(recent) < 2:
        return 0.0
    return round((len(recent) - 1) / max(recent[-1] - recent[0], 1e-6), 2) if now_s - recent[-1] < _WINDOW_S else 0.0
