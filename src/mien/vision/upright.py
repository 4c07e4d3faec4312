"""Reading a face upright: its five points, whichever way the head is turned in the image, and whether to trust them.

The detector learnt upright faces. In one that lies or stands on its head it still sees a face, but takes the chin for
the forehead; the crop that follows is then no face to the recogniser, and the templates of strangers come out alike.

So the five points are read again in a small crop, turned upright by the points themselves. Where that look is sure,
changes little, and is nearly upright, they were right: so it is with nearly every upright face, at no cost beyond the
exact points that the look is for. Elsewhere the face is looked at in eight turns of 45°, side by side in one picture,
and read where the detector is surest: of a face turned by less than 23° it is as sure as of an upright one. What is
not clear even then is not trusted: such a face is reported, but gets no template (`Embedding.readable`). The borders
are measured by `bench/rotation.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mien.vision import align
from mien.vision.detector import RawDetections, YuNet
from mien.vision.types import Float32, Pixels

LOOK = 128
"""Side of the crop of re-detection, in which the face is about half as wide."""

_TURNS, _TURN_LOOK = 8, 96
"""How many turns are looked at, and the side of each one's crop."""
_BESIDE = 0.2
"""Share of such a crop, in which the box fills half, by which a face may be off the middle: of 1,600 turned faces 99 in
100 were within .17; what lies farther is another person's."""
_FAINT = 0.4
"""Score below which a look has seen no face."""
_SETTLED = 1.1
"""Mean shift of the points in pixels of re-detection (where the eyes are 25 apart) below which another pass would
change nothing that matters."""
_NEARLY = 1.6
"""The same for a face that the detector is sure of. Half of the faces of press photos settle at once; among 2,134 of
them verification is as accurate as with 1.1, where a sixth does (TAR .9785 and .9781 at FMR 1e-4, .9611 and .9620 at
1e-5), while with 2.0 it begins to fall (.9586 at 1e-5)."""
_PASSES, _PASSES_TURNED = 2, 3
_PLAIN, _PLAIN_MOVED, _PLAIN_ROLL = 0.88, 3.0, 30.0
"""A face is plain from this score, up to this shift in pixels of a look and this slope of the eyes in degrees."""
_SAME_TURN, _SAME_PLACE = 5.0, 0.08
"""Degrees of turn, and shift by the distance of the eyes, up to which two readings are the same."""
_TRUSTED = 0.6
"""Least score of a face that is read."""
_PRESENT = 0.5
"""Least presence by the mesh of one that is read as turned; no right reading of 1,750 such faces had less."""

_UPRIGHT: Float32 = np.asarray((align.TEMPLATE_112 - 56) * (0.9 * LOOK / 160) + LOOK / 2, np.float32)


@dataclass(frozen=True, slots=True)
class LandmarkReading:
    """The five points of a face, and what speaks for them.

    Attributes:
        points: float32 (5, 2) in pixels of the image, see `Detection.points`.
        score: the detector's in the last look, 0 if it saw no face.
        moved: how far that look's points were from those that it started with: the mean, in pixels of a look.
        searched: whether all turns were looked at.
        presence: the mesh network's belief that the points are a face's; None if it was not asked.
    """

    points: Float32
    score: float
    moved: float
    searched: bool = False
    presence: float | None = None

    @property
    def plain(self) -> bool:
        """Whether this is so clearly an upright face that no other turn need be looked at."""
        return self.score >= _PLAIN and self.moved <= _PLAIN_MOVED and abs(roll_of(self.points)) <= _PLAIN_ROLL

    @property
    def trusted(self) -> bool:
        """Whether the points are eyes, nose and mouth for sure, so that a template may be made by them."""
        if self.presence is not None and self.presence < _PRESENT:
            return False
        return self.score >= _TRUSTED


class UprightReader:
    """Reads faces upright; safe to call from many threads.

    Args:
        detector: the network that found them.
        presence: the mesh network's belief that five points, float32 (5, 2), of an image are those of a face, in
            [0, 1]; asked only where the detector's answer leaves a doubt.
    """

    def __init__(self, detector: YuNet, presence: Callable[[Pixels, Float32], float]) -> None:
        self._detector = detector
        self._presence = presence

    def read(self, pixels: Pixels, points: Float32, box: tuple[float, float, float, float]) -> LandmarkReading:
        """Find the five points of a face more exactly, in whichever turn it is.

        Args:
            pixels: BGR uint8 (h, w, 3).
            points: float32 (5, 2) in those pixels, as the detector found them.
            box: left, top, width, height there.

        Returns:
            What was read; the points are unchanged where no look saw a face.
        """
        reading = self.refine(pixels, points)
        return reading if reading.plain else self.search(pixels, reading, box)

    def search(
        self, pixels: Pixels, reading: LandmarkReading, box: tuple[float, float, float, float]
    ) -> LandmarkReading:
        """Search all rotations, and read the face again in the one with the highest detection score.

        Args:
            pixels: BGR uint8 (h, w, 3).
            reading: the first reading.
            box: left, top, width, height of the face in those pixels.

        Returns:
            The same points where they were plain, and the surest turn agrees with them.
        """
        seen = self._surest(pixels, box)
        if seen is not None:
            found = self.refine(pixels, seen, _PASSES_TURNED, _SETTLED)
            if found.score >= min(reading.score, _PLAIN) and not (reading.plain and _agree(found.points, reading)):
                reading = found
        doubtful = abs(roll_of(reading.points)) > _PLAIN_ROLL
        presence = self._presence(pixels, reading.points) if doubtful else None
        return replace(reading, searched=True, presence=presence)

    def refine(
        self, pixels: Pixels, points: Float32, passes: int = _PASSES, settled: float = _NEARLY
    ) -> LandmarkReading:
        """Find the five points more exactly, by looking again at the face alone, turned upright by them.

        Args:
            pixels: BGR uint8 (h, w, 3).
            points: float32 (5, 2) in those pixels.
            passes: how often; each takes the mean of the old and the new points, which was better than the new ones.
            settled: mean shift of the points, in pixels of a look, below which a look at a face that the detector is
                sure of is the last.
        """
        score, moved = 0.0, float(LOOK)
        for _ in range(passes):
            transform = align.similarity_transform(points, _UPRIGHT)
            looked = self._detector.search(align.warp(pixels, transform, LOOK, LOOK), _FAINT)
            if len(looked) == 0:
                return LandmarkReading(points, 0.0, float(LOOK))
            best = nearest_to_middle(looked)
            five = looked.points[best]
            seen = align.apply_transform(align.invert_transform(transform), five)
            score = float(looked.scores[best])
            moved = _mean_shift(transform, points, five)
            points = np.asarray((points + seen) / 2, np.float32)
            if moved < (settled if score >= _PLAIN else _SETTLED):
                break
        return LandmarkReading(points, score, moved)

    def _surest(self, pixels: Pixels, box: tuple[float, float, float, float]) -> Float32 | None:
        """The points of the face in a box as they look in the turn in which the detector is surest of it."""
        left, top, width, height = box
        middle = np.array([left + width / 2, top + height / 2])
        columns = _TURNS // 2
        sheet = np.zeros((2 * _TURN_LOOK, columns * _TURN_LOOK, 3), np.uint8)
        tiles = []
        for turn in range(_TURNS):
            move = turned_square(middle, 2.0 * max(width, height), turn * 360 / _TURNS, _TURN_LOOK)
            corner = np.array([turn % columns, turn // columns], np.float32) * _TURN_LOOK
            x, y = corner.astype(int)
            sheet[y : y + _TURN_LOOK, x : x + _TURN_LOOK] = align.warp(pixels, move, _TURN_LOOK, _TURN_LOOK)
            tiles.append((corner, move))
        seen = self._detector.search(sheet, _FAINT)
        middles = seen.boxes[:, :2] + seen.boxes[:, 2:] / 2
        for index in np.argsort(-seen.scores, kind="stable"):
            column, row = (middles[index] // _TURN_LOOK).astype(int).clip(0, [columns - 1, 1])
            corner, move = tiles[row * columns + column]
            if np.abs(middles[index] - corner - _TURN_LOOK / 2).max() <= _BESIDE * _TURN_LOOK:
                return align.apply_transform(align.invert_transform(move), seen.points[index] - corner)
        return None


def roll_of(points: Float32) -> float:
    """Degrees by which the line through the eyes of five points is turned clockwise in the image, in (-180, 180]."""
    across, down = points[1] - points[0]
    return float(np.degrees(np.arctan2(down, across)))


def nearest_to_middle(candidates: RawDetections) -> int:
    """Index of the likeliest of the candidates that are centred in a look's crop, else of the nearest."""
    best, least = 0, math.inf
    for index, ((left, top, width, height), score) in enumerate(
        zip(candidates.boxes.tolist(), candidates.scores.tolist(), strict=True)
    ):  # in plain Python: there are a dozen, and each call of numpy takes as long as three of them
        distance = max(abs(left + width / 2 - LOOK / 2), abs(top + height / 2 - LOOK / 2))
        lack = distance / (LOOK / 2) - score
        if lack < least:
            best, least = index, lack
    return best


def _mean_shift(transform: Float32, points: Float32, seen: Float32) -> float:
    """Mean difference, over both axes, of `seen`, float32 (k, 2), to `points` moved by `transform`."""
    (a, b, x), (c, d, y) = transform.tolist()
    shifts: list[float] = [
        abs(a * p + b * q + x - u) + abs(c * p + d * q + y - v)
        for (p, q), (u, v) in zip(points.tolist(), seen.tolist(), strict=True)
    ]
    return sum(shifts) / (2 * len(shifts))


def turned_square(middle: Float32, side: float, degrees: float, size: int) -> Float32:
    """From an image to a crop of `size` pixels of the square around `middle`, turned clockwise by `degrees`.

    Returns:
        float32 (2, 3).
    """
    scale, angle = size / side, np.radians(degrees)
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[cos, -sin], [sin, cos]])
    shift = size / 2 - linear @ middle
    return np.asarray(np.concatenate([linear, shift[:, None]], axis=1), np.float32)


def _agree(points: Float32, reading: LandmarkReading) -> bool:
    """Return whether points are those of a reading that saw a face, as far as a template cares."""
    apart = abs((roll_of(points) - roll_of(reading.points) + 180) % 360 - 180)
    eyes = float(np.linalg.norm(reading.points[1] - reading.points[0]))
    moved = float(np.abs(points - reading.points).mean())
    return reading.score > 0 and apart <= _SAME_TURN and moved <= _SAME_PLACE * max(eyes, 1.0)
