"""Faces that are turned in the image: strangers stay strangers, people stay themselves, and what is unsure is said."""

from functools import cache

import cv2
import numpy as np
import pytest
from tests.memory import ready_engine
from tests.shared import azure_photo

from mien.contract.attributes import Level3
from mien.models.bindings import DEFAULT_RECOGNISER
from mien.models.store import ModelStore
from mien.vision import Attribute, FaceEngine, OperatingPoint, Want, align
from mien.vision.detector import RawDetections, YuNet
from mien.vision.types import Embedding, Face, Pixels
from mien.vision.upright import LandmarkReading, UprightReader, roll_of

PEOPLE = ("Family1-Dad1", "Family1-Mom1", "Family3-Lady1", "Family2-Lady1", "Family2-Man1", "Family3-Man1")
ANGLES = (45, 90, 180, 285)


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return ready_engine()


@cache
def person(name: str) -> Pixels:
    return np.asarray(cv2.imread(str(azure_photo(name))), np.uint8)


def turned(pixels: Pixels, degrees: float) -> Pixels:
    """The photo turned clockwise, with black corners."""
    height, width = pixels.shape[:2]
    side = int(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1.0)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    return np.asarray(cv2.warpAffine(pixels, matrix, (side, side)), np.uint8)


def main_face(engine: FaceEngine, pixels: Pixels, want: Want) -> Face | None:
    faces = engine.analyze(pixels, want).faces
    middle = pixels.shape[1] / 2
    near = [face for face in faces if abs(face.box.left + face.box.width / 2 - middle) < face.box.width]
    return near[0] if near else None


def likeness(one: Embedding, other: Embedding) -> float:
    return float(one.vector @ other.vector)


@pytest.mark.shared
@pytest.mark.parametrize("point", list(OperatingPoint))
def test_turned_people_match_themselves_and_no_stranger(engine: FaceEngine, point: OperatingPoint) -> None:
    calibration = ModelStore().manifest(DEFAULT_RECOGNISER).calibration
    assert calibration is not None
    want = Want(operating_point=point, recogniser=DEFAULT_RECOGNISER)
    upright: dict[str, Embedding] = {}
    for name in PEOPLE:
        face = main_face(engine, person(name), want)
        assert face is not None
        assert face.embedding is not None
        upright[name] = face.embedding
    tried = 0
    for degrees in ANGLES:
        found: dict[str, Embedding] = {}
        for name in PEOPLE:
            face = main_face(engine, turned(person(name), degrees), want)
            if face is not None:
                assert face.embedding is not None
                found[name] = face.embedding
        tried += len(found)
        for name, seen in found.items():
            for other, theirs in [*found.items(), *upright.items()]:
                alike = likeness(seen, theirs)
                if other != name:
                    assert alike < calibration.threshold, (degrees, name, other)
                elif theirs is not seen and seen.readable:
                    assert alike >= calibration.threshold, (degrees, name)
        assert sum(one.readable for one in found.values()) >= len(found) - 1
    assert tried >= len(PEOPLE) * len(ANGLES) / 2


@pytest.mark.shared
def test_the_points_of_a_face_upside_down_are_eyes_nose_and_mouth(engine: FaceEngine) -> None:
    pixels = person("Family2-Lady1")
    height, width = pixels.shape[:2]
    want = Want(recogniser=DEFAULT_RECOGNISER, attributes=frozenset({Attribute.HEAD_POSE}))
    (reference,) = engine.analyze(pixels, want).faces
    (face,) = engine.analyze(np.asarray(cv2.rotate(pixels, cv2.ROTATE_180), np.uint8), want).faces
    expected = [width - 1, height - 1] - reference.points
    assert np.abs(face.points - expected).max() < 0.06 * reference.box.width
    assert abs(roll_of(face.points)) > 170
    assert face.attributes.head_pose is not None
    assert abs(face.attributes.head_pose.roll) > 170


@pytest.mark.shared
def test_only_the_turned_one_of_several_people_is_read_turned(engine: FaceEngine) -> None:
    one, other = person("Family1-Dad1"), turned(person("Family1-Mom1"), 90)
    height = max(one.shape[0], other.shape[0])
    both = np.full((height, one.shape[1] + other.shape[1], 3), 120, np.uint8)
    both[: one.shape[0], : one.shape[1]] = one
    both[: other.shape[0], one.shape[1] :] = other
    want = Want(operating_point=OperatingPoint.BEST, recogniser=DEFAULT_RECOGNISER)
    faces = [face for face in engine.analyze(both, want).faces if face.box.width > 60]
    rolls = {face.box.left > one.shape[1]: roll_of(face.points) for face in faces}
    assert abs(rolls[False]) < 20
    assert abs(rolls[True] - 90) < 20


@pytest.mark.shared
@pytest.mark.parametrize("degrees", [45, 90, 180])
def test_all_people_of_a_turned_group_are_found(engine: FaceEngine, degrees: int) -> None:
    """Looking at each doubtful place for itself finds three of the four at 45° and at 90°."""
    photo = turned(person("identification1"), degrees)
    assert len(engine.analyze(photo, Want(operating_point=OperatingPoint.BEST)).faces) == 4


@pytest.mark.shared
def test_what_cannot_be_read_is_reported_with_low_quality_and_an_empty_template(
    engine: FaceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsure = LandmarkReading(np.zeros((5, 2), np.float32), score=0.3, moved=20.0, searched=True)
    monkeypatch.setattr(UprightReader, "read", lambda *_: unsure)
    want = Want(recogniser=DEFAULT_RECOGNISER, attributes=frozenset({Attribute.QUALITY}))
    (face,) = engine.analyze(person("Family2-Lady1"), want).faces
    assert face.attributes.quality is Level3.LOW
    assert face.embedding is not None
    assert not face.embedding.readable
    assert not face.embedding.vector.any()
    assert face.embedding.fingerprint == engine.fingerprint(DEFAULT_RECOGNISER)


@pytest.mark.shared
def test_a_plain_upright_face_is_looked_at_in_no_other_turn(
    engine: FaceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[LandmarkReading] = []

    def note(_: object, __: object, reading: LandmarkReading, ___: object) -> LandmarkReading:
        searched.append(reading)
        return reading

    monkeypatch.setattr(UprightReader, "search", note)
    for name in PEOPLE[:3]:
        assert main_face(engine, person(name), Want(landmarks=True)) is not None
    assert searched == []


@pytest.mark.parametrize(
    ("score", "roll", "presence", "trusted"),
    [(0.92, 0, None, True), (0.3, 0, None, False), (0.9, 120, 0.9, True), (0.9, 120, 0.1, False)],
)
def test_a_reading_is_trusted_by_the_look_and_where_it_is_turned_by_the_mesh(
    score: float, roll: float, presence: float | None, trusted: bool
) -> None:
    angle = np.radians(roll)
    points = np.array([[0, 0], [np.cos(angle), np.sin(angle)], [0, 1], [0, 2], [1, 2]], np.float32)
    assert LandmarkReading(points, score, 0.5, searched=True, presence=presence).trusted is trusted


def test_a_face_that_no_look_sees_keeps_its_points_and_is_not_trusted() -> None:
    class Blind:
        outputs = ("scores", "boxes", "points")

        def run(self, blob: np.ndarray, **_: object) -> list[np.ndarray]:
            cells = sum((blob.shape[2] // stride) * (blob.shape[3] // stride) for stride in (8, 16, 32))
            return [np.zeros((1, cells), np.float32), np.zeros((1, cells, 4), np.float32), np.zeros((1, cells, 10))]

    points = np.array([[40, 40], [60, 40], [50, 50], [42, 60], [58, 60]], np.float32)
    reader = UprightReader(YuNet(Blind()), lambda _, __: 1.0)  # type: ignore[arg-type]  # a network that sees nothing
    reading = reader.read(np.zeros((100, 100, 3), np.uint8), points, (30, 25, 40, 50))
    assert reading.points is points
    assert reading.searched
    assert not reading.trusted


@pytest.mark.parametrize(("score", "shift", "looks"), [(0.9, 1.4, 1), (0.9, 1.8, 2), (0.8, 1.4, 2), (0.8, 1.0, 1)])
def test_points_are_read_again_unless_the_detector_is_sure_and_saw_them_nearly_there(
    score: float, shift: float, looks: int
) -> None:
    seen: list[Pixels] = []
    five = np.asarray((align.TEMPLATE_112 - 56) * 0.72 + 64, np.float32)  # as a look turns every face

    class Shifted:
        def search(self, pixels: Pixels, _: float) -> RawDetections:
            seen.append(pixels)
            box = np.array([[32, 32, 64, 64]], np.float32)
            return RawDetections(box, np.array([score], np.float32), five[None] + np.float32(shift))

    reader = UprightReader(Shifted(), lambda _, __: 1.0)  # type: ignore[arg-type]  # a detector that sees one face
    reading = reader.refine(np.zeros((128, 128, 3), np.uint8), five)
    assert len(seen) == looks
    assert reading.moved == pytest.approx(shift, abs=0.01)
    np.testing.assert_allclose(reading.points, five + shift * looks / 2, atol=0.02)
