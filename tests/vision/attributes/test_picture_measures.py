"""Blur, exposure and noise: ordered on spoilt copies of real photos, within range on anything."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from tests.vision.attributes.conftest import RealFace

from mien.contract.attributes import ExposureLevel, Level3
from mien.vision.attributes.blur import blur, blur_level, blur_value, edge_width
from mien.vision.attributes.exposure import exposure, exposure_level, exposure_value
from mien.vision.attributes.noise import noise, noise_level, noise_sigma, noise_value
from mien.vision.attributes.region import face_luma
from mien.vision.types import Float32, Pixels

POINTS: Float32 = np.array([[40, 40], [70, 40], [55, 58], [44, 74], [66, 74]], np.float32)

lumas = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


def gaussian(pixels: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8) if sigma else pixels


def smeared(pixels: Pixels, length: int) -> Pixels:
    """Motion blur at 30°."""
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), 30, 1)
    kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), np.float32)
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum()), np.uint8)


def grainy(pixels: Pixels, sigma: float) -> Pixels:
    grain = np.random.default_rng(1).normal(0, sigma, pixels.shape)
    return np.asarray(np.clip(pixels + grain, 0, 255), np.uint8)


def brighter(pixels: Pixels, gain: float) -> Pixels:
    return np.asarray(np.clip(pixels.astype(np.float32) * gain, 0, 255), np.uint8)


@pytest.mark.shared
def test_untouched_photos_read_sharp_well_lit_and_clean(lfw_faces: list[RealFace]) -> None:
    measured = [(blur(f.pixels, f.points), exposure(f.pixels, f.points), noise(f.pixels, f.points)) for f in lfw_faces]
    assert sum(each[0].level is Level3.LOW for each in measured) >= len(measured) - 1
    assert all(each[1].level is ExposureLevel.GOOD for each in measured)
    assert all(each[2].level is Level3.LOW for each in measured)


@pytest.mark.shared
def test_blur_rises_with_every_step_of_defocus_and_of_motion(lfw_faces: list[RealFace]) -> None:
    for face in lfw_faces:
        defocus = [blur(gaussian(face.pixels, sigma), face.points).value for sigma in (0, 1, 1.5, 2, 3, 4)]
        motion = [blur(smeared(face.pixels, length), face.points).value for length in (5, 9, 15)]
        assert all(a < b for a, b in pairwise(defocus)), face.name
        assert all(a < b for a, b in pairwise(motion)), face.name
        assert blur(gaussian(face.pixels, 6), face.points).level is not Level3.LOW, face.name


@pytest.mark.shared
def test_enlarging_a_blurred_face_does_not_sharpen_it(lfw_faces: list[RealFace]) -> None:
    for face in lfw_faces[:10]:
        blurred = gaussian(face.pixels, 3)
        large = np.asarray(cv2.resize(blurred, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC), np.uint8)
        assert blur(large, face.points * 3).value == pytest.approx(blur(blurred, face.points).value, abs=0.15)


@pytest.mark.shared
def test_a_crisp_small_face_is_not_called_highly_blurred(lfw_faces: list[RealFace]) -> None:
    for face in lfw_faces:
        small = np.asarray(cv2.resize(face.pixels, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA), np.uint8)
        assert blur(small, face.points * np.float32(0.4)).level is not Level3.HIGH, face.name


@pytest.mark.shared
def test_exposure_rises_with_light(lfw_faces: list[RealFace]) -> None:
    for face in lfw_faces:
        values = [exposure(brighter(face.pixels, gain), face.points).value for gain in (0.2, 0.4, 0.6, 0.8, 1, 1.2)]
        assert all(a < b for a, b in pairwise(values)), face.name
        assert exposure(brighter(face.pixels, 0.25), face.points).level is ExposureLevel.UNDER, face.name
        assert exposure(brighter(face.pixels, 5), face.points).level is ExposureLevel.OVER, face.name


@pytest.mark.shared
def test_noise_rises_with_grain(lfw_faces: list[RealFace]) -> None:
    for face in lfw_faces:
        values = [noise(grainy(face.pixels, sigma), face.points).value for sigma in (0, 4, 8, 15, 30)]
        assert all(a < b for a, b in pairwise(values)), face.name
        assert noise(grainy(face.pixels, 30), face.points).level is Level3.HIGH, face.name


@given(lumas)
def test_values_stay_in_range_on_any_region(luma: Pixels) -> None:
    assert 0 <= blur_value(edge_width(luma)) <= 1
    assert 0 <= exposure_value(luma) <= 1
    assert 0 <= noise_value(noise_sigma(luma)) <= 1


@given(lumas, st.integers(1, 60))
def test_exposure_never_falls_when_every_pixel_gets_brighter(luma: Pixels, step: int) -> None:
    lighter = np.minimum(luma.astype(int) + step, 255).astype(np.uint8)
    assert exposure_value(lighter) >= exposure_value(luma)


@given(st.floats(0, 40), st.floats(0, 40))
def test_blur_and_noise_values_rise_with_what_they_measure(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert blur_value(low) <= blur_value(high)
    assert noise_value(low) <= noise_value(high)


def test_levels_begin_where_the_contract_says() -> None:
    assert [noise_level(value) for value in (0, 0.299, 0.3, 0.699, 0.7, 1)] == ["low"] * 2 + ["medium"] * 2 + [
        "high"
    ] * 2
    assert [exposure_level(value) for value in (0, 0.249, 0.25, 0.749, 0.75, 1)] == (
        [ExposureLevel.UNDER] * 2 + [ExposureLevel.GOOD] * 2 + [ExposureLevel.OVER] * 2
    )
    assert [blur_level(value) for value in (0, 0.249, 0.25, 0.749, 0.75, 1)] == ["low"] * 2 + ["medium"] * 2 + [
        "high"
    ] * 2
    assert blur_value(2.6) == pytest.approx(0.25)
    assert noise_value(10) == pytest.approx(0.7)


def test_a_flat_region_has_no_edges_and_no_noise() -> None:
    flat = np.full((60, 60), 120, np.uint8)
    assert blur_value(edge_width(flat)) > 0.99
    assert noise_sigma(flat) == 0


def test_known_noise_is_measured() -> None:
    luma = np.clip(120 + np.random.default_rng(3).normal(0, 8, (128, 128)), 0, 255).astype(np.uint8)
    # The smoother half of pure noise is a little below its mean.
    assert noise_sigma(luma) == pytest.approx(8, rel=0.1)


@given(st.floats(-400, 400), st.floats(-400, 400), st.floats(0.05, 20), st.booleans())
def test_faces_half_or_wholly_outside_still_have_a_region(x: float, y: float, scale: float, shrink: bool) -> None:
    pixels = np.full((90, 120, 3), 100, np.uint8)
    luma = face_luma(pixels, (POINTS * scale + [x, y]).astype(np.float32), limit=64, shrink=shrink)
    assert 1 <= luma.shape[0] <= 64
    assert 1 <= luma.shape[1] <= 64


def test_a_small_face_is_not_enlarged() -> None:
    pixels = np.full((200, 200, 3), 100, np.uint8)
    assert max(face_luma(pixels, POINTS, limit=112, shrink=True).shape) < 112
    assert max(face_luma(pixels, POINTS * 2, limit=112, shrink=True).shape) == 112
