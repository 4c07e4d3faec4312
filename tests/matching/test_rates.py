from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.matching import rates

SCORES = st.lists(st.floats(-1, 1), min_size=10, max_size=200, unique=True)


@given(SCORES, st.data())
def test_whole_counts_reach_the_threshold(scores: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(scores) - 1))
    ordered = sorted(scores, reverse=True)
    threshold = rates.threshold_at_fmr(scores, k / len(scores))
    assert ordered[k] <= threshold <= ordered[k - 1]
    if ordered[k - 1] - ordered[k] > 1e-9:
        assert rates.fmr(scores, threshold) == pytest.approx(k / len(scores))


@given(SCORES, st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_threshold_falls_as_the_rate_grows(scores: list[float], a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert rates.threshold_at_fmr(scores, low) >= rates.threshold_at_fmr(scores, high) - 1e-12


def test_interpolates_between_pairs() -> None:
    scores = np.arange(10) / 10
    assert rates.threshold_at_fmr(scores, 0.1) == pytest.approx(0.85)
    assert rates.threshold_at_fmr(scores, 0.15) == pytest.approx(0.80)
    assert rates.threshold_at_fmr(scores, 0.2) == pytest.approx(0.75)


@pytest.mark.parametrize("target", [0.0, 1.0, -0.1, 0.05])
def test_rates_that_the_pairs_cannot_show_are_refused(target: float) -> None:
    with pytest.raises(ValueError, match="false match rate"):
        rates.threshold_at_fmr(np.zeros(10), target)


def test_rates_of_nothing_are_unknown() -> None:
    assert math.isnan(rates.fmr([], 0.5))
    assert math.isnan(rates.fnmr([], 0.5))


def test_det_curve_and_verification_count_the_same_errors() -> None:
    genuine, impostor = np.array([0.2, 0.6, 0.7, 0.9]), np.linspace(-0.5, 0.5, 100)
    curve = rates.det_curve(genuine, impostor, [0.01, 0.5])
    assert curve.shape == (2, 3)
    assert curve[:, 2].tolist() == [0.25, 0.0]
    rate = rates.verification(genuine, impostor, 0.01)
    assert (rate.false_matches, rate.genuine, rate.impostor) == (1, 4, 100)
    assert rate.fnmr.value == 0.25
    assert rate.tar == 0.75
    assert rate.threshold == curve[0, 1]


@given(st.integers(1, 1000), st.data())
def test_wilson_holds_its_share(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    interval = rates.wilson(successes, trials)
    assert 0.0 <= interval.low <= interval.value <= interval.high <= 1.0
    assert interval.low < interval.high


def test_wilson_of_a_published_case() -> None:
    # 0 of 10 at 95 %: the upper end is z^2 / (n + z^2).
    assert rates.wilson(0, 10).high == pytest.approx(1.96**2 / (10 + 1.96**2))


def test_bootstrap_is_wider_when_errors_come_by_identity() -> None:
    errors = np.zeros(1000)
    errors[:100] = 1.0
    clustered = rates.bootstrap(errors, np.repeat(np.arange(10), 100), rounds=300)
    independent = rates.bootstrap(errors, np.arange(1000), rounds=300)
    assert clustered.value == independent.value == 0.1
    assert clustered.high - clustered.low > 2 * (independent.high - independent.low)
    assert rates.bootstrap(errors, np.arange(1000), rounds=300) == independent


def test_bootstrap_needs_one_identity_each() -> None:
    with pytest.raises(ValueError, match="identity"):
        rates.bootstrap([1.0, 0.0], [1])


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # scipy.stats.beta.ppf of the same
    [
        (0, 1000, 0.0, 0.0036821),
        (3, 1000, 0.00061905, 0.0087421),
        (50, 100, 0.3983211, 0.6016789),
        (4, 4, 0.3976354, 1),
    ],
)
def test_the_exact_interval(successes: int, trials: int, low: float, high: float) -> None:
    found = rates.clopper_pearson(successes, trials)
    assert (found.value, found.low, found.high) == pytest.approx((successes / trials, low, high), rel=1e-3)
    with pytest.raises(ValueError, match="no share"):
        rates.clopper_pearson(5, 4)
