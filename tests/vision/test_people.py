"""Animals are no people, and people stay: the second look at doubtful faces."""

import cv2
import numpy as np
import pytest
from tests.memory import ready_engine
from tests.shared import azure_photo, shared_path

from mien.vision import FaceEngine, OperatingPoint, Want, people
from mien.vision import engine as engine_module
from mien.vision.attributes.context import FaceContext

ANIMALS = ("Egyptian_cat", "beagle", "guenon", "common_iguana", "vizsla")
"""Each has a false face, by the detector alone."""


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return ready_engine()


@pytest.mark.shared
def test_animals_are_no_people(engine: FaceEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = {name: shared_path("faces", "nonfaces", f"{name}.JPEG").read_bytes() for name in ANIMALS}
    for name, photo in photos.items():
        for point in OperatingPoint:
            assert engine.analyze(photo, Want(operating_point=point)).faces == (), (name, point)
    monkeypatch.setattr(engine_module, "SURE", 0.0)
    for name, photo in photos.items():
        assert engine.analyze(photo, Want()).faces, name


@pytest.mark.shared
@pytest.mark.parametrize("change", ["blurred", "dark", "upside down"])
def test_people_stay_where_the_detector_doubts(
    engine: FaceEngine, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.asarray(cv2.imread(str(azure_photo("identification1"))), np.uint8)
    if change == "blurred":
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 6), np.uint8)
    elif change == "dark":
        pixels = np.asarray(pixels * 0.25, np.uint8)
    else:
        pixels = np.asarray(cv2.rotate(pixels, cv2.ROTATE_180), np.uint8)
    kept = [face.box for face in engine.analyze(pixels, Want()).faces]
    monkeypatch.setattr(engine_module, "SURE", 0.0)
    assert kept == [face.box for face in engine.analyze(pixels, Want()).faces]
    assert kept


@pytest.mark.shared
def test_a_sure_face_is_not_asked_about(engine: FaceEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: FaceContext) -> bool:
        raise AssertionError("a sure face was asked about")

    monkeypatch.setattr(engine_module, "is_clearly_person", never)
    monkeypatch.setattr(engine_module, "is_person", never)
    (face,) = engine.analyze(azure_photo("detection1").read_bytes()).faces
    assert face.score >= people.SURE


@pytest.mark.shared
def test_a_glance_is_enough_for_a_dark_face(engine: FaceEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: FaceContext) -> bool:
        raise AssertionError("a clear face was read for the second look")

    pixels = np.asarray(np.asarray(cv2.imread(str(azure_photo("identification1"))), np.uint8) * 0.05, np.uint8)
    monkeypatch.setattr(engine_module, "is_person", never)
    faces = engine.analyze(pixels, Want()).faces
    assert any(face.score < people.SURE for face in faces)
