from datetime import UTC, timedelta

from tests.manual_clock import ManualClock

from mien.clock import SystemClock


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock()
    before = clock.now()
    assert clock.now() == before
    clock.advance(timedelta(seconds=61))
    assert clock.now() - before == timedelta(seconds=61)


def test_the_system_clock_tells_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
