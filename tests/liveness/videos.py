"""Attempts made from real videos: frames of a person who moves the head, put in the order that a challenge asks for.

The flashes are simulated on the face; everything else (skin, light, camera, the way the head turns) is as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from tests.liveness.render import Camera, film
from tests.memory import kept_in_module

from mien.liveness.challenge import Challenge, TurnDirection
from mien.liveness.types import TimedFrame
from mien.vision.landmarks import Mesh
from mien.vision.presentation.track import follow
from mien.vision.types import Float32, Pixels

_RATE: Final = 30.0


@dataclass(frozen=True)
class Footage:
    """A video of 30 frames a second in which somebody looks ahead, turns left and right, and looks down and up.

    Attributes:
        frames: BGR uint8 (h, w, 3) by their numbers; only those of `ahead` and `turns`, as a frame takes a megabyte.
        ahead: numbers of frames that look ahead, first and last.
        turns: for each direction the frames from looking ahead to the farthest point.
        meshes: the face in them, by the same numbers; where it was not found, there is none.
    """

    frames: Mapping[int, Pixels]
    ahead: tuple[int, int]
    turns: Mapping[TurnDirection, tuple[int, int]]
    meshes: Mapping[int, Mesh]

    def number(self, challenge: Challenge, time: float, late_ms: float) -> int:
        """Which frame shows what the person does at a time, who begins `late_ms` after being asked."""
        for turn in challenge.turns:
            first, farthest = self.turns[turn.direction]
            there = (farthest - first) / _RATE * 1000
            begun, back = time - turn.start_ms - late_ms, turn.end_ms + 100 - time
            if begun > 0 and back > -there:
                share = min(begun / there, 1.0, (back + there) / there)
                return round(first + share * (farthest - first))
        low, high = self.ahead
        step = int(time / 1000 * _RATE) % (2 * (high - low))
        return low + (step if step <= high - low else 2 * (high - low) - step)


@kept_in_module
def footage(path: Path, ahead: tuple[int, int], *turns: tuple[TurnDirection, int, int]) -> Footage:
    """Read a video and follow the face in it."""
    from tests.liveness.photos import networks  # noqa: PLC0415  # it loads them

    ranges = [ahead, *((first, last) for _, first, last in turns)]
    kept: dict[int, Pixels] = {}

    def read() -> Iterator[tuple[float, Pixels]]:
        capture = cv2.VideoCapture(str(path))
        for index in range(max(map(max, ranges)) + 1):
            capture.grab()
            if any(first <= index <= last for first, last in ranges):
                kept[index] = np.asarray(capture.retrieve()[1], np.uint8)
                yield index / _RATE * 1000, kept[index]
        capture.release()

    track = follow(read(), *networks())
    numbers = list(kept)
    found = {numbers[observation.index]: observation.mesh for observation in track.observations}
    return Footage(kept, ahead, {direction: (first, last) for direction, first, last in turns}, found)


def attempt(
    shown: Footage, asked: Challenge, flashed: Challenge, *, reflection: float, seed: int = 0
) -> list[TimedFrame]:
    """A clip of the person who does what `asked` asks, under the flashes of `flashed`."""
    rng = np.random.default_rng(seed)
    late = float(rng.uniform(250, 500))

    def scene(time: float) -> tuple[Pixels, Float32, float]:
        number = shown.number(asked, time, late)
        pixels = shown.frames[number]
        share = np.full(pixels.shape[:2], 0.15, np.float32)
        if number in shown.meshes:
            hull = cv2.convexHull(shown.meshes[number].points[:, :2].round().astype(np.int32))
            cv2.fillConvexPoly(share, hull, 0.9)
        return pixels, np.asarray(cv2.GaussianBlur(share, (0, 0), 9), np.float32), 0.0

    camera = Camera.drawn(rng)
    return film(scene, flashed, camera, reflection, rng, duration_ms=asked.duration_ms)


REAL: Final = (
    (2, 50),
    (TurnDirection.LEFT, 52, 68),
    (TurnDirection.RIGHT, 214, 230),
    (TurnDirection.DOWN, 336, 356),
    (TurnDirection.UP, 420, 441),
)
"""What `pad/clips/real.mp4` shows when, for `footage`."""
REPLAYED: Final = (
    (2, 120),
    (TurnDirection.LEFT, 134, 150),
    (TurnDirection.RIGHT, 294, 310),
    (TurnDirection.DOWN, 416, 434),
    (TurnDirection.UP, 508, 523),
)
"""What `pad/clips/screen-replay.mp4` shows when."""
