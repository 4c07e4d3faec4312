"""Zones: polygons in shares of the picture."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.video.errors import ZoneError
from mien.video.zones import NOTHING_HIDDEN, Zone, ZoneKind, Zones

SQUARE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
SHARE = st.floats(0, 1)


def zones(kind: ZoneKind, *points: tuple[float, float]) -> Zones:
    return Zones((Zone(kind, points),))


@pytest.mark.parametrize(
    "told",
    [
        "everything",
        {"kind": "watch"},
        [5],
        [{"kind": "hide", "points": SQUARE}],
        [{"kind": "watch", "points": "0,0"}],
        [{"kind": "watch", "points": [[0, 0], [1, 1]]}],
        [{"kind": "watch", "points": [[0, 0], [1, 1], [2, 0]]}],
        [{"kind": "watch", "points": [[0, 0], [1, 1], [float("nan"), 0]]}],
        [{"kind": "watch", "points": [[0, 0], [1, 1], ["1", 0]]}],
        [{"kind": "watch", "points": [[0, 0], [1, 1], [0.5, 0.5]]}],
        [{"kind": "watch", "points": SQUARE, "name": 7}],
        [{"kind": "watch", "points": SQUARE}] * 33,
    ],
)
def test_what_is_no_zone_is_refused(told: object) -> None:
    with pytest.raises(ZoneError):
        Zones.from_json(told)


def test_zones_survive_json() -> None:
    made = Zones((Zone(ZoneKind.WATCH, SQUARE, "door"), Zone(ZoneKind.PRIVACY, SQUARE[:3])))
    assert Zones.from_json(json.loads(json.dumps(made.as_json()))) == made


def test_without_watched_zones_everything_is_watched() -> None:
    assert NOTHING_HIDDEN.watches(0.1, 0.9)
    assert zones(ZoneKind.PRIVACY, *SQUARE).watches(0.1, 0.9)
    watched = zones(ZoneKind.WATCH, *SQUARE)
    assert watched.watches(0.5, 0.5)
    assert not watched.watches(0.1, 0.9)


@given(SHARE, SHARE, st.integers(20, 400), st.integers(20, 300))
def test_no_pixel_inside_a_privacy_zone_is_left(x: float, y: float, width: int, height: int) -> None:
    hidden = zones(ZoneKind.PRIVACY, (0.2, 0.1), (0.9, 0.3), (0.6, 0.9))
    pixels = np.full((height, width, 3), 200, np.uint8)
    hidden.blacken(pixels)
    if hidden.zones[0].contains(x, y):
        assert not pixels[min(int(y * height), height - 1), min(int(x * width), width - 1)].any()
    assert pixels[-1, 0].all(), "what is far from the zone stays"


@given(st.lists(st.tuples(SHARE, SHARE), min_size=3, max_size=8), SHARE, SHARE)
def test_the_watched_part_contains_every_watched_point(points: list[tuple[float, float]], x: float, y: float) -> None:
    try:
        watched = zones(ZoneKind.WATCH, *points)
    except ZoneError:
        return
    left, top, right, bottom = watched.watched_part(640, 360)
    assert 0 <= left < right <= 640
    assert 0 <= top < bottom <= 360
    if watched.watches(x, y):
        assert left <= x * 640 <= right
        assert top <= y * 360 <= bottom


def square(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def test_zones_that_overlap_hide_and_watch_their_common_part() -> None:
    """A wall of privacy zones would otherwise have a window wherever two of them overlap."""
    parts = [square(0.1, 0.1, 0.6, 0.6), square(0.3, 0.3, 0.9, 0.9), square(0.4, 0.1, 0.5, 0.9)]
    hidden = np.full((200, 300, 3), 255, np.uint8)
    Zones.of(privacy=parts).blacken(hidden)
    watched = Zones.of(watch=parts)
    mask = watched.watch_mask(300, 200)
    for y in range(2, 198, 3):
        for x in range(2, 298, 3):
            if any(Zone(ZoneKind.WATCH, tuple(part)).contains((x + 0.5) / 300, (y + 0.5) / 200) for part in parts):
                assert not hidden[y, x].any(), (x, y)
                assert mask[y, x]
    assert hidden[195, 5].all()


@pytest.mark.parametrize(("size", "step"), [(640, 2), (97, 2), (640, 3)])
def test_a_zone_whose_sides_cross_hides_all_that_it_encloses(size: int, step: int) -> None:
    corners = 5 if step == 2 else 7
    turns = [2 * np.pi * step * corner / corners for corner in range(corners)]
    star = [(float(0.5 + 0.45 * np.sin(turn)), float(0.5 - 0.45 * np.cos(turn))) for turn in turns]
    pixels = np.full((size, size, 3), 255, np.uint8)
    Zones.of(privacy=[star]).blacken(pixels)
    inner = int(0.45 * np.cos(np.pi * step / corners) * size) - 1  # radius of the circle within the sides
    y, x = np.ogrid[:size, :size]
    within = (x - size / 2) ** 2 + (y - size / 2) ** 2 < inner**2
    assert not pixels[within].any()
    assert pixels[1, 1].all()
