"""The passive networks: how their crops are cut, and what they say about people, prints and screens."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.shared import shared_path

from mien.models.errors import ModelError
from mien.models.store import ModelStore
from mien.vision.detector import YuNet
from mien.vision.finder import FaceFinder
from mien.vision.presentation.material import Box, MaterialNetworks, surroundings
from mien.vision.types import OperatingPoint, Pixels


def test_the_crop_shows_the_box_in_its_middle() -> None:
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[200:280, 280:340] = 255
    crop = surroundings(pixels, (280, 200, 60, 80), 2.7, 80)
    assert crop.shape == (80, 80, 3)
    bright = np.argwhere(crop[:, :, 0] > 128)
    assert bright.mean(axis=0) == pytest.approx([39.5, 39.5], abs=1)
    assert np.ptp(bright, axis=0) + 1 == pytest.approx([80 / 2.7, 80 / 2.7], abs=2)


def test_at_the_border_the_crop_is_moved_inside() -> None:
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[0:80, 0:60] = 255
    crop = surroundings(pixels, (0, 0, 60, 80), 2.7, 80)
    assert crop[0, 0, 0] == 255
    assert crop[-1, -1, 0] == 0


@given(st.tuples(st.floats(-200, 700), st.floats(-200, 500), st.floats(1, 900), st.floats(1, 900)))
def test_any_box_gives_a_crop(box: Box) -> None:
    assert surroundings(np.zeros((60, 80, 3), np.uint8), box, 4.0, 80).shape == (80, 80, 3)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> MaterialNetworks:
    store = ModelStore(tmp_path_factory.mktemp("models"))
    store.ensure(["minifasnet"], folder=shared_path("models", "minifasnet"))
    return MaterialNetworks([store.load("minifasnet")])


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    try:
        return FaceFinder(YuNet(ModelStore().load("yunet").network))
    except ModelError as problem:
        pytest.skip(str(problem))


def _views(paths: list[Path], finder: FaceFinder) -> list[tuple[Pixels, Box]]:
    """Pictures with their largest face; those in which none is found are left out."""
    pictures = [np.asarray(cv2.imread(str(path)), np.uint8) for path in paths]
    faces = [finder.find(pixels, OperatingPoint.GENERAL) for pixels in pictures]
    return [(pixels, found[0].box) for pixels, found in zip(pictures, faces, strict=True) if found]


def test_a_person_is_told_from_a_print_and_a_screen(pair: MaterialNetworks, finder: FaceFinder) -> None:
    stills = [shared_path("pad", "stills", f"image_{name}.jpg") for name in ("T1", "F1", "F2")]
    person, print_, screen = pair.real(_views(stills, finder)).mean(axis=1)
    assert person > 0.9
    assert print_ < 0.5
    assert screen < 0.1


@pytest.mark.parametrize(("kind", "low", "high"), [("real", 0.6, 1), ("spoof", 0, 0.2)])
def test_most_tight_crops_are_told_right_too(
    pair: MaterialNetworks, finder: FaceFinder, kind: str, low: float, high: float
) -> None:
    paths = sorted(shared_path("pad", "frames", kind).iterdir())[::12]
    values = pair.real(_views(paths, finder)).mean(axis=1)
    assert low <= np.median(values) <= high


def test_no_views_give_no_values(pair: MaterialNetworks) -> None:
    assert pair.real([]).shape == (0, 1)
