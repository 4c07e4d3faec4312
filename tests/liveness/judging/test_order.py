"""Frames that come in order, often enough and over the whole challenge; and those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from mien.liveness.challenge import Challenge
from mien.liveness.order import order
from mien.liveness.types import Mode, TimedFrame

CHALLENGE = Challenge.draw(bytes(16), Mode.PASSIVE)


def frames(step_ms: float = 70, until_ms: float = CHALLENGE.duration_ms, same: int = 1) -> list[TimedFrame]:
    """Frames at even times, each repeated `same` times."""
    times = np.arange(0, until_ms, step_ms)
    return [
        TimedFrame(bytes([1 + index // same % 250]) * 2000 + str(index // same).encode(), int(time), index)
        for index, time in enumerate(times)
    ]


def test_a_usual_clip_is_in_order() -> None:
    found = order(frames(), CHALLENGE)
    assert found.score == 1
    assert found.fps == pytest.approx(1000 / 70, rel=0.1)
    assert len(found.kept) == len(frames())


def test_faster_cameras_are_thinned_out() -> None:
    kept = order(frames(step_ms=17), CHALLENGE).kept
    assert 13 < len(kept) / CHALLENGE.duration_ms * 1000 < 19


def test_a_slow_camera_sampled_too_often_is_no_attack() -> None:
    found = order(frames(step_ms=67, same=2), CHALLENGE)
    assert found.score == 1
    assert found.distinct == pytest.approx(0.5, abs=0.02)
    assert len(found.kept) == pytest.approx(len(frames(step_ms=67)) / 2, abs=1)


def test_a_still_picture_sent_as_a_video_is_one() -> None:
    assert order(frames(same=1000), CHALLENGE).score == 0


@pytest.mark.parametrize("swap", [(3, 10), (0, 1)])
def test_frames_out_of_order_are_one(swap: tuple[int, int]) -> None:
    clip = frames()
    first, second = swap
    clip[first], clip[second] = clip[second], clip[first]
    assert order(clip, CHALLENGE).score == 0


def test_repeated_numbers_are_one() -> None:
    clip = frames()
    clip[5] = TimedFrame(clip[5].image, clip[5].time_ms, 4)
    assert order(clip, CHALLENGE).score == 0


@pytest.mark.parametrize(
    "clip",
    [[], frames(step_ms=250), frames(until_ms=1500), [f for f in frames() if not 800 < f.time_ms < 1700]],
    ids=["none", "few", "half", "gap"],
)
def test_too_little_is_neither(clip: list[TimedFrame]) -> None:
    assert order(clip, CHALLENGE).score is None
