"""Check that an attempt's frames are in order, frequent enough, and cover the whole challenge."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from mien.liveness.challenge import Challenge
from mien.liveness.types import TimedFrame

MIN_FPS: Final = 6.0
"""Fewer different frames a second cannot follow flashes of a quarter of a second."""
LONGEST_GAP_MS: Final = 700.0
_COVERED: Final = 0.85
"""Share of the challenge that the frames must span."""
_ALL_THE_SAME: Final = 0.15
"""With a smaller share of different frames, a still picture was sent as a video. Cameras in the dark give 5 to 7 frames
a second and clients sample 15, so a third of different frames is usual."""
_CLOSEST_MS: Final = 55
"""Frames that follow sooner are left out: they add cost but no information."""


@dataclass(frozen=True, slots=True)
class Order:
    """The evidence from frame times and numbers.

    Attributes:
        kept: the different frames in order, at most one in `_CLOSEST_MS`.
        fps: different frames a second.
        gap_ms: the longest time without a frame, from the challenge's start to its end.
        covered: share of the challenge between the first and the last frame.
        distinct: share of frames that differ from the one before.
        backwards: how often time or sequence number did not rise.
    """

    kept: tuple[TimedFrame, ...]
    fps: float
    gap_ms: float
    covered: float
    distinct: float
    backwards: int

    @property
    def score(self) -> float | None:
        """1 if in order; 0 for frames that no camera gives; None for too few frames."""
        if self.backwards or self.distinct < _ALL_THE_SAME:
            return 0.0
        thin = self.fps < MIN_FPS or self.gap_ms > LONGEST_GAP_MS or self.covered < _COVERED
        return None if thin else 1.0


def order(frames: Sequence[TimedFrame], challenge: Challenge) -> Order:
    """Return the order of an attempt's frames; pixels are not decoded."""
    if not frames:
        return Order((), 0.0, float(challenge.duration_ms), 0.0, 1.0, 0)
    backwards = sum(b.time_ms < a.time_ms or b.sequence <= a.sequence for a, b in pairwise(frames))
    digests = [_digest(frame) for frame in frames]
    fresh = [frame for index, frame in enumerate(frames) if index == 0 or digests[index] != digests[index - 1]]
    kept: list[TimedFrame] = []
    for frame in fresh:
        if not kept or frame.time_ms - kept[-1].time_ms >= _CLOSEST_MS:
            kept.append(frame)
    times = np.array([frame.time_ms for frame in kept], np.float64)
    duration = float(challenge.duration_ms)
    edges = np.concatenate([[0.0], np.clip(times, 0, duration), [duration]])
    return Order(
        kept=tuple(kept),
        fps=len(kept) / max(duration / 1000, 1e-3),
        gap_ms=float(np.diff(edges).max()),
        covered=float(np.clip((min(times[-1], duration) - times[0]) / duration, 0, 1)),
        distinct=len(set(digests)) / len(frames),
        backwards=backwards,
    )


def _digest(frame: TimedFrame) -> bytes:
    data = frame.image if isinstance(frame.image, bytes) else frame.image.tobytes()
    return hashlib.blake2b(data, digest_size=16).digest()
