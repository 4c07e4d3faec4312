"""Zones of a camera's picture: where faces are searched, and what must never be seen.

Zones are polygons in relative coordinates, x and y from 0 (left, top) to 1 (right, bottom) of the upright picture, so
they keep their place when the camera's resolution changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.video.errors import ZoneError
from mien.vision.types import Pixels

Point = tuple[float, float]

MAX_ZONES: Final = 32
MAX_POINTS: Final = 64
_LEAST_AREA: Final = 1e-4
"""Minimum share of the picture: smaller polygons are accidental clicks."""


class ZoneKind(StrEnum):
    """The purpose of a zone."""

    WATCH = "watch"
    """Only faces whose centre is in such a zone are analysed; the whole picture if there is none."""
    PRIVACY = "privacy"
    """Blacked out before the picture is used: detection, templates, live pictures, stored crops."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon of a picture.

    Attributes:
        kind: its purpose.
        points: three or more corners, x and y in [0, 1].
        name: name for display; may be empty.

    Raises:
        ZoneError: it is not a polygon inside the picture.
    """

    kind: ZoneKind
    points: tuple[Point, ...]
    name: str = ""

    def __post_init__(self) -> None:
        if not 3 <= len(self.points) <= MAX_POINTS:
            raise ZoneError("a zone has 3 to {most} corners, not {count}", most=MAX_POINTS, count=len(self.points))
        for x, y in self.points:
            if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):  # refuses NaN too
                raise ZoneError("a zone's corners lie in [0, 1] × [0, 1], not at ({x}, {y})", x=x, y=y)
        if len(self.name) > 128:
            raise ZoneError("a zone's name has at most 128 characters")
        if self.area < _LEAST_AREA:
            raise ZoneError("a zone must enclose a part of the picture; its corners lie on a line")

    @property
    def area(self) -> float:
        """Area as a share of the picture, by the shoelace formula."""
        turned = (*self.points[1:], self.points[0])
        return abs(sum(x * v - u * y for (x, y), (u, v) in zip(self.points, turned, strict=True))) / 2

    def contains(self, x: float, y: float) -> bool:
        """Return whether a point, in relative coordinates, lies inside; by the even-odd rule."""
        inside = False
        before = self.points[-1]
        for point in self.points:
            (x0, y0), (x1, y1) = before, point
            if (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0:
                inside = not inside
            before = point
        return inside


@dataclass(frozen=True, slots=True)
class Zones:
    """All zones of a camera.

    Attributes:
        zones: at most 32.

    Raises:
        ZoneError: there are too many.
    """

    zones: tuple[Zone, ...] = ()
    _watch: tuple[Zone, ...] = field(init=False, repr=False, compare=False)
    _privacy: tuple[Zone, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.zones) > MAX_ZONES:
            raise ZoneError("a camera has at most {most} zones, not {count}", most=MAX_ZONES, count=len(self.zones))
        object.__setattr__(self, "_watch", tuple(one for one in self.zones if one.kind is ZoneKind.WATCH))
        object.__setattr__(self, "_privacy", tuple(one for one in self.zones if one.kind is ZoneKind.PRIVACY))

    @classmethod
    def of(cls, watch: Iterable[Sequence[Point]] = (), privacy: Iterable[Sequence[Point]] = ()) -> Zones:
        """Create zones from the polygons of each kind.

        Raises:
            ZoneError: one is not a polygon inside the picture, or there are too many.
        """
        kinds = ((ZoneKind.WATCH, watch), (ZoneKind.PRIVACY, privacy))
        return cls(tuple(Zone(kind, tuple(points)) for kind, some in kinds for points in some))

    @classmethod
    def from_json(cls, told: Any) -> Zones:
        """Parse the output of `as_json`, or JSON written by a person.

        Args:
            told: a list of `{"kind": "watch" | "privacy", "points": [[x, y], …], "name": …}`.

        Raises:
            ZoneError: it is not such a list.
        """
        if not isinstance(told, Sequence) or isinstance(told, str | bytes):
            raise ZoneError("zones are a list")
        return cls(tuple(_zone(one) for one in told))

    def as_json(self) -> list[dict[str, Any]]:
        """Return the JSON that `from_json` reads."""
        return [
            {"kind": one.kind.value, "name": one.name, "points": [[x, y] for x, y in one.points]} for one in self.zones
        ]

    @property
    def hides(self) -> bool:
        """Whether any part of the picture is blacked out."""
        return bool(self._privacy)

    def watches(self, x: float, y: float) -> bool:
        """Return whether a face with this centre, in relative coordinates, is analysed."""
        return not self._watch or any(zone.contains(x, y) for zone in self._watch)

    def blacken(self, pixels: Pixels) -> None:
        """Black out the privacy zones in place, including every pixel that they touch or enclose.

        Args:
            pixels: uint8 (h, w, 3) or (h, w), the whole picture at any size.
        """
        if not self._privacy:
            return
        height, width = pixels.shape[:2]
        for zone in self._privacy:
            for polygon in _enclosed(zone.points, width, height):
                cv2.fillPoly(pixels, [polygon], (0, 0, 0))  # one call for several leaves out where they overlap
                # A reduced pixel at the border mixes the inside with the outside.
                cv2.polylines(pixels, [polygon], True, (0, 0, 0), thickness=3)

    def watched_part(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in pixels of the smallest rectangle that contains all watched zones."""
        if not self._watch:
            return 0, 0, width, height
        points = np.array([point for zone in self._watch for point in zone.points])
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        # A face whose centre is just inside extends beyond the zone.
        around_x, around_y = 0.05 * width, 0.08 * height
        return (
            max(0, math.floor(left * width - around_x)),
            max(0, math.floor(top * height - around_y)),
            min(width, math.ceil(right * width + around_x)),
            min(height, math.ceil(bottom * height + around_y)),
        )

    def watch_mask(self, width: int, height: int) -> NDArray[np.bool_]:
        """Bool (height, width): where motion counts."""
        if not self._watch:
            return np.ones((height, width), bool)
        mask = np.zeros((height, width), np.uint8)
        for zone in self._watch:
            cv2.fillPoly(mask, [_corners(zone.points, width, height)], 1)
        return np.asarray(cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0)


NOTHING_HIDDEN: Final = Zones()
"""No privacy zones: the whole picture is watched."""


def _zone(told: Any) -> Zone:
    if not isinstance(told, Mapping):
        raise ZoneError("a zone is an object with kind and points")
    kind, points, name = told.get("kind"), told.get("points"), told.get("name") or ""
    if kind not in set(ZoneKind):
        raise ZoneError("a zone's kind is {kinds}, not {kind!r}", kinds=" or ".join(ZoneKind), kind=kind)
    if not isinstance(name, str):
        raise ZoneError("a zone's name is a text")
    if not isinstance(points, Sequence) or isinstance(points, str | bytes):
        raise ZoneError("a zone's points are a list of [x, y]")
    return Zone(ZoneKind(kind), tuple(_point(one) for one in points), name)


def _point(told: Any) -> Point:
    pair = told if isinstance(told, Sequence) and not isinstance(told, str | bytes) else ()
    if len(pair) != 2 or not all(isinstance(one, int | float) and not isinstance(one, bool) for one in pair):
        raise ZoneError("a zone's points are a list of [x, y]")
    return float(pair[0]), float(pair[1])


@lru_cache(maxsize=256)
def _enclosed(points: tuple[Point, ...], width: int, height: int) -> tuple[NDArray[np.int32], ...]:
    """Return polygons that cover a zone and what it encloses, in pixels.

    If the sides of a zone cross, `cv2.fillPoly` leaves out parts that they enclose, such as the middle of a star.
    """
    corners = _corners(points, width, height)
    mask = np.zeros((height + 1, width + 1), np.uint8)
    cv2.fillPoly(mask, [corners], 1)
    contours, parents = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    holes = [contours[index] for index in range(len(contours)) if parents[0][index][3] >= 0]
    return corners, *(np.asarray(hole.reshape(-1, 2), np.int32) for hole in holes)


def _corners(points: Iterable[Point], width: int, height: int) -> NDArray[np.int32]:
    return np.array([(round(x * width), round(y * height)) for x, y in points], np.int32)
