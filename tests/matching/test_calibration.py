from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.matching import Calibration, fit

THRESHOLDS = st.floats(-0.9, 0.9)
CALIBRATIONS = st.builds(
    lambda threshold, share: Calibration(threshold=threshold, slope=share * 15.0 / (1.0 - threshold)),
    THRESHOLDS,
    st.floats(0.05, 1.0),
)


@given(CALIBRATIONS)
def test_operating_point_is_exactly_one_half(calibration: Calibration) -> None:
    assert calibration.confidence(calibration.threshold) == 0.5


@given(CALIBRATIONS, st.floats(-1, 1, width=32))
def test_strictly_monotone_at_every_float32_step(calibration: Calibration, similarity: float) -> None:
    here = np.float32(similarity)
    above = np.nextafter(here, np.float32(2))
    if abs(float(here)) > 1e-3 and above <= 1.0:
        assert calibration.confidence(float(here)) < calibration.confidence(float(above))


@given(CALIBRATIONS, st.lists(st.floats(-1, 1), min_size=1))
def test_arrays_and_numbers_agree_and_stay_in_range(calibration: Calibration, similarities: list[float]) -> None:
    array = calibration.confidence(np.array(similarities))
    assert array.shape == (len(similarities),)
    assert np.all((array >= 0.0) & (array <= 1.0))
    assert array.tolist() == [calibration.confidence(s) for s in similarities]


@given(CALIBRATIONS, st.floats(0, 1), st.floats(-1, 1))
def test_inverse_prunes_nothing_that_counts(calibration: Calibration, confidence: float, similarity: float) -> None:
    if similarity < calibration.similarity(confidence) - 1e-9:
        assert calibration.confidence(similarity) < confidence


@given(CALIBRATIONS, st.floats(0.001, 0.999))
def test_inverse_returns(calibration: Calibration, confidence: float) -> None:
    similarity = calibration.similarity(confidence)
    if -1 < similarity < 1:
        assert calibration.confidence(similarity) == pytest.approx(confidence, abs=1e-9)


@pytest.mark.parametrize(("threshold", "slope"), [(1.0, 5.0), (0.3, 0.0), (0.3, -1.0), (0.3, 1000.0), (0.3, np.nan)])
def test_curves_that_would_not_be_monotone_are_refused(threshold: float, slope: float) -> None:
    with pytest.raises(ValueError, match="must"):
        Calibration(threshold=threshold, slope=slope)


def test_confidence_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        Calibration(0.4, 10.0).similarity(1.5)


def test_fit_finds_the_operating_point_and_the_logistic_slope() -> None:
    # Two normal distributions of equal width: the log odds are exactly linear, slope = distance / variance.
    random = np.random.default_rng(1)
    impostor = random.normal(0.1, 0.1, 400_000)
    genuine = random.normal(0.5, 0.1, 40_000)
    # The threshold midway, where the true curve passes 0.5, is 2 sigma above the impostors: FMR .02275.
    calibration = fit(genuine, impostor, 0.02275)
    assert calibration.threshold == pytest.approx(0.3, abs=0.003)
    assert calibration.slope == pytest.approx(15 / 0.7, rel=0.01)  # the true 40 is steeper than a curve may be
    wide = fit(random.normal(0.5, 0.2, 40_000), random.normal(0.1, 0.2, 400_000), 0.1587)
    assert wide.slope == pytest.approx(10.0, rel=0.05)


def test_fit_weighs_identities_the_same() -> None:
    random = np.random.default_rng(2)
    impostor = random.normal(0.0, 0.2, 20_000)
    easy, hard = random.normal(0.7, 0.05, 9_900), random.normal(0.4, 0.3, 100)
    genuine = np.concatenate([easy, hard])
    who = np.repeat([0, 1], [9_900, 100])
    assert fit(genuine, impostor, 0.05, genuine_identity=who).slope < fit(genuine, impostor, 0.05).slope


def test_fit_needs_enough_pairs() -> None:
    with pytest.raises(ValueError, match="cannot show"):
        fit([0.9], np.zeros(100), 1e-4)
    with pytest.raises(ValueError, match="genuine"):
        fit([], np.zeros(100), 0.1)
