"""Windows that slide by a clock of their own."""

from __future__ import annotations

import pytest
from limits import RateLimitItemPerMinute

from mien.gateway import local_counts
from mien.gateway.local_counts import LocalCounts

THREE = RateLimitItemPerMinute(3)


class Seconds:
    """A clock to set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def test_a_window_slides_over_what_was_let_through(seconds: Seconds) -> None:
    counts = LocalCounts(seconds)
    for seconds.now in (0.0, 20.0, 40.0):
        assert counts.test(THREE, "a")
        assert counts.hit(THREE, "a")
    for seconds.now, wait in ((40.0, 20.0), (59.5, 0.5)):
        assert not counts.test(THREE, "a")
        assert not counts.hit(THREE, "a")
        assert counts.wait(THREE, "a") == wait
    assert counts.hit(THREE, "b"), "others have their own window"
    seconds.now = 60.0
    assert counts.wait(THREE, "a") == 0
    assert counts.hit(THREE, "a")
    assert counts.wait(THREE, "a") == 20, "refused calls are not counted"


def test_windows_that_have_ended_are_forgotten(seconds: Seconds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_counts, "_FEW", 10)
    counts = LocalCounts(seconds)
    for number in range(1000):
        seconds.now = number
        assert counts.hit(THREE, f"address {number}")
        assert len(counts._calls) <= 121, "twice those of a minute"
    for _ in range(2):
        assert counts.hit(THREE, "address 999")
    assert not counts.hit(THREE, "address 999"), "windows that have not ended are kept"
