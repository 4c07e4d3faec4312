"""When frames come: in time, late from the start, in a burst, ever later; and what a client cannot buy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.liveness import fusion
from mien.liveness.timing import Arrivals, allowed_ms, timing
from mien.liveness.types import Decision, Evidence, Mode, TimedFrame

FRAMES = [TimedFrame(b"", 66 * number, number) for number in range(50)]
TAKEN = [frame.time_ms for frame in FRAMES]


def arrived(times: list[float], usual_ms: float = 100.0) -> float | None:
    return fusion.of_timing(timing(FRAMES, Arrivals(tuple(times), usual_ms))).score


def test_frames_in_time_are_fine() -> None:
    assert arrived([time + 120 for time in TAKEN]) == 1
    # The first second comes at once after a stumble of the network.
    assert arrived([max(1100.0, time + 100.0) for time in TAKEN]) == 1


def test_frames_that_begin_late_were_assembled_after_the_challenge_was_known() -> None:
    assert arrived([time + 14_000 for time in TAKEN]) == 0.3
    assert arrived([time + 2_500 for time in TAKEN]) == 0.3
    assert arrived([time + 2_500 for time in TAKEN], usual_ms=500) == 1  # a slow client is not a late one


def test_frames_in_a_burst_come_from_a_store() -> None:
    assert arrived([1900.0 + number for number in range(50)]) == 0.3


def test_frames_that_come_ever_later_come_over_a_slow_network() -> None:
    came = timing(FRAMES, Arrivals(tuple(time * 3.0 for time in TAKEN), 100))
    assert came is not None
    assert came.slow
    assert not came.assembled


def test_the_lateness_of_a_busy_server_is_not_the_clients() -> None:
    took = tuple(time + 14_000.0 for time in TAKEN)
    at_most = tuple(time + 120.0 for time in TAKEN)
    came = timing(FRAMES, Arrivals(took, 100, earliest_ms=at_most))
    assert came is not None
    assert not came.assembled
    assert not came.slow
    assert came.server_ms == pytest.approx(13_880)
    ever_later = timing(FRAMES, Arrivals(tuple(time * 3 for time in TAKEN), 100, earliest_ms=at_most))
    assert ever_later is not None
    assert not ever_later.slow
    # A server that stalls for the whole challenge and reads everything at once cannot tell a burst.
    stalled = timing(FRAMES, Arrivals(tuple(6000.0 + number for number in range(50)), 100, earliest_ms=(0.0,) * 50))
    assert stalled is not None
    assert not stalled.assembled


def test_frames_that_cannot_have_arrived_in_time_are_late_on_a_busy_server_too() -> None:
    took = tuple(time + 14_000.0 for time in TAKEN)
    came = timing(FRAMES, Arrivals(took, 100, earliest_ms=tuple(time + 3000.0 for time in TAKEN)))
    assert came is not None
    assert came.assembled


def test_nothing_is_concluded_without_arrivals() -> None:
    assert timing(FRAMES, None) is None
    assert timing(FRAMES[:5], Arrivals((1.0,) * 5)) is None
    assert fusion.of_timing(None).score is None


@given(st.floats(-1e6, 1e9))
def test_being_slow_before_the_challenge_buys_three_seconds_at_most(usual_ms: float) -> None:
    assert 2000 <= allowed_ms(usual_ms, 2000) <= 5000


def test_late_frames_are_never_a_real_face() -> None:
    for mode in Mode:
        found = [Evidence(name, 0.9) for name in fusion.NEEDED[mode]]
        assert fusion.decide(mode, found)[0] is Decision.REAL
        assert fusion.decide(mode, [*found, Evidence("timing", None)])[0] is Decision.REAL
        assert fusion.decide(mode, [*found, Evidence("timing", 0.3)]) == (Decision.UNCERTAIN, ("timing",))
