"""The confidence curve: exact at its anchors, strictly monotone, and honest about what it was measured on."""

from __future__ import annotations

import json
import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.gallery.curves import read_curve, write_curve
from mien.matching import Calibration, fit
from mien.models.manifest import StatedCalibration

MEASURED = Calibration(
    0.7655, 1e-4, 106.0, ((0.5, 0.6349), (0.1, 0.6793), (1e-2, 0.7155), (1e-3, 0.7427), (1e-4, 0.7655), (1e-5, 0.785))
)
CALIBRATIONS = st.one_of(
    st.just(MEASURED),
    st.builds(
        Calibration,
        st.floats(-0.9, 0.98),
        st.one_of(st.none(), st.floats(1e-6, 0.3)),
        st.one_of(st.none(), st.floats(2.0, 400.0)),
    ),
)


@given(CALIBRATIONS)
def test_the_operating_point_is_one_half_and_identity_is_one(calibration: Calibration) -> None:
    assert calibration.confidence(calibration.threshold) == 0.5
    assert calibration.confidence(1.0) == 1.0
    assert calibration.confidence(-1.0) == 0.0


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


@given(CALIBRATIONS, st.floats(0, 1))
def test_inverse_returns(calibration: Calibration, confidence: float) -> None:
    assert calibration.confidence(calibration.similarity(confidence)) == pytest.approx(confidence, abs=1e-9)


def test_every_tenth_is_a_factor_of_ten() -> None:
    for rate, confidence in ((1e-1, 0.2), (1e-2, 0.3), (1e-3, 0.4), (1e-4, 0.5), (1e-5, 0.6)):
        assert MEASURED.confidence(dict(MEASURED.levels)[rate]) == pytest.approx(confidence)
    # Beyond what was measured, by the tail.
    assert MEASURED.similarity(0.8) == pytest.approx(0.785 + math.log(100) / 106)
    assert MEASURED.similarity_at_fmr(1e-7) == pytest.approx(MEASURED.similarity(0.8))


def test_a_stricter_curve_moves_every_rate() -> None:
    strict = MEASURED.stricter(10)
    assert strict.threshold == pytest.approx(0.785)
    assert strict.confidence(0.785) == 0.5
    assert strict.confidence(0.7655) == pytest.approx(0.4)
    assert strict.similarity_at_fmr(1e-6) == pytest.approx(MEASURED.similarity_at_fmr(1e-7))
    assert MEASURED.stricter(1).confidence(0.9) == pytest.approx(MEASURED.confidence(0.9))


def test_between_levels_the_logarithm_of_the_rate_counts() -> None:
    middle = (0.7427 + 0.7655) / 2
    assert MEASURED.similarity_at_fmr(10**-3.5) == pytest.approx(middle)
    assert MEASURED.similarity_at_fmr(0.9) < 0.6349


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 1.0},
        {"threshold": 0.3, "tail": 0.0},
        {"threshold": 0.3, "tail": math.nan},
        {"threshold": 0.3, "fmr": 1.0},
        {"threshold": 0.3, "levels": ((1e-3, 0.4), (1e-2, 0.5))},
        {"threshold": 0.3, "levels": ((2.0, 0.1),)},
    ],
)
def test_what_would_not_be_monotone_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|false match rate"):
        Calibration(**wrong)  # type: ignore[arg-type]


def test_confidence_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        MEASURED.similarity(1.5)


def test_fit_measures_the_levels_that_the_pairs_show_and_a_tail() -> None:
    impostor = np.random.default_rng(1).normal(0.0, 0.1, 400_000)
    calibration = fit(impostor, 1e-3)
    assert calibration.threshold == pytest.approx(0.309, abs=0.004)  # 3.09 standard deviations
    assert [rate for rate, _ in calibration.levels] == pytest.approx([0.5, 1e-1, 1e-2, 1e-3, 1e-4])
    assert calibration.tail == pytest.approx(0.9 * math.log(10) / 0.063, rel=0.15)
    assert fit(impostor[:40_000], 1e-3).tail is None  # 4 pairs at 1e-4 say nothing


def test_fit_needs_enough_pairs() -> None:
    with pytest.raises(ValueError, match="cannot show"):
        fit(np.zeros(100), 1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": -1.0},
        {"threshold": 0.3, "tail": math.inf},
        {"threshold": 0.3, "tail": -2.0},
        {"threshold": 0.3, "fmr": 0.0},
        {"threshold": 0.3, "levels": ((0.0, 0.4),)},
        {"threshold": 0.3, "levels": ((1.0, 0.1),)},
        {"threshold": 0.3, "levels": ((1e-2, 0.4), (1e-3, 0.4))},
    ],
)
def test_the_borders_of_what_is_allowed_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|false match rate"):
        Calibration(**wrong)  # type: ignore[arg-type]


def test_levels_are_kept_as_numbers_with_the_highest_rate_first() -> None:
    given_levels = ((np.float64(1e-3), 1), (1e-1, np.float32(0.5)))
    levels = Calibration(0.3, levels=given_levels).levels  # type: ignore[arg-type]
    assert levels == ((0.1, 0.5), (1e-3, 1.0))
    assert {type(value) for level in levels for value in level} == {float}


def test_without_a_measured_tail_it_is_fourteen_by_the_threshold() -> None:
    assert Calibration(0.5).similarity_at_fmr(1e-5) == pytest.approx(0.5 + math.log(10) / 28)
    assert Calibration(0.5).similarity_at_fmr(1e-3) == pytest.approx(0.5 - math.log(10) / 28)
    assert Calibration(0.05).similarity_at_fmr(1e-5) == pytest.approx(0.05 + math.log(10) / 140)  # no longer than that
    assert Calibration(0.5, 1e-3).similarity_at_fmr(1e-3) == 0.5
    assert Calibration(0.5, tail=1.0).similarity_at_fmr(1e-9) == 1.0
    assert Calibration(-0.5, tail=1.0).similarity_at_fmr(0.9) == -1.0


def test_below_the_first_level_and_beyond_the_last_one_the_curve_is_straight() -> None:
    lowest, highest = MEASURED.similarity(0.2), MEASURED.similarity(0.9)
    assert highest == pytest.approx(0.785 + math.log(1000) / 106)
    assert MEASURED.confidence((lowest - 1) / 2) == pytest.approx(0.1)
    assert MEASURED.confidence((highest + 1) / 2) == pytest.approx(0.95)


def test_levels_that_a_flat_tail_puts_beyond_the_ends_are_left_out() -> None:
    flat = Calibration(0.5, 1e-4, tail=4.0)  # a factor of ten is 0.576
    assert flat.similarity(0.4) == pytest.approx(0.5 - math.log(10) / 4)
    assert flat.confidence(0.75) == pytest.approx(0.75)  # straight from the operating point to identity
    third = 0.5 - 2 * math.log(10) / 4
    assert flat.similarity(0.2) == pytest.approx(-1 + 2 / 3 * (1 + third))  # 0.2 itself would be below -1


def test_stricter_keeps_tail_and_operating_rate_and_drops_rates_of_one() -> None:
    strict = Calibration(0.5, None, 50.0, ((0.5, 0.2), (0.1, 0.3), (1e-2, 0.4))).stricter(10)
    assert (strict.fmr, strict.tail, strict.levels) == (1e-4, 50.0, ((0.1, 0.4),))
    assert strict.threshold == pytest.approx(0.5 + math.log(10) / 50)
    assert Calibration(0.9, 1e-3, 2.0).stricter(1e6).threshold == pytest.approx(1 - 1e-4)


def test_a_level_needs_twenty_pairs() -> None:
    scores = np.linspace(-1, 1, 200)
    enough = fit(scores, 0.2)
    assert [rate for rate, _ in enough.levels] == [0.5, 0.2, 0.1]
    assert enough.tail == pytest.approx(0.9 * math.log(2) / (enough.levels[2][1] - enough.threshold))
    fewer = fit(scores[:199], 0.2)
    assert [rate for rate, _ in fewer.levels] == [0.5, 0.2]
    assert fewer.tail is None
    assert fit(np.linspace(-1, 1, 10_000)).fmr == 1e-4


def test_a_stored_calibration_loses_no_value() -> None:
    curve = Calibration(threshold=0.4, fmr=1e-3, tail=20.0, levels=((1e-2, 0.3), (1e-4, 0.5)))
    kept = {one.name for one in fields(Calibration) if one.init}
    assert all(getattr(curve, one.name) != one.default for one in fields(Calibration) if one.init), "give it a value"
    assert json.loads(write_curve(curve)).keys() == kept
    assert read_curve(write_curve(curve)) == curve
    assert kept <= set(StatedCalibration.model_fields)
    stated = StatedCalibration(**curve.stated(), measured_on="these photos")
    assert Calibration.of(stated.model_dump()) == curve
