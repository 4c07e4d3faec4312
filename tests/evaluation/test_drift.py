"""The test for drift on simulated days: its false alarms, what it finds, and since when."""

from __future__ import annotations

import numpy as np
import pytest

from mien.evaluation.drift import (
    ALPHA,
    BASELINE_DAYS,
    LEAST_PSI,
    WEEK,
    Counts,
    Missing,
    Shift,
    compare,
    correct,
    last_week,
    monday,
    since,
    stability_index,
)
from mien.matching.rates import clopper_pearson

FIRST = monday(20_000)
DAYS = list(range(FIRST, FIRST + BASELINE_DAYS + 2 * WEEK))
MONDAY = FIRST + BASELINE_DAYS + WEEK


class World:
    """Days of a camera that are alike or not: a crowd by weekday, a mood by day, and persons who come several times."""

    def __init__(self, seed: int, *, shift: float = 0.0, shifted_from: int = 10**9, closed: bool = False) -> None:
        self.random = np.random.default_rng(seed)
        self.shift, self.shifted_from, self.closed = shift, shifted_from, closed

    def day(self, day: int) -> Counts:
        weekend = day % 7 in {2, 3}  # Saturday and Sunday of days that count from a Thursday
        if weekend and self.closed:
            return np.zeros(20, np.int64)
        people = int(self.random.poisson(12 if weekend else 30))
        mood = self.random.normal(0, 3) + (4 if weekend else 0)
        level = 75 + mood - (self.shift if day >= self.shifted_from else 0)
        own = self.random.normal(level, 9, people)
        values = np.repeat(own, self.random.integers(1, 6, people)) + self.random.normal(0, 3)
        return np.bincount(np.clip(values / 5, 0, 19).astype(int), minlength=20)

    def counts(self) -> Counts:
        return np.stack([self.day(day) for day in DAYS])


def look(world: World, series: int, seed: int) -> list[Shift]:
    found = [compare(DAYS, world.counts(), FIRST, MONDAY, seed + number) for number in range(series)]
    return correct([one for one in found if isinstance(one, Shift)])


def test_false_alarms_stay_below_the_stated_rate() -> None:
    """300 resources of three series, without a change: by chance alone, and by the index as well."""
    chances, alarms = 0, 0
    runs = 300
    for run in range(runs):
        found = look(World(run), 3, 3 * run)
        assert len(found) == 3
        chances += any(one.adjusted <= ALPHA for one in found)
        alarms += any(one.moved for one in found)
    # The rate may be lower; it must not be surely higher.
    assert clopper_pearson(chances, runs).low <= ALPHA
    assert alarms <= chances


def test_chances_without_a_change_are_spread_evenly() -> None:
    """A permutation test is exact: one chance in five is below a fifth, in both worlds."""
    for closed in (False, True):
        found = [look(World(1000 + run, closed=closed), 1, run)[0].p for run in range(300)]
        for level in (0.1, 0.2, 0.5):
            share = clopper_pearson(sum(p <= level for p in found), len(found))
            assert share.low <= level <= share.high + 0.03


def test_a_shift_of_a_standard_deviation_is_found_on_its_day() -> None:
    """Quality that falls by 12 points (its spread is 10) at the start of the week: found in nine of ten at least."""
    found, near, runs = 0, 0, 60
    for run in range(runs):
        world = World(5000 + run, shift=12, shifted_from=MONDAY)
        counts = world.counts()
        (one,) = correct([shift for shift in [compare(DAYS, counts, FIRST, MONDAY, run)] if isinstance(shift, Shift)])
        found += one.moved
        near += abs(since(DAYS, counts, FIRST, MONDAY + WEEK - 1) - MONDAY) <= 1
    assert found >= 0.9 * runs
    assert near >= 0.9 * runs


def test_the_day_since_when_may_be_before_the_week() -> None:
    began = MONDAY - 3
    counts = World(7, shift=20, shifted_from=began).counts()
    assert abs(since(DAYS, counts, FIRST, MONDAY + WEEK - 1) - began) <= 1


def test_a_large_sample_does_not_make_a_small_difference_matter() -> None:
    rng = np.random.default_rng(1)
    counts = np.stack([rng.multinomial(100_000, [0.5, 0.5]) for _ in DAYS])
    counts[-WEEK:] = np.stack([rng.multinomial(100_000, [0.52, 0.48]) for _ in range(WEEK)])
    found = compare(DAYS, counts, FIRST, MONDAY)
    assert isinstance(found, Shift)
    assert found.p < ALPHA
    assert found.psi < LEAST_PSI
    assert not found.moved


def test_what_is_missing_is_said_with_its_number() -> None:
    full = World(3).counts()

    def text(counts: Counts, week: int = MONDAY) -> str:
        found = compare(DAYS, counts, FIRST, week)
        assert isinstance(found, Missing)
        return found.text

    # 20,000 days after 1 January 1970 are 4 October 2024, a Friday; the baseline begins on its Monday.
    assert text(full, FIRST + 7) == "A baseline takes four weeks: the first comparison is on 4 November 2024."
    thin = full.copy()
    thin[:BASELINE_DAYS] = 0
    thin[0, 3] = 40
    assert text(thin) == "Needs 160 more values in the baseline."
    thin = full.copy()
    thin[-WEEK:] = 0
    thin[-1, 2] = 30
    assert text(thin) == "Needs 20 more values in the week."
    thin[-1, 2] = 90
    assert text(thin) == "Needs values on 4 more days of the week."


def test_one_seed_gives_one_answer_and_weeks_begin_on_mondays() -> None:
    counts = World(3).counts()
    first, second = (compare(DAYS, counts, FIRST, MONDAY, 9) for _ in range(2))
    assert isinstance(first, Shift)
    assert isinstance(second, Shift)
    assert first.p == second.p
    assert monday(4) == 4  # 5 January 1970
    assert monday(10) == 4
    assert last_week(11) == 4
    assert last_week(17) == 4


@pytest.mark.parametrize("bins", [2, 20])
def test_equal_distributions_have_an_index_of_nothing(bins: int) -> None:
    share = np.full(bins, 1000, np.int64)
    assert stability_index(share, share // 4) == pytest.approx(0, abs=1e-3)
    moved = share.copy()
    moved[0] *= 5
    assert stability_index(share, moved) > LEAST_PSI
