"""Held prints and screens: edges that stay beside a face that moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest

from mien.video.held import HeldEdges, Look, is_held, look_beside
from mien.video.tracks import Track
from mien.vision.types import Pixels

SIZE = (1280, 720)
Box = tuple[float, float, float, float]
Draw = Callable[[Pixels, float, float, float], None]
WALK = [(60 + 12 * step, 560 + 9 * step, 330) for step in range(7)]
"""Width and centre of a face that grows and moves to the right, in pixels."""


def room(*edges: int) -> Pixels:
    """A grey room with strips of another brightness that begin at the given columns."""
    picture = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    for index, x in enumerate(edges):
        picture[:, x:] = (70, 70, 70) if index % 2 == 0 else (150, 150, 150)
    noise = np.random.default_rng(1).normal(0, 4, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


def head(picture: Pixels, width: float, x: float, y: float) -> None:
    """A head with shoulders and hair down to the shoulders."""
    at = (round(x), round(y))
    cv2.ellipse(picture, (at[0], round(y + 2.1 * width)), (round(1.6 * width), round(1.2 * width)), 0, 0, 360, 60, -1)
    cv2.ellipse(picture, at, (round(0.72 * width), round(0.98 * width)), 0, 0, 360, (20, 25, 30), -1)
    cv2.rectangle(
        picture, (round(x - 0.72 * width), at[1]), (round(x + 0.72 * width), round(y + width)), (20, 25, 30), -1
    )
    cv2.ellipse(picture, at, (round(0.5 * width), round(0.65 * width)), 0, 0, 360, (150, 170, 210), -1)


def sheet(picture: Pixels, width: float, x: float, y: float, *, turned: float = 0.0, half: float = 1.15) -> None:
    """A head on a white sheet, turned by some degrees."""
    corners = cv2.boxPoints(((x, y), (2 * half * width, 3.2 * width), turned))
    cv2.fillPoly(picture, [corners.round().astype(np.int32)], (235, 235, 235))
    cv2.ellipse(picture, (round(x), round(y)), (round(0.5 * width), round(0.65 * width)), 0, 0, 360, (90, 110, 150), -1)


def watch(behind: Pixels, draw: Draw, walk: Sequence[tuple[float, float, float]]) -> HeldEdges:
    """Look at each step of a walk, as a camera does."""
    held = HeldEdges()
    for width, x, y in walk:
        picture = behind.copy()
        draw(picture, width, x, y)
        box: Box = (x - width / 2, y - 0.64 * width, width, 1.28 * width)
        if held.due(box):
            held.add(look_beside(picture, box))
    return held


@pytest.mark.parametrize("turned", [-10.0, 0.0, 7.0])
def test_a_sheet_that_comes_nearer_is_held(turned: float) -> None:
    held = watch(room(300, 900), lambda *at: sheet(*at, turned=turned), WALK)
    assert held.found


def test_a_track_with_a_held_sheet_is_not_live() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    track = Track(1, now, 0.0, now, 0.0, (0, 0, 80, 80), np.zeros((5, 2), np.float32), live=[0.99] * 5)
    assert track.liveness is not None
    assert track.liveness > 0.9
    track.held = watch(room(), sheet, WALK)
    assert track.liveness == 0.0
    track.begin_again(now, 5.0)
    assert not track.held.found
    assert track.liveness is None


@pytest.mark.parametrize(
    "edges",
    [(), (500, 700), (430, 520, 640, 760), tuple(range(10, 1280, 45)), tuple(range(10, 1280, 90))],
    ids=["plain", "door", "shelf", "blinds", "panels"],
)
def test_a_person_before_the_edges_of_a_room_holds_nothing(edges: tuple[int, ...]) -> None:
    assert not watch(room(*edges), head, WALK).found


def test_a_face_that_stands_still_says_nothing() -> None:
    still = [(100.0, 640.0 + sway, 330.0) for sway in (0, 2, -3, 1, 4, -2, 0, 3)]
    assert not watch(room(510, 770), head, still).found
    held = watch(room(), sheet, still)
    assert not held.found
    assert not held.due((590, 266, 100, 128))  # the camera need not look again


def test_an_edge_on_one_side_says_nothing() -> None:
    assert not is_held([Look(60 + 10 * step, 600, ((-1.1,), ())) for step in range(8)])


def test_edges_on_both_sides_that_grow_with_the_face_are_held() -> None:
    looks = [Look(60 + 10 * step, 600, ((-1.1,), (1.2,))) for step in range(8)]
    assert is_held(looks)
    assert not is_held(looks[:2])
    # The same edges, where they stay at their place in the picture.
    assert not is_held([Look(one.unit, one.x, ((-66 / one.unit,), (72 / one.unit,))) for one in looks])


def test_a_face_at_the_edge_of_the_picture_is_looked_at() -> None:
    picture = room(300)
    for box in ((-20.0, 5.0, 90.0, 115.0), (1220.0, 640.0, 90.0, 115.0), (2.0, 2.0, 700.0, 716.0)):
        assert isinstance(look_beside(picture, box), Look)
