"""Turns: in the asked direction, when they are asked, and by the head rather than by a plane."""

from __future__ import annotations

import numpy as np
import pytest
from tests.vision.turned_views import rotation

from mien.liveness import fusion
from mien.liveness.challenge import Challenge, Flash, HeadTurn, TurnDirection
from mien.liveness.turns import Turn, neutral, turns
from mien.liveness.types import Mode
from mien.vision.canonical import canonical_mesh
from mien.vision.landmarks import Mesh
from mien.vision.presentation.track import FaceTrack, Observation
from mien.vision.types import Detection, HeadPose

CHALLENGE = Challenge(
    Mode.PASSIVE_ACTIVE,
    (Flash(0, 6000, "#FFFFFF"),),
    (HeadTurn(TurnDirection.LEFT, 2500, 1400), HeadTurn(TurnDirection.DOWN, 4200, 1400)),
)


def mesh(yaw: float, pitch: float, *, flat: bool) -> Mesh:
    points = canonical_mesh().points * 100
    if flat:
        points = points * np.array([1, 1, 0], np.float32)
    return Mesh(np.asarray(points @ rotation(yaw, pitch).T + 200, np.float32), 1.0)


def track(*done: tuple[float, float, float, float], flat: bool = False, lean: float = 0) -> FaceTrack:
    """Somebody who turns to (yaw, pitch) from one time to another, and looks ahead otherwise."""
    found = []
    for index, time in enumerate(range(0, 6000, 80)):
        yaw, pitch = next(((y, p) for begin, end, y, p in done if begin <= time < end), (0.0, 0.0))
        pose = HeadPose(pitch - 8, 0, yaw + lean)
        if flat:  # the mesh of a turned photo hardly turns
            pose = HeadPose(-8 + pitch / 8, 0, yaw / 8)
        shape = mesh(yaw, pitch, flat=flat)
        nothing: Detection | None = None
        found.append(
            Observation(
                index,
                time,
                shape,
                pose,
                np.ones((3, 3), np.float32),
                np.ones(3, np.float32),
                0.4,
                nothing,
                jumped=False,
            )
        )
    return FaceTrack(tuple(found), len(found), 1, (400, 400))


def measured(shown: FaceTrack) -> list[Turn]:
    ahead = neutral(shown, CHALLENGE)
    assert ahead is not None
    return turns(shown, CHALLENGE, ahead)


def score(shown: FaceTrack) -> float:
    found = fusion.of_turns(measured(shown)).score
    assert found is not None
    return found


ASKED = ((2900, 4000, 30, 0), (4600, 5700, 0, -20))


@pytest.mark.parametrize("lean", [0, 9, -9])
def test_who_turns_as_asked_is_believed(lean: float) -> None:
    shown = track(*ASKED, lean=lean)
    assert score(shown) > 0.9
    assert (fusion.of_planarity(measured(shown)).score or 0) > 0.9


@pytest.mark.parametrize(
    "done",
    [
        (),
        ((2900, 4000, 30, 0),),
        ((2900, 4000, -30, 0), (4600, 5700, 0, -20)),
        ((2900, 4000, 30, 0), (4600, 5700, 0, 20)),
        ((2900, 4000, 0, -20), (4600, 5700, 30, 0)),
        ((2900, 4000, 9, 0), (4600, 5700, 0, -20)),
        ((1000, 2000, 30, 0), (4600, 5700, 0, -20)),
    ],
    ids=["nothing", "one only", "other side", "up for down", "other order", "too little", "too soon"],
)
def test_who_turns_otherwise_is_not(done: tuple[tuple[float, float, float, float], ...]) -> None:
    assert score(track(*done)) < fusion.ACCEPT


def test_who_is_turned_before_being_asked_is_not() -> None:
    assert score(track((2300, 4000, 30, 0), (4600, 5700, 0, -20))) < fusion.ACCEPT


def test_a_photo_that_is_turned_is_a_plane() -> None:
    shown = track(*ASKED, flat=True)
    assert score(shown) < fusion.ACCEPT
    planarity = fusion.of_planarity(measured(shown)).score
    assert planarity is not None
    assert planarity < fusion.VETO


def test_who_does_not_turn_shows_no_depth_and_no_plane() -> None:
    assert fusion.of_planarity(measured(track())).score is None
