"""Challenges come from the nonce alone, differ between nonces, and flash no faster than is safe."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples

from mien.liveness.challenge import COLOURS, LONGEST_MS, Challenge, TurnDirection, linear
from mien.liveness.types import Mode

nonces = st.binary(min_size=16, max_size=32)
modes = st.sampled_from(list(Mode))

KNOWN_COLOURS = ["#FFFFFF", "#00FF40", "#2040FF", "#FF80A0"]
KNOWN_TURNS = [("down", 2704), ("right", 4115)]


@given(nonces, modes)
def test_the_same_nonce_always_gives_the_same_challenge(nonce: bytes, mode: Mode) -> None:
    assert Challenge.draw(nonce, mode) == Challenge.draw(nonce, mode.value)


def test_a_known_nonce_gives_a_known_challenge_in_every_version() -> None:
    drawn = Challenge.draw(bytes(range(16)), Mode.PASSIVE_ACTIVE)
    assert [flash.color for flash in drawn.flashes[:4]] == KNOWN_COLOURS
    assert [(turn.direction, turn.start_ms) for turn in drawn.turns] == KNOWN_TURNS


def test_a_short_nonce_is_refused() -> None:
    with pytest.raises(ValueError, match="guessed"):
        Challenge.draw(b"short", Mode.PASSIVE)


@given(nonces, modes)
def test_flashes_follow_each_other_without_a_gap(nonce: bytes, mode: Mode) -> None:
    drawn = Challenge.draw(nonce, mode)
    assert drawn.flashes[0].start_ms == 0
    for before, after in pairwise(drawn.flashes):
        assert after.start_ms == before.end_ms
        assert after.color != before.color
    assert drawn.duration_ms <= LONGEST_MS


@given(nonces)
def test_a_passive_challenge_takes_about_three_seconds(nonce: bytes) -> None:
    drawn = Challenge.draw(nonce, Mode.PASSIVE)
    assert 2600 <= drawn.duration_ms <= 3400
    assert drawn.turns == ()
    assert drawn.frontal_ms == drawn.duration_ms


@given(nonces)
def test_turns_come_after_the_frontal_part_and_one_after_the_other(nonce: bytes) -> None:
    drawn = Challenge.draw(nonce, Mode.PASSIVE_ACTIVE)
    first, second = drawn.turns
    assert 2000 < drawn.frontal_ms <= first.start_ms < first.end_ms < second.start_ms < second.end_ms
    assert second.end_ms <= drawn.duration_ms
    sideways = {TurnDirection.LEFT, TurnDirection.RIGHT}
    assert (first.direction in sideways) is not (second.direction in sideways)
    assert TurnDirection.UP not in {first.direction, second.direction}


@given(nonces, modes)
@examples(200)
def test_flashing_stays_within_wcag(nonce: bytes, mode: Mode) -> None:
    """WCAG 2.3.1: at most three general flashes in any second, a flash being two opposing changes of luminance."""
    drawn = Challenge.draw(nonce, mode)
    luminance = [float(linear(flash.color) @ [0.2126, 0.7152, 0.0722]) for flash in drawn.flashes]
    changes = [
        (flash.start_ms, np.sign(now - before))
        for flash, before, now in zip(drawn.flashes[1:], luminance, luminance[1:], strict=False)
        if abs(now - before) >= 0.1 and min(now, before) < 0.8
    ]
    for start, _ in changes:
        second = [sign for at, sign in changes if start <= at <= start + 1000]
        opposing = sum(1 for sign, following in pairwise(second) if sign != following)
        assert (opposing + 1) // 2 < 3


def test_no_colour_is_a_saturated_red() -> None:
    """WCAG 2.3.1: R / (R + G + B) of 0.8 and more."""
    for color in COLOURS:
        red, green, blue = linear(color)
        assert red / (red + green + blue) < 0.78


@given(nonces, modes)
def test_each_channel_goes_its_own_way_in_the_frontal_part(nonce: bytes, mode: Mode) -> None:
    drawn = Challenge.draw(nonce, mode)
    light = drawn.light([flash.start_ms + 10 for flash in drawn.flashes if flash.end_ms <= drawn.frontal_ms])
    assert (light.std(axis=0) > 0.25).all()


def test_the_light_is_that_of_the_flash_at_that_time() -> None:
    drawn = Challenge.draw(bytes(16), Mode.PASSIVE)
    middle = [flash.start_ms + flash.duration_ms / 2 for flash in drawn.flashes]
    assert np.allclose(drawn.light(middle), [linear(flash.color) for flash in drawn.flashes])
    assert np.allclose(drawn.light([-50, 99999]), [linear(drawn.flashes[0].color), linear(drawn.flashes[-1].color)])


def test_nonces_are_spread_over_all_turns_and_colours() -> None:
    drawn = [Challenge.draw(number.to_bytes(16, "big"), Mode.PASSIVE_ACTIVE) for number in range(600)]
    pairs = Counter(tuple(turn.direction for turn in challenge.turns) for challenge in drawn)
    assert len(pairs) == 4
    assert max(pairs.values()) < 214  # 150 expected; 214 is more than six standard deviations away
    colours = Counter(flash.color for challenge in drawn for flash in challenge.flashes)
    assert set(colours) == set(COLOURS)
    assert min(colours.values()) > 0.6 * max(colours.values())
    sequences = {tuple(flash.color for flash in challenge.flashes[:8]) for challenge in drawn}
    assert len(sequences) > 590


def test_two_nonces_rarely_flash_alike() -> None:
    """The largest correlation of the light of two attempts, over what either could be shifted by."""
    times = np.arange(0, 2700, 80)
    drawn = [Challenge.draw(index.to_bytes(16, "big"), Mode.PASSIVE) for index in range(40)]
    signals = np.array([challenge.light(times).ravel() for challenge in drawn])
    alike = np.corrcoef(signals)[np.triu_indices(40, 1)]
    assert np.quantile(alike, 0.99) < 0.6


def test_the_client_gets_plain_json() -> None:
    drawn = Challenge.draw(bytes(16), Mode.PASSIVE_ACTIVE)
    told = json.loads(json.dumps(drawn.to_json()))
    assert told["mode"] == "PassiveActive"
    assert told["durationMs"] == drawn.duration_ms
    assert told["flashes"][0] == {
        "startMs": 0,
        "durationMs": drawn.flashes[0].duration_ms,
        "color": drawn.flashes[0].color,
    }
    assert told["turns"][1]["direction"] in {"left", "right", "down"}


@given(nonces, modes)
def test_without_flashes_there_are_turns_under_a_steady_white(nonce: bytes, mode: Mode) -> None:
    drawn = Challenge.draw(nonce, mode, flashes=False)
    assert not drawn.flashing
    assert [flash.color for flash in drawn.flashes] == ["#FFFFFF"]
    assert drawn.duration_ms <= LONGEST_MS
    assert 1000 < drawn.frontal_ms < 1700
    first, second, third = (turn.direction for turn in drawn.turns)
    sideways = {TurnDirection.LEFT, TurnDirection.RIGHT}
    assert (first in sideways) is not (second in sideways)  # one about each axis, as with flashes
    assert third is not second
    for before, after in pairwise(drawn.turns):
        assert after.start_ms >= before.end_ms + 100
    assert drawn.turns[-1].end_ms < drawn.duration_ms


def test_without_flashes_every_sequence_of_turns_comes_about_equally_often() -> None:
    drawn = [Challenge.draw(number.to_bytes(16, "big"), Mode.PASSIVE, flashes=False) for number in range(4800)]
    counted = Counter(tuple(turn.direction for turn in challenge.turns) for challenge in drawn)
    assert len(counted) == 24
    assert 130 < min(counted.values()) <= max(counted.values()) < 280  # 200 each; 5 standard deviations are 70
