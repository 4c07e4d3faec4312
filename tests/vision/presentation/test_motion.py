"""Motion inside a face: a print has none, a rendering turns and nothing else, a person moves and changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from tests.liveness.heads import Head
from tests.liveness.photos import head_in_photo, networks
from tests.liveness.render import Kind, decoded, render
from tests.liveness.videos import REAL, attempt, footage
from tests.memory import kept_in_module
from tests.shared import azure_photo, shared_path

from mien.liveness.challenge import Challenge
from mien.liveness.types import Mode, TimedFrame
from mien.models.errors import ModelError
from mien.vision.presentation.motion import Motion, motion
from mien.vision.presentation.track import follow
from mien.vision.types import Pixels

PASSIVE = Challenge.draw(bytes([1]) * 16, Mode.PASSIVE)


@cache
def woman() -> Head:
    return head_in_photo(azure_photo("Family1-Mom1"))


@kept_in_module
def rendered(kind: Kind) -> list[TimedFrame]:
    return render(kind, woman(), PASSIVE, seed=4)


def filmed() -> list[TimedFrame]:
    return attempt(footage(shared_path("pad", "clips", "real.mp4"), *REAL), PASSIVE, PASSIVE, reflection=0.1, seed=1)


def found(frames: list[TimedFrame]) -> Motion | None:
    shown: list[Pixels] = [decoded(frame.image) for frame in frames if isinstance(frame.image, bytes)]
    finder, mesher = networks()
    times = [float(frame.time_ms) for frame in frames]
    track = follow(zip(times, shown, strict=True), finder, mesher)
    return motion(track.observations, lambda observation: shown[observation.index])


@pytest.fixture(autouse=True)
def models() -> None:
    try:
        networks()
    except ModelError as problem:
        pytest.skip(str(problem))


@pytest.mark.parametrize(
    ("make", "deep", "own"),
    [
        (lambda: rendered(Kind.PRINT_STILL), False, False),
        (lambda: rendered(Kind.PRINT_SHAKEN), False, False),
        (lambda: rendered(Kind.BENT_60), False, False),
        (lambda: rendered(Kind.LIVE), True, False),
        (filmed, True, True),
    ],
    ids=["print", "shaken print", "bent print", "rendering", "person"],
)
def test_a_print_is_flat_and_a_rendering_has_no_motion_of_its_own(
    make: Callable[[], list[TimedFrame]], deep: bool, own: bool
) -> None:
    inside = found(make())
    assert inside is not None
    assert bool(np.sqrt(inside.sway * inside.bend) > 0.3) is deep, inside
    assert bool(np.sqrt(inside.skin * max(inside.renewal, 0.0)) > 0.035) is own, inside
    assert inside.skin <= inside.bend


def test_the_same_frame_again_and_again_has_no_motion_at_all() -> None:
    first = rendered(Kind.LIVE)[0].image
    inside = found([TimedFrame(first, 66 * number, number) for number in range(20)])
    assert inside is not None
    assert (inside.sway, inside.bend, inside.skin) == pytest.approx((0, 0, 0), abs=0.02)
    assert inside.renewal == pytest.approx(0, abs=1e-4)


def test_frames_that_are_all_noise_and_few_frames_tell_nothing() -> None:
    rng = np.random.default_rng(0)
    frames = rendered(Kind.LIVE)
    assert found(frames[:8]) is None
    noisy = [
        np.clip(decoded(frame.image).astype(np.float32) + rng.normal(0, 60, (480, 360, 3)), 0, 255).astype(np.uint8)  # type: ignore[arg-type]  # bytes
        for frame in frames
    ]
    finder, mesher = networks()
    clear: list[Pixels] = [decoded(frame.image) for frame in frames if isinstance(frame.image, bytes)]
    track = follow(((float(f.time_ms), pixels) for f, pixels in zip(frames, clear, strict=True)), finder, mesher)
    assert motion(track.observations, lambda observation: noisy[observation.index]) is None
