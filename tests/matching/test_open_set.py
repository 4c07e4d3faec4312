"""The threshold that grows with the gallery."""

import math

import pytest

from mien.matching import Calibration
from mien.matching.open_set import similarity_at_fmr, similarity_for_gallery


def test_the_threshold_follows_the_measured_tail() -> None:
    calibration = Calibration(0.69, 48.0, 1e-4, tail=70.0)
    assert similarity_for_gallery(calibration, 100) == 0.69
    assert similarity_for_gallery(calibration, 100_000) == pytest.approx(0.69 + math.log(1000) / 70)


def test_without_a_measured_tail_the_slope_serves() -> None:
    guessed = similarity_at_fmr(Calibration(0.69, 48.0, 1e-4), 1e-6)
    assert guessed == pytest.approx(0.69 + math.log(100) / (0.9 * 48))
    assert guessed > similarity_at_fmr(Calibration(0.69, 48.0, 1e-4, tail=70.0), 1e-6)


@pytest.mark.parametrize("tail", [0.0, -1.0, math.nan, math.inf])
def test_a_tail_must_be_positive(tail: float) -> None:
    with pytest.raises(ValueError, match="tail"):
        Calibration(0.5, 20.0, 1e-4, tail=tail)
