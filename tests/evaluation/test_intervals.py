"""Intervals cover the truth as often as they say; the long form, with more populations, is bench/intervals.py."""

import numpy as np
import pytest
from tests.evaluation.simulated import Truth

from mien.evaluation.intervals import Pairs, by_person, none_of, of_clusters, student

RUNS = 1000


def test_intervals_of_fnmr_cover_the_truth_in_95_percent_of_runs() -> None:
    truth, random = Truth(people=300, fnmr=0.02), np.random.default_rng(1)
    found = [by_person(truth.genuine_errors(random), truth.owner) for _ in range(RUNS)]
    assert 0.93 <= np.mean([one.low <= truth.fnmr <= one.high for one in found]) <= 0.97
    assert np.mean([one.value for one in found]) == pytest.approx(truth.fnmr, rel=0.05)


def test_intervals_of_fmr_cover_the_truth_in_95_percent_of_runs() -> None:
    truth, random = Truth(people=150, fmr=0.005), np.random.default_rng(2)
    owners = truth.owners
    pairs = Pairs(owners, truth.people)
    found = [pairs.interval(truth.impostor_errors(random, owners)) for _ in range(RUNS)]
    assert 0.93 <= np.mean([one.low <= truth.fmr <= one.high for one in found]) <= 0.97


def test_an_interval_that_ignores_people_is_too_narrow() -> None:
    """The test can fail: the same errors, each taken for a person of its own, do not cover."""
    truth, random = Truth(people=150, fmr=0.02, spread=0.5), np.random.default_rng(3)
    owners = truth.owners
    alone = np.arange(len(owners))
    found = [by_person(truth.impostor_errors(random, owners), alone) for _ in range(200)]
    assert np.mean([one.low <= truth.fmr <= one.high for one in found]) < 0.7


def test_without_any_error_the_upper_end_follows_the_rule_of_three() -> None:
    assert none_of(1000) == pytest.approx(0.003, rel=0.01)
    people, owners = 100, Truth(people=100).owners
    found = Pairs(owners, people).interval(np.zeros(len(owners)))
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(3 / len(owners), rel=0.01)
    # Many photos of few people are few trials.
    repeated = np.repeat(owners, 9, axis=0)
    assert Pairs(repeated, people).interval(np.zeros(len(repeated))).high == found.high
    lost = by_person(np.ones(60), np.repeat(np.arange(20), 3))
    assert (lost.value, lost.high) == (1.0, 1.0)
    assert lost.low == pytest.approx(1 - none_of(20))


def test_one_person_with_many_photos_widens_the_interval() -> None:
    errors, trials = np.array([30.0, *([0.0] * 29)]), np.full(30, 30.0)
    one_person = of_clusters(errors, trials)
    spread = of_clusters(np.ones(30), trials)
    assert one_person.value == spread.value
    assert one_person.high - one_person.low > 2 * (spread.high - spread.low)


def test_student_quantiles() -> None:
    for degrees, quantile in ((4, 2.776), (10, 2.228), (30, 2.042), (1000, 1.962)):
        assert student(degrees) == pytest.approx(quantile, abs=0.01)


def test_nothing_has_no_rate() -> None:
    with pytest.raises(ValueError, match="nothing"):
        by_person([], [])
    with pytest.raises(ValueError, match="nothing"):
        Pairs(np.zeros((0, 2), np.intp), 3)
