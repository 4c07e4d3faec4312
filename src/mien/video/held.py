"""Detect prints and screens that somebody holds up: their straight edges stay beside the face while the face moves.

Each look finds the long, almost vertical edges to the left and right of a face, from above the head to the chin. Edges
of the room stay at their place in the picture, so they change their place relative to a face that grows or moves. Edges
on both sides that stay at their place relative to the face belong to something that is carried with it. Hair and
shoulders have no straight edges of that length. Without such movement nothing is decided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.vision.types import Float32, Pixels

# Lengths are in face units: the square root of the box's area, over 1.12, about the width of a face.
_UNIT: Final = 1.12
_PX: Final = 24
"""Pixels per face unit in which edges are searched."""
_TOP, _BOTTOM = -1.1, 0.6
"""Rows that an edge must cover, below the centre of the face: from above the head to the chin."""
_NEAR, _FAR = 0.75, 2.1
"""Distance of an edge from the centre of the face."""
_PARTS: Final = 10
"""Parts of an edge; all but one must show it, with the same sign."""
_CONTRAST: Final = 6.0
"""Least mean gradient of a part, in grey levels per pixel."""
_MOST: Final = 4
"""Most edges on a side; with more, the room is full of edges, and the side of that look is ignored."""
_STEP: Final = 0.05
"""Movement or growth, in face units, after which a face is looked at again."""
_LOOKS: Final = 20
"""Number of looks kept, the newest."""
_FEWEST: Final = 3
_SHARE: Final = 0.6
"""Fewest looks that must agree, and their least share of all looks from the first to the last of them."""
_ALIKE: Final = 0.12
"""Largest difference of an edge's distance in looks that agree."""
_SHIFT: Final = 0.25
"""Least shift in the picture of an edge that stays beside the face."""
_ROOM_SHIFT: Final = 0.25
_ROOM_ALIKE: Final = 0.06
_ROOM_SHARE: Final = 0.3
"""When an edge belongs to the room: of the other looks in which its place in the picture is at another distance from
the face, by at least the first length, more than this share show an edge at that place, within the second length."""

_ROWS: Final = np.arange(round(_TOP * _PX), round(_TOP * _PX) + _PARTS * (round((_BOTTOM - _TOP) * _PX) // _PARTS))
_SLOPES: Final = np.tan(np.radians(np.arange(-15.0, 15.1, 2.5)))
_SHIFTS: Final = np.rint(_SLOPES[:, None] * _ROWS[None, :]).astype(np.intp)
_MARGIN: Final = int(np.abs(_SHIFTS).max()) + 1
_HALF: Final = math.ceil(_FAR * _PX) + 2
_COLUMNS: Final = np.arange(-_HALF, _HALF + 1)
_WIDE: Final = _HALF + _MARGIN
"""Columns of the searched area on each side of the face's centre, in its pixels."""
_INDEX: Final = np.ascontiguousarray(
    (np.arange(len(_ROWS))[None, :, None] * (2 * _WIDE + 1) + _COLUMNS[None, None, :] + _SHIFTS[:, :, None] + _WIDE)
    .reshape(len(_SLOPES), _PARTS, -1, len(_COLUMNS))
    .transpose(2, 1, 0, 3)
)
"""For each row of a part, part, slope and column of an edge, its pixel in the flattened area, intp (4, 10, 13, 107).

In this order, sums and sorts go through the memory from one end to the other."""


@dataclass(frozen=True, slots=True)
class Look:
    """The straight edges beside a face in one frame.

    Attributes:
        unit: the face unit, in pixels of the picture.
        x: horizontal centre of the face, in pixels of the picture.
        sides: distances of the edges on the left (negative) and right from that centre, in face units.
    """

    unit: float
    x: float
    sides: tuple[tuple[float, ...], tuple[float, ...]]


class HeldEdges:
    """The edges beside a track's face, and whether they belong to something that is held up.

    Attributes:
        found: whether a held print or screen was found; it stays so until the track ends.
    """

    def __init__(self) -> None:
        self.found = False
        self._looks: list[Look] = []

    def due(self, box: Sequence[float]) -> bool:
        """Whether a face must be looked at: it has moved or grown since the last look, and nothing was found yet.

        Args:
            box: left, top, width, height of the face in pixels.
        """
        if self.found or not self._looks:
            return not self.found
        unit, last = face_unit(box), self._looks[-1]
        return max(abs(unit - last.unit), abs(box[0] + box[2] / 2 - last.x)) >= _STEP * unit

    def add(self, look: Look) -> None:
        """Add a look, and decide."""
        self._looks = [*self._looks, look][-_LOOKS:]
        self.found = self.found or is_held(self._looks)


def face_unit(box: Sequence[float]) -> float:
    """Return the unit of lengths beside a face (left, top, width, height), in pixels."""
    return max(1.0, math.sqrt(box[2] * box[3]) / _UNIT)


def look_beside(pixels: Pixels, box: Sequence[float]) -> Look:
    """Find the straight edges beside a face.

    Args:
        pixels: the picture, BGR uint8 (h, w, 3).
        box: left, top, width, height of the face in pixels.
    """
    unit, x, y = face_unit(box), box[0] + box[2] / 2, box[1] + box[3] / 2
    gradients = _gradients(pixels, unit, x, y)
    ordered = gradients.ravel().take(_INDEX).mean(axis=0)
    ordered.sort(axis=0)  # the weakest part may be hidden
    strength = np.maximum(ordered[1], -ordered[-2]).max(axis=0)
    padded = np.pad(strength, 2)
    peaks = np.max([padded[shift : shift + len(strength)] for shift in range(5)], axis=0)
    distance = _COLUMNS / _PX
    edges = (strength >= _CONTRAST) & (strength == peaks) & (np.abs(distance) >= _NEAR) & (np.abs(distance) <= _FAR)
    left, right = (
        sorted((int(one) for one in np.flatnonzero(edges & side)), key=lambda one: -strength[one])[: _MOST + 1]
        for side in (distance < 0, distance > 0)
    )
    return Look(unit, x, (tuple(distance[left].tolist()), tuple(distance[right].tolist())))


def _gradients(pixels: Pixels, unit: float, x: float, y: float) -> Float32:
    """Horizontal gradients of the searched area, float32 (rows, columns and margins); 0 outside the picture."""
    gradients = np.zeros((len(_ROWS), 2 * _WIDE + 1), np.float32)
    scale = unit / _PX
    height, width = pixels.shape[:2]
    # The part of the area that is in the picture, in pixels of the area.
    left, right = max(-_WIDE, math.ceil(-x / scale)), min(_WIDE + 1, math.floor((width - x) / scale))
    top = max(int(_ROWS[0]), math.ceil(-y / scale))
    bottom = min(int(_ROWS[-1]) + 1, math.floor((height - y) / scale))
    if right - left < 3 or bottom <= top:
        return gradients
    x0, x1 = max(0, round(x + left * scale)), min(width, round(x + right * scale))
    y0, y1 = max(0, round(y + top * scale)), min(height, round(y + bottom * scale))
    if x1 <= x0 or y1 <= y0:
        return gradients
    size = (right - left, bottom - top)
    small = cv2.resize(cv2.cvtColor(pixels[y0:y1, x0:x1], cv2.COLOR_BGR2GRAY), size, interpolation=cv2.INTER_AREA)
    values = small.astype(np.float32)
    area = gradients[top - int(_ROWS[0]) : bottom - int(_ROWS[0]), left + _WIDE : right + _WIDE]
    area[:, 1:-1] = (values[:, 2:] - values[:, :-2]) / 2
    return gradients


def is_held(looks: Sequence[Look]) -> bool:
    """Return whether edges on both sides stay beside the face while it moves through the picture.

    Args:
        looks: the looks of a track, oldest first.
    """
    if len(looks) < _FEWEST:
        return False
    units = np.array([one.unit for one in looks])
    centres = np.array([one.x for one in looks])
    number = np.array([index for index, one in enumerate(looks) for side in one.sides for _ in side], np.intp)
    distance = np.array([edge for one in looks for side in one.sides for edge in side])
    if not len(distance):
        return False
    kept = ~_of_room(number, distance, units, centres)
    crowded = np.array([[len(side) > _MOST for side in one.sides] for one in looks])
    kept &= ~crowded[number, (distance > 0).astype(np.intp)]
    left, right = np.flatnonzero(kept & (distance < 0)), np.flatnonzero(kept & (distance > 0))
    if not len(left) or not len(right):
        return False
    first, second = np.nonzero(number[left][:, None] == number[right][None, :])
    if not len(first):
        return False
    shown = [_shown(number[side], distance[side], len(looks)) for side in (left, right)]
    agree = shown[0][first] & shown[1][second]  # pairs of edges by looks
    count = agree.sum(axis=1)
    span = len(looks) - agree[:, ::-1].argmax(axis=1) - agree.argmax(axis=1)
    likely = (count >= _FEWEST) & (count >= _SHARE * span)
    for pair in np.flatnonzero(likely):
        some = agree[pair]
        unit = np.median(units[some])
        edges = (distance[left[first[pair]]], distance[right[second[pair]]])
        if all(np.ptp(centres[some] + units[some] * edge) >= _SHIFT * unit for edge in edges):
            return True
    return False


def _shown(number: NDArray[np.intp], distance: NDArray[np.float64], looks: int) -> NDArray[np.bool_]:
    """For each edge, the looks that show an edge at its distance from the face: bool (edges, looks)."""
    alike = np.abs(distance[:, None] - distance[None, :]) <= _ALIKE
    shown = np.zeros((len(distance), looks), bool)
    for look in np.unique(number):
        shown[:, look] = alike[:, number == look].any(axis=1)
    return shown


def _of_room(
    number: NDArray[np.intp],
    distance: NDArray[np.float64],
    units: NDArray[np.float64],
    centres: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Which edges stay at one place of the picture: bool (edges,).

    Args:
        number: look of each edge, int (edges,).
        distance: distance of each edge from the face, in face units (edges,).
        units: face unit of each look, in pixels (looks,).
        centres: centre of the face in each look, in pixels (looks,).
    """
    place = centres[number] + units[number] * distance
    there = (place[:, None] - centres[None, :]) / units[None, :]
    visible = (np.abs(there) >= _NEAR) & (np.abs(there) <= _FAR) & (np.abs(there - distance[:, None]) >= _ROOM_SHIFT)
    limit = _ROOM_ALIKE * np.maximum(units[number][:, None], units[number][None, :])
    same = np.abs(place[:, None] - place[None, :]) <= limit
    seen = np.zeros_like(visible)
    for look in np.unique(number):
        seen[:, look] = same[:, number == look].any(axis=1)
    return np.asarray((seen & visible).sum(axis=1) > _ROOM_SHARE * visible.sum(axis=1), bool)
