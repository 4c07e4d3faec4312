"""The flashes on a face: the right ones are found at any latency, others are not, and common changes drop out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.examples import examples

from mien.liveness.challenge import Challenge
from mien.liveness.types import Mode
from mien.vision.presentation.reflection import MIN_FRAMES, Reflection, reflection

Float64 = NDArray[np.float64]
TIMES = np.arange(0, 2900, 83.0)
SKIN = np.array([0.35, 0.22, 0.16])


def challenge(number: int) -> Challenge:
    return Challenge.draw(number.to_bytes(16, "big"), Mode.PASSIVE)


def lit(shone: Challenge, *, gain: float, latency: float = 90, noise: float = 0.003, seed: int = 0) -> Float64:
    """Colours of a face under the flashes of a challenge."""
    rng = np.random.default_rng(seed)
    light = np.mean([shone.light(TIMES - latency - part) for part in (-15, 0, 15)], axis=0)
    return np.asarray(SKIN * (1 + gain * light) * (1 + rng.normal(0, noise, (len(TIMES), 3))))


def found(colours: Float64, asked: Challenge, nuisances: Float64 | None = None) -> Reflection:
    others = np.zeros((len(TIMES), 0)) if nuisances is None else nuisances
    result = reflection(TIMES, colours[:, None], asked.light, others)
    assert result is not None
    return result


@given(st.integers(0, 10**6), st.floats(0.04, 0.4), st.floats(10, 300))
@examples(40)
def test_the_right_flashes_are_found(number: int, gain: float, latency: float) -> None:
    asked = challenge(number)
    result = found(lit(asked, gain=gain, latency=latency, seed=number), asked)
    assert result.correlation > 0.85
    assert abs(result.latency_ms - latency) <= 40
    assert result.evenness > 0.5
    assert result.gain == pytest.approx(gain, rel=0.5)


def test_other_flashes_hardly_ever_fit() -> None:
    values = [found(lit(challenge(n), gain=0.1, seed=n), challenge(n + 1000)).correlation for n in range(150)]
    assert np.quantile(values, 0.95) < 0.7
    assert max(values) < 0.88


def test_no_light_is_no_correlation_and_little_contrast() -> None:
    result = found(lit(challenge(1), gain=0.0), challenge(1))
    assert result.correlation < 0.6
    assert result.contrast < 0.01


@given(st.integers(0, 1000), st.floats(0.2, 0.9))
@examples(20)
def test_brightness_that_all_channels_share_drops_out(number: int, depth: float) -> None:
    """Automatic exposure, coming nearer, shade: they change red, green and blue by one factor."""
    asked = challenge(number)
    colours = lit(asked, gain=0.1, seed=number)
    changed = colours * (1 + depth * np.sin(TIMES / 171.0 + number))[:, None]
    assert found(changed, asked).correlation == pytest.approx(found(colours, asked).correlation, abs=1e-6)


def test_a_colour_that_follows_the_pose_is_taken_out() -> None:
    asked = challenge(3)
    yaw = np.sin(TIMES / 400)
    tinted = lit(asked, gain=0.08) * (1 + 0.15 * yaw[:, None] * np.array([1, 0, -1]))
    assert found(tinted, asked).correlation < 0.7 < found(tinted, asked, yaw[:, None]).correlation


def test_one_channel_alone_is_not_even() -> None:
    asked = challenge(4)
    light = asked.light(TIMES - 90)
    light[:, 1:] = 0
    assert found(SKIN * (1 + 0.1 * light), asked).evenness < 0.3


def test_regions_have_colours_of_their_own_and_may_be_out_of_sight() -> None:
    asked = challenge(5)
    plain = lit(asked, gain=0.08)
    regions = np.stack([plain, plain * np.array([1.3, 0.9, 0.8]), plain], axis=1)
    regions[10:22, 1] = np.nan
    regions[:, 2] = np.nan
    both = reflection(TIMES, regions, asked.light, np.zeros((len(TIMES), 0)))
    assert both is not None
    assert both.correlation == pytest.approx(found(plain, asked).correlation, abs=0.03)


@pytest.mark.parametrize("count", [0, 3, MIN_FRAMES - 1])
def test_few_frames_give_nothing(count: int) -> None:
    times, colours = TIMES[:count], np.tile(SKIN, (count, 1, 1))
    assert reflection(times, colours, challenge(1).light, np.zeros((count, 2))) is None


def test_a_face_that_never_changes_gives_nothing() -> None:
    assert reflection(TIMES, np.tile(SKIN, (len(TIMES), 1, 1)), challenge(1).light, np.zeros((len(TIMES), 2))) is None
