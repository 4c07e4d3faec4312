"""Following a face: through a turn, over a gap, to another face; its skin, its eyes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.liveness.heads import Head, Pose
from tests.liveness.photos import head_in_photo, networks
from tests.shared import azure_photo

from mien.models.errors import ModelError
from mien.vision.presentation.dynamics import dynamics
from mien.vision.presentation.skin import skin_colours
from mien.vision.presentation.track import FaceTrack, follow, sharpness
from mien.vision.types import Pixels


@pytest.fixture(scope="module")
def woman() -> Head:
    return _head("Family1-Mom1")


@pytest.fixture(scope="module")
def man() -> Head:
    return _head("Family2-Man2")


def _head(name: str) -> Head:
    try:
        return head_in_photo(azure_photo(name, itself=True))
    except ModelError as problem:
        pytest.skip(str(problem))


def seen(head: Head, *poses: Pose) -> list[Pixels]:
    return [head.view(pose)[0] for pose in poses]


def track(frames: list[Pixels], step_ms: float = 80) -> FaceTrack:
    finder, mesher = networks()
    return follow([(index * step_ms, frame) for index, frame in enumerate(frames)], finder, mesher)


def test_a_turn_is_followed_and_its_angles_are_read(woman: Head) -> None:
    yaws = [0.0, 5, 10, 15, 20, 25, 30, 20, 10, 0, -10, -20, -30]
    found = track(seen(woman, *[Pose(yaw=yaw) for yaw in yaws]))
    assert len(found.observations) == found.frames == len(yaws)
    read = found.angles()[:, 0] - found.angles()[0, 0]
    assert read == pytest.approx(yaws, abs=8)
    assert not any(observation.jumped for observation in found.observations)
    assert found.most_faces == 1


def test_the_detector_looks_at_few_frames(woman: Head) -> None:
    found = track(seen(woman, *[Pose(right=0.002 * n) for n in range(20)]))
    assert 2 <= sum(observation.detection is not None for observation in found.observations) <= 4


def test_a_gap_is_bridged(woman: Head) -> None:
    face = seen(woman, Pose())[0]
    found = track([face, face, np.full_like(face, 80), np.full_like(face, 80), face, face])
    assert [observation.index for observation in found.observations] == [0, 1, 4, 5]
    assert found.frames == 6


def test_a_face_that_is_suddenly_elsewhere_has_jumped(woman: Head) -> None:
    face = seen(woman, Pose())[0]
    wide = [np.hstack([face, np.full_like(face, 90)]), np.hstack([np.full_like(face, 90), face])]
    found = track([wide[0], wide[0], wide[0], wide[1], wide[1]])
    assert [observation.jumped for observation in found.observations] == [False, False, False, True, False]


def test_two_faces_are_counted(woman: Head, man: Head) -> None:
    both = np.hstack([seen(woman, Pose())[0], seen(man, Pose())[0]])
    assert track([both]).most_faces == 2


def test_nobody_is_no_track() -> None:
    found = track([np.full((200, 200, 3), 120, np.uint8)] * 3)
    assert found.observations == ()
    assert found.frames == 3


def test_skin_is_measured_in_linear_light(woman: Head) -> None:
    frame = (seen(woman, Pose())[0] * 0.85).astype(np.uint8)  # so that nothing is clipped
    mesh = track([frame]).observations[0].mesh
    colour = skin_colours(frame, mesh)
    assert (np.diff(colour, axis=1) < 0).all()  # skin: red, then green, then blue
    dimmer = ((frame / 255.0) ** 2.2 * np.array([0.5, 0.6, 0.7])) ** (1 / 2.2) * 255
    changed = skin_colours(dimmer.round().astype(np.uint8), mesh) / colour
    assert changed == pytest.approx(np.tile([0.7, 0.6, 0.5], (3, 1)), abs=0.03)


def test_a_cheek_that_is_turned_away_is_left_out(woman: Head) -> None:
    ahead, left, right = (track(seen(woman, Pose(yaw=yaw))).observations[0].colours for yaw in (0, 40, -40))
    assert np.isfinite(ahead).all()
    assert np.isfinite(left).all(axis=1).tolist() == [True, False, True]
    assert np.isfinite(right).all(axis=1).tolist() == [False, True, True]


def test_a_blink_is_seen_and_a_still_does_not_blink(woman: Head) -> None:
    shut = [Pose(blink=share) for share in (0.0, 0, 0, 0, 0, 0.5, 1, 1, 0.4, 0, 0, 0, 0, 0)]
    blinking, still = (dynamics(track(seen(woman, *poses)).observations) for poses in (shut, [Pose()] * 14))
    assert blinking is not None
    assert still is not None
    assert (blinking.blinks, still.blinks) == (1, 0)
    talking = [Pose(mouth=share) for share in (0.0, 1, 0.2, 0.8, 0, 1, 0.3, 0.9)]
    moved = dynamics(track(seen(woman, *talking)).observations)
    assert moved is not None
    assert moved.mouth > 2 * still.mouth
    assert dynamics(()) is None


def test_a_blurred_face_is_less_sharp(woman: Head) -> None:
    frame = seen(woman, Pose())[0]
    blurred = np.asarray(cv2.GaussianBlur(frame, (0, 0), 3), np.uint8)
    observation = track([frame]).observations[0]
    assert sharpness(blurred, observation) < 0.5 * sharpness(frame, observation)
