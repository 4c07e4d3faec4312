"""Spare cores: all calls are made once, in order of results, by no more threads than there are cores."""

import threading
import time
from functools import partial

import pytest

from mien.vision.spare_cores import SpareCores


class Meter:
    """Counts the calls that run at the same time.

    Args:
        expected: how many should; the first ones wait for them, because a busy machine starts threads late.
    """

    def __init__(self, expected: int = 1) -> None:
        self.running = 0
        self.most = 0
        self.expected = expected
        self.changed = threading.Condition()

    def work(self, value: int) -> int:
        with self.changed:
            self.running += 1
            self.most = max(self.most, self.running)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.most >= self.expected, 60)
        time.sleep(0.01)  # one too many would come now
        with self.changed:
            self.running -= 1
        return value * value


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_results_are_in_order_and_cores_are_not_overbooked(cores: int) -> None:
    spare, meter = SpareCores(cores), Meter(cores)
    with spare.occupied():
        assert spare.run([partial(meter.work, number) for number in range(12)]) == [n * n for n in range(12)]
    assert meter.most == cores


def test_with_all_cores_taken_everything_is_done_by_the_caller() -> None:
    spare, meter = SpareCores(2), Meter()
    with spare.occupied(), spare.occupied(), spare.occupied():
        assert spare.run([partial(meter.work, number) for number in range(4)]) == [0, 1, 4, 9]
    assert meter.most == 1
    meter.expected = 2
    with spare.occupied():  # what was taken was given back
        spare.run([partial(meter.work, number) for number in range(4)])
    assert meter.most == 2


def test_calls_within_calls_end() -> None:
    spare = SpareCores(3)

    def outer(number: int) -> list[int]:
        return spare.run([partial(pow, number, inner) for inner in range(3)])

    with spare.occupied():
        assert spare.run([partial(outer, number) for number in range(5)]) == [[1, n, n * n] for n in range(5)]


def test_an_error_is_raised_and_the_cores_are_given_back() -> None:
    spare, meter = SpareCores(2), Meter()

    def fail() -> int:
        raise KeyError("lost")

    with spare.occupied():
        with pytest.raises(KeyError, match="lost"):
            spare.run([partial(meter.work, 1), partial(fail), partial(meter.work, 2)])
        meter.expected = 2
        spare.run([partial(meter.work, number) for number in range(4)])
    assert meter.most == 2


def test_a_call_whose_helper_never_starts_ends() -> None:
    """A helper that calls for help when the pool's only thread is its own must not wait for itself."""
    spare = SpareCores(2)
    inner = partial(spare.run, [partial(pow, 2, 3), partial(pow, 2, 4)])
    begun, go_on = threading.Event(), threading.Event()

    def outer(number: int) -> list[int]:
        if number == 0:  # the caller's own: keep it busy until the helper has ended its call within the call
            assert go_on.wait(60)
            return []
        begun.set()
        try:
            return inner()
        finally:
            go_on.set()

    done: list[list[list[int]]] = []
    caller = threading.Thread(
        target=lambda: done.append(spare.run([partial(outer, number) for number in range(2)])), daemon=True
    )
    caller.start()
    assert begun.wait(60)
    caller.join(60)
    assert done
    assert [8, 16] in done[0]


def test_a_lone_analysis_has_a_second_core_and_gives_it_back() -> None:
    spare = SpareCores(2)
    with spare.occupied():
        for _ in range(2):
            with spare.second() as wide:
                assert wide
                with spare.second() as another:
                    assert not another


def test_one_core_is_no_second_core() -> None:
    spare = SpareCores(1)
    with spare.occupied(), spare.second() as wide:
        assert not wide


def test_analyses_beside_each_other_have_one_core_each_and_the_next_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("mien.vision.spare_cores.monotonic", lambda: now[0])
    spare = SpareCores(4)
    with spare.occupied():
        with spare.occupied(), spare.second() as wide:
            assert not wide
        now[0] += 0.05
        with spare.second() as wide:
            assert not wide
    now[0] += 0.2
    with spare.occupied(), spare.second() as wide:
        assert wide
