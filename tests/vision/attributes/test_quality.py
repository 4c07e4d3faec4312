"""Quality for recognition: by the length of the embedding and the blur, with each pack's own calibration."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.vision.attributes.conftest import RealFace

from mien.contract.attributes import Level3
from mien.models.store import ModelStore
from mien.vision import Attribute, FaceEngine, Want
from mien.vision.attributes.quality import SFACE_QUALITY, QualityCalibration, quality

ORDER = [Level3.LOW, Level3.MEDIUM, Level3.HIGH]


@given(st.floats(0, 30), st.floats(0, 30), st.floats(0, 1), st.floats(0, 1))
def test_quality_never_falls_with_length_nor_rises_with_blur(a: float, b: float, c: float, d: float) -> None:
    short, long = sorted((a, b))
    clear, blurred = sorted((c, d))
    assert ORDER.index(quality(short, blurred)) <= ORDER.index(quality(long, clear))


def test_another_pack_brings_its_own_scale() -> None:
    scale = QualityCalibration(low_below=17.0, high_from=22.0)
    assert [quality(norm, 1.0, scale) for norm in (16.9, 17.0, 22.0)] == ORDER


def test_the_pack_and_the_code_agree_on_sface() -> None:
    calibration = ModelStore().manifest("sface").calibration
    assert calibration is not None
    assert calibration.quality_cuts == (SFACE_QUALITY.low_below, SFACE_QUALITY.high_from)


@pytest.mark.shared
def test_press_photos_are_good_and_their_spoilt_copies_are_not(engine: FaceEngine, lfw_faces: list[RealFace]) -> None:
    want = Want(attributes=frozenset({Attribute.QUALITY}))

    def levels(sigma: float) -> list[Level3 | None]:
        found: list[Level3 | None] = []
        for face in lfw_faces[:15]:
            pixels = np.asarray(cv2.GaussianBlur(face.pixels, (0, 0), sigma), np.uint8) if sigma else face.pixels
            faces = engine.analyze(pixels, want).faces
            found.extend(one.attributes.quality for one in faces[:1])
        return found

    assert levels(0).count(Level3.HIGH) >= 11
    assert levels(0).count(Level3.LOW) == 0
    assert levels(6).count(Level3.HIGH) == 0
