"""Finds a face's five points at any rotation in the image, and decides whether they are reliable.

The detector was trained on upright faces. It also detects faces that lie on their side or are upside down, but with
wrong points: it mistakes the chin for the forehead. The aligned crop then shows no proper face, and the recogniser
returns similar templates for different people.

So the five points are re-detected in a small crop, rotated upright by the points themselves. If its score is high, the
points change little, and the face is nearly upright, they were correct. This is the case for nearly every upright face,
at no additional cost, since the re-detection also refines the points. Otherwise the face is searched at eight turns of
45°, side by side in one picture, and read at the turn with the highest score: up to 23° of rotation, scores are as high
as for upright faces. A face that is unclear even then is reported without a usable template (`Embedding.readable`). The
limits are measured by `bench/rotation.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mien.vision import align
from mien.vision.detector import RawDetections, YuNet
from mien.vision.types import Float32, Pixels

CROP_SIDE = 128
"""Side of the re-detection crop in pixels; the face is about half as wide."""

_TURNS, _TURN_SIDE = 8, 96
"""Number of turns, and side of the crop of each in pixels."""
_MAX_OFFSET = 0.2
"""Largest distance of a face from the middle of such a crop, as a share of its side (the box fills half): 99 in 100 of
1,600 turned faces were within .17; a face farther off is another person's."""
_MIN_CROP_SCORE = 0.4
"""Lowest score of a re-detected face."""
_SETTLED_SHIFT = 1.1
"""Mean shift of the points, in pixels of the re-detection crop (where the eyes are 25 apart), below which another pass
is not needed."""
_SETTLED_SHIFT_CLEAR = 1.6
"""`_SETTLED_SHIFT` for a face with a high score. Half of the faces of press photos need no second pass then; on 2,134
of them verification is as accurate as with 1.1, where only a sixth need none (TAR .9785 and .9781 at FMR 1e-4, .9611
and .9620 at 1e-5). With 2.0 accuracy begins to fall (.9586 at 1e-5)."""
_PASSES, _PASSES_TURNED = 2, 3
_CLEAR_SCORE, _CLEAR_SHIFT, _CLEAR_ROLL = 0.88, 3.0, 30.0
"""Clearly upright: lowest score, largest shift in pixels of the crop, and largest slope of the eyes in degrees."""
_SAME_TURN, _SAME_PLACE = 5.0, 0.08
"""Largest rotation in degrees, and shift in inter-eye distances, between two equal readings."""
_MIN_SCORE = 0.6
"""Lowest score of a trusted reading."""
_MIN_PRESENCE = 0.5
"""Lowest mesh presence of a trusted turned face; no correct reading of 1,750 such faces had less."""

_UPRIGHT: Float32 = np.asarray((align.TEMPLATE_112 - 56) * (0.9 * CROP_SIDE / 160) + CROP_SIDE / 2, np.float32)


@dataclass(frozen=True, slots=True)
class LandmarkReading:
    """The five points of a face, and the evidence for them.

    Attributes:
        points: float32 (5, 2) in pixels of the image, see `Detection.points`.
        score: score of the last re-detection; 0 if it found no face.
        moved: mean shift of the points by the last re-detection, in pixels of its crop.
        searched: whether all turns were searched.
        presence: the mesh network's probability that the points are a face's; None if not computed.
    """

    points: Float32
    score: float
    moved: float
    searched: bool = False
    presence: float | None = None

    @property
    def clearly_upright(self) -> bool:
        """Whether the face is clearly upright, so no other turn need be searched."""
        return self.score >= _CLEAR_SCORE and self.moved <= _CLEAR_SHIFT and abs(roll_of(self.points)) <= _CLEAR_ROLL

    @property
    def trusted(self) -> bool:
        """Whether the points are reliable enough to compute a template."""
        if self.presence is not None and self.presence < _MIN_PRESENCE:
            return False
        return self.score >= _MIN_SCORE


class UprightReader:
    """Reads faces upright; thread-safe.

    Args:
        detector: the detection network.
        presence: returns the mesh network's probability in [0, 1] that five points, float32 (5, 2), in an image are a
            face's; called only in case of doubt.
    """

    def __init__(self, detector: YuNet, presence: Callable[[Pixels, Float32], float]) -> None:
        self._detector = detector
        self._presence = presence

    def read(self, pixels: Pixels, points: Float32, box: tuple[float, float, float, float]) -> LandmarkReading:
        """Refine the five points of a face, at any rotation.

        Args:
            pixels: BGR uint8 (h, w, 3).
            points: the detector's points, float32 (5, 2), in those pixels.
            box: left, top, width, height in those pixels.

        Returns:
            The reading; its points are unchanged if no re-detection found a face.
        """
        reading = self.refine(pixels, points)
        return reading if reading.clearly_upright else self.search(pixels, reading, box)

    def search(
        self, pixels: Pixels, reading: LandmarkReading, box: tuple[float, float, float, float]
    ) -> LandmarkReading:
        """Search all rotations, and read the face again in the one with the highest detection score.

        Args:
            pixels: BGR uint8 (h, w, 3).
            reading: the first reading.
            box: left, top, width, height of the face in those pixels.

        Returns:
            The new reading, or the first if that was clearly upright and agrees with the best turn.
        """
        seen = self._points_at_best_turn(pixels, box)
        if seen is not None:
            found = self.refine(pixels, seen, _PASSES_TURNED, _SETTLED_SHIFT)
            if found.score >= min(reading.score, _CLEAR_SCORE) and not (
                reading.clearly_upright and _agree(found.points, reading)
            ):
                reading = found
        doubtful = abs(roll_of(reading.points)) > _CLEAR_ROLL
        presence = self._presence(pixels, reading.points) if doubtful else None
        return replace(reading, searched=True, presence=presence)

    def refine(
        self, pixels: Pixels, points: Float32, passes: int = _PASSES, settled: float = _SETTLED_SHIFT_CLEAR
    ) -> LandmarkReading:
        """Refine the five points by re-detection in a crop that is rotated upright by them.

        Args:
            pixels: BGR uint8 (h, w, 3).
            points: float32 (5, 2) in those pixels.
            passes: most passes; each averages old and new points, which was more accurate than the new points alone.
            settled: mean shift of the points, in pixels of the crop, below which no further pass is made for a face
                with a high score.
        """
        score, moved = 0.0, float(CROP_SIDE)
        for _ in range(passes):
            transform = align.similarity_transform(points, _UPRIGHT)
            detected = self._detector.search(align.warp(pixels, transform, CROP_SIDE, CROP_SIDE), _MIN_CROP_SCORE)
            if len(detected) == 0:
                return LandmarkReading(points, 0.0, float(CROP_SIDE))
            best = nearest_to_middle(detected)
            five = detected.points[best]
            seen = align.apply_transform(align.invert_transform(transform), five)
            score = float(detected.scores[best])
            moved = _mean_shift(transform, points, five)
            points = np.asarray((points + seen) / 2, np.float32)
            if moved < (settled if score >= _CLEAR_SCORE else _SETTLED_SHIFT):
                break
        return LandmarkReading(points, score, moved)

    def _points_at_best_turn(self, pixels: Pixels, box: tuple[float, float, float, float]) -> Float32 | None:
        """Return the points of the face in a box, found at the turn with the highest score; None if there is none."""
        left, top, width, height = box
        middle = np.array([left + width / 2, top + height / 2])
        columns = _TURNS // 2
        sheet = np.zeros((2 * _TURN_SIDE, columns * _TURN_SIDE, 3), np.uint8)
        tiles = []
        for turn in range(_TURNS):
            move = turned_square(middle, 2.0 * max(width, height), turn * 360 / _TURNS, _TURN_SIDE)
            corner = np.array([turn % columns, turn // columns], np.float32) * _TURN_SIDE
            x, y = corner.astype(int)
            sheet[y : y + _TURN_SIDE, x : x + _TURN_SIDE] = align.warp(pixels, move, _TURN_SIDE, _TURN_SIDE)
            tiles.append((corner, move))
        seen = self._detector.search(sheet, _MIN_CROP_SCORE)
        middles = seen.boxes[:, :2] + seen.boxes[:, 2:] / 2
        for index in np.argsort(-seen.scores, kind="stable"):
            column, row = (middles[index] // _TURN_SIDE).astype(int).clip(0, [columns - 1, 1])
            corner, move = tiles[row * columns + column]
            if np.abs(middles[index] - corner - _TURN_SIDE / 2).max() <= _MAX_OFFSET * _TURN_SIDE:
                return align.apply_transform(align.invert_transform(move), seen.points[index] - corner)
        return None


def roll_of(points: Float32) -> float:
    """Return the clockwise rotation of the line through the eyes in the image, in degrees in (-180, 180]."""
    across, down = points[1] - points[0]
    return float(np.degrees(np.arctan2(down, across)))


def nearest_to_middle(candidates: RawDetections) -> int:
    """Return the index of the candidate with the best combination of score and distance to the crop's middle."""
    best, least = 0, math.inf
    for index, ((left, top, width, height), score) in enumerate(
        zip(candidates.boxes.tolist(), candidates.scores.tolist(), strict=True)
    ):  # in plain Python: for a dozen candidates, numpy calls would take longer
        distance = max(abs(left + width / 2 - CROP_SIDE / 2), abs(top + height / 2 - CROP_SIDE / 2))
        lack = distance / (CROP_SIDE / 2) - score
        if lack < least:
            best, least = index, lack
    return best


def _mean_shift(transform: Float32, points: Float32, seen: Float32) -> float:
    """Return the mean difference, over both axes, between `seen`, float32 (k, 2), and transformed `points`."""
    (a, b, x), (c, d, y) = transform.tolist()
    shifts: list[float] = [
        abs(a * p + b * q + x - u) + abs(c * p + d * q + y - v)
        for (p, q), (u, v) in zip(points.tolist(), seen.tolist(), strict=True)
    ]
    return sum(shifts) / (2 * len(shifts))


def turned_square(middle: Float32, side: float, degrees: float, size: int) -> Float32:
    """Return the transform from an image to a crop of `size` pixels: the square around `middle`, rotated clockwise.

    Returns:
        float32 (2, 3).
    """
    scale, angle = size / side, np.radians(degrees)
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[cos, -sin], [sin, cos]])
    shift = size / 2 - linear @ middle
    return np.asarray(np.concatenate([linear, shift[:, None]], axis=1), np.float32)


def _agree(points: Float32, reading: LandmarkReading) -> bool:
    """Return whether points equal those of a successful reading closely enough for the same template."""
    apart = abs((roll_of(points) - roll_of(reading.points) + 180) % 360 - 180)
    eyes = float(np.linalg.norm(reading.points[1] - reading.points[0]))
    moved = float(np.abs(points - reading.points).mean())
    return reading.score > 0 and apart <= _SAME_TURN and moved <= _SAME_PLACE * max(eyes, 1.0)
