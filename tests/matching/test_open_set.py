"""The threshold that grows with the gallery."""

import math

import pytest

from mien.matching import Calibration
from mien.matching.open_set import similarity_at_fmr, similarity_for_gallery


def test_the_threshold_follows_the_measured_tail() -> None:
    calibration = Calibration(0.69, 1e-4, tail=70.0)
    assert similarity_for_gallery(calibration, 100) == 0.69
    assert similarity_for_gallery(calibration, 100_000) == pytest.approx(0.69 + math.log(1000) / 70)


def test_it_never_falls_below_the_operating_point() -> None:
    assert similarity_at_fmr(Calibration(0.69, 1e-4, 70.0, ((0.1, 0.5), (1e-4, 0.69))), 0.1) == 0.69


def test_without_a_measured_tail_a_normal_distribution_is_assumed() -> None:
    assumed = similarity_at_fmr(Calibration(0.35, 1e-4), 1e-6)
    assert assumed == pytest.approx(0.35 + math.log(100) * 0.35 / 14)
