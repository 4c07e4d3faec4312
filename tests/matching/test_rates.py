from __future__ import annotations

import math
from collections.abc import Callable

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


def test_verification_counts_errors_at_the_threshold_of_a_false_match_rate() -> None:
    genuine, impostor = np.array([0.2, 0.6, 0.7, 0.9]), np.linspace(-0.5, 0.5, 100)
    rate = rates.verification(genuine, impostor, 0.01)
    assert (rate.false_matches, rate.genuine, rate.impostor) == (1, 4, 100)
    assert rate.fnmr.value == 0.25
    assert rate.tar == 0.75
    assert rate.threshold == rates.threshold_at_fmr(impostor, 0.01)


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


def test_a_similarity_equal_to_the_threshold_matches() -> None:
    scores = [[0.2, 0.5], [0.5, 0.9]]
    assert (rates.fmr(scores, 0.5), rates.fnmr(scores, 0.5)) == (0.75, 0.25)


def test_one_pair_in_m_is_the_lowest_rate_that_m_pairs_show() -> None:
    assert rates.threshold_at_fmr([[0.1, 0.9], [0.2, 0.3]], 0.25) == pytest.approx(0.6)
    assert rates.threshold_at_fmr([0.0, 1.0], 0.9) == 0.0  # beyond the last pair there is nothing to interpolate to
    with pytest.raises(ValueError, match=r"^9 impostor pairs cannot show a false match rate of 0\.1$"):
        rates.threshold_at_fmr(np.zeros(9), 0.1)
    with pytest.raises(ValueError, match="finite"):
        rates.threshold_at_fmr([0.0, math.nan, 1.0], 0.5)


def test_the_threshold_between_two_pairs_is_interpolated() -> None:
    assert rates.threshold_at_fmr([0.1, 0.2], 0.5) == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("successes", "trials", "z", "low", "high"),
    [
        (3, 10, 1.96, 0.107789, 0.603222),
        (3, 10, 1.0, 0.178821, 0.457543),
        (10, 10, 1.96, 0.722460, 1.0),
        (0, 1, 2.0, 0.0, 0.8),
    ],
)
def test_wilsons_interval(successes: int, trials: int, z: float, low: float, high: float) -> None:
    found = rates.wilson(successes, trials, z)
    assert (found.value, found.low, found.high) == pytest.approx((successes / trials, low, high), abs=1e-5)
    assert rates.wilson(3, 10) == rates.wilson(3, 10, 1.96)


@pytest.mark.parametrize("interval", [rates.wilson, rates.clopper_pearson])
@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 3), (4, 3)])
def test_what_is_no_share_is_refused(
    interval: Callable[[int, int], rates.Interval], successes: int, trials: int
) -> None:
    with pytest.raises(ValueError, match=f"^{successes} of {trials} is no share$"):
        interval(successes, trials)


@given(st.integers(1, 60), st.floats(0.5, 0.99))
def test_the_exact_interval_of_none_and_all_has_a_closed_form(trials: int, confidence: float) -> None:
    tail = (1 - confidence) / 2
    none, everything = (rates.clopper_pearson(count, trials, confidence) for count in (0, trials))
    assert (none.value, none.low, everything.value, everything.high) == (0.0, 0.0, 1.0, 1.0)
    assert none.high == pytest.approx(1 - tail ** (1 / trials), abs=1e-9)
    assert everything.low == pytest.approx(tail ** (1 / trials), abs=1e-9)


def test_a_bootstrap_draws_identities_with_a_fixed_generator() -> None:
    values, owners = [1.0, 0.0, 4.0], ["a", "b", "a"]
    drawn = np.random.default_rng(0).integers(0, 2, size=(1000, 2))
    samples = [np.mean(np.concatenate([[[1.0, 4.0], [0.0]][i] for i in row])) for row in drawn]
    found = rates.bootstrap(values, owners)
    assert (found.value, found.low, found.high) == pytest.approx((5 / 3, *np.quantile(samples, [0.025, 0.975])))
    half = rates.bootstrap(values, owners, confidence=0.5, seed=3, rounds=200)
    drawn = np.random.default_rng(3).integers(0, 2, size=(200, 2))
    samples = [np.mean(np.concatenate([[[1.0, 4.0], [0.0]][i] for i in row])) for row in drawn]
    assert (half.low, half.high) == pytest.approx(tuple(np.quantile(samples, [0.25, 0.75])))


def test_a_bootstrap_takes_any_statistic_and_needs_values() -> None:
    largest = rates.bootstrap([[1.0, 3.0]], [[7, 7]], statistic=lambda sample: float(sample.max()), rounds=5)
    assert (largest.value, largest.low, largest.high) == (3.0, 3.0, 3.0)
    with pytest.raises(ValueError, match="needs values"):
        rates.bootstrap([], [])


def test_verification_with_identities_has_their_interval() -> None:
    genuine, impostor = [0.2, 0.6, 0.7, 0.9], np.linspace(-0.5, 0.5, 100)
    by_identity = rates.verification(genuine, impostor, 0.01, genuine_identity=[1, 1, 2, 2])
    assert by_identity.fnmr == rates.bootstrap([1.0, 0.0, 0.0, 0.0], [1, 1, 2, 2])
    assert rates.verification(genuine, impostor, 0.01).fnmr == rates.wilson(1, 4)
    assert by_identity.fmr == 0.01
    # A genuine pair exactly at the threshold is accepted, and an impostor pair exactly there is a false match.
    edge = rates.verification([0.5], [0.5, 0.5, 0.5, 0.0], 0.5)
    assert (edge.threshold, edge.fnmr.value, edge.false_matches) == (0.5, 0.0, 3)


def test_an_interval_is_printed_with_its_ends() -> None:
    assert str(rates.Interval(0.5, 0.25, 0.75)) == "0.5000 [0.2500, 0.7500]"


def test_the_defaults_of_a_bootstrap_are_a_thousand_rounds_of_one_generator() -> None:
    values = np.random.default_rng(5).normal(size=40)
    drawn = np.random.default_rng(0).integers(0, 40, size=(1000, 40))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    found = rates.bootstrap(values.tolist(), range(40))
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), low, high))
