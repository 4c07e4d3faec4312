"""The engine on real photos: what is found, where, and that nothing is computed that was not asked for."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.memory import ready_engine
from tests.shared import azure_photo, has_shared, shared_path

from mien.models.bindings import DEFAULT_RECOGNISER
from mien.models.errors import MissingFileError
from mien.models.store import ModelStore
from mien.vision import Attribute, FaceEngine, OperatingPoint, UnsupportedAttributeError, Want
from mien.vision.attributes import registry
from mien.vision.types import FaceBox, Pixels

RECOGNISER = DEFAULT_RECOGNISER


@pytest.fixture(scope="session")
def store() -> ModelStore:
    store = ModelStore()
    store.ensure()
    return store


@pytest.fixture(scope="session")
def engine() -> FaceEngine:
    return ready_engine()


def jpeg(pixels: Pixels, quality: int = 92) -> bytes:
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return encoded.tobytes()


def read(path: Path) -> Pixels:
    return np.asarray(cv2.imread(str(path)), np.uint8)


def middle(box: FaceBox) -> tuple[float, float]:
    return box.left + box.width / 2, box.top + box.height / 2


def near(box: FaceBox, x: float, y: float, tolerance: float) -> bool:
    found = middle(box)
    return abs(found[0] - x) < tolerance and abs(found[1] - y) < tolerance


@pytest.mark.shared
@pytest.mark.parametrize("point", list(OperatingPoint))
def test_a_portrait_has_one_face_inside_the_image(engine: FaceEngine, point: OperatingPoint) -> None:
    analysis = engine.analyze(azure_photo("detection1").read_bytes(), Want(operating_point=point))
    (face,) = analysis.faces
    if has_shared("faces", "azure"):  # a portrait that stands in for the photo has a size of its own
        assert (analysis.width, analysis.height) == (1000, 664)
        assert near(face.box, 546, 230, 30)
        assert 200 < face.box.width < 280
    assert 0 <= face.box.left < face.box.left + face.box.width <= analysis.width
    assert face.embedding is None
    assert face.landmarks is None


@pytest.mark.shared
def test_faces_come_largest_first_and_no_more_than_asked_for(engine: FaceEngine) -> None:
    image = azure_photo("identification1").read_bytes()
    areas = [face.box.area for face in engine.analyze(image).faces]
    assert len(areas) == 4
    assert areas == sorted(areas, reverse=True)
    assert [face.box.area for face in engine.analyze(image, Want(max_faces=2)).faces] == areas[:2]


@pytest.mark.shared
def test_an_image_without_faces_gives_none(engine: FaceEngine) -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (480, 640, 3), np.uint8)
    for point in OperatingPoint:
        assert engine.analyze(noise, Want(operating_point=point)).faces == ()


@pytest.mark.shared
@pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE])
def test_the_best_point_finds_faces_that_lie_and_embeds_them_upright(engine: FaceEngine, turn: int) -> None:
    upright = read(azure_photo("detection1"))
    want = Want(operating_point=OperatingPoint.BEST, recogniser=RECOGNISER)
    (reference,) = engine.analyze(upright, want).faces
    (face,) = engine.analyze(np.asarray(cv2.rotate(upright, turn), np.uint8), want).faces
    assert reference.embedding is not None
    assert face.embedding is not None
    assert float(reference.embedding.vector @ face.embedding.vector) > 0.9


@pytest.mark.shared
def test_a_turned_file_gives_the_coordinates_of_the_upright_image(engine: FaceEngine) -> None:
    upright = Image.open(azure_photo("detection1")).convert("RGB")
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the file must be turned clockwise
    buffer = io.BytesIO()
    turned.save(buffer, "JPEG", quality=95, exif=exif)
    analysis = engine.analyze(buffer.getvalue())
    assert (analysis.width, analysis.height) == upright.size
    (face,) = analysis.faces
    (expected,) = engine.analyze(np.asarray(upright)[:, :, ::-1]).faces
    assert near(face.box, *middle(expected.box), 4)


@pytest.mark.shared
def test_a_large_photo_gives_the_coordinates_and_nearly_the_template_of_the_small_one(engine: FaceEngine) -> None:
    small = read(azure_photo("identification1"))
    large = np.asarray(cv2.resize(small, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC), np.uint8)
    want = Want(recogniser=RECOGNISER, landmarks=True)
    expected = engine.analyze(small, want).faces
    found = engine.analyze(jpeg(large, 80), want).faces
    assert len(found) == len(expected)
    for face, reference in zip(found, expected, strict=True):
        x, y = middle(reference.box)
        assert near(face.box, 5 * x, 5 * y, 30)
        assert face.embedding is not None
        assert reference.embedding is not None
        assert float(face.embedding.vector @ reference.embedding.vector) > 0.9
        assert face.landmarks is not None
        assert reference.landmarks is not None
        assert np.abs(face.landmarks / 5 - reference.landmarks).max() < 0.06 * reference.box.width


@pytest.mark.shared
def test_a_face_at_the_promised_minimum_is_found_and_a_speck_is_not_reported(engine: FaceEngine) -> None:
    # As large as 36 pixels in 1920×1080: a box of 32×40 is of that area.
    photo = read(azure_photo("Family1-Dad1"))
    (face,) = engine.analyze(photo).faces
    for side, expected in ((38, 1), (20, 0)):
        factor = side / np.sqrt(face.box.area)
        small = np.asarray(cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
        canvas = np.full((1080, 1920, 3), 90, np.uint8)
        canvas[500 : 500 + small.shape[0], 1500 : 1500 + small.shape[1]] = small
        for point in OperatingPoint:
            assert len(engine.analyze(canvas, Want(operating_point=point)).faces) == expected, (side, point)


@pytest.mark.shared
def test_templates_tell_people_apart_and_are_unit_vectors_of_one_fingerprint(engine: FaceEngine) -> None:
    want = Want(recogniser=RECOGNISER)
    templates = {}
    for name in ("Family1-Dad1", "Family1-Dad2", "Family2-Man1"):
        (face,) = engine.analyze(azure_photo(name).read_bytes(), want).faces
        assert face.embedding is not None
        templates[name] = face.embedding
    assert {template.fingerprint for template in templates.values()} == {engine.fingerprint(RECOGNISER)}
    for template in templates.values():
        assert float(np.linalg.norm(template.vector)) == pytest.approx(1, abs=1e-5)
    same = float(templates["Family1-Dad1"].vector @ templates["Family1-Dad2"].vector)
    other = float(templates["Family1-Dad1"].vector @ templates["Family2-Man1"].vector)
    assert same > other + 0.15


class _Watched(ModelStore):
    """A store that notes which packs were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def load(self, name: str) -> Any:
        self.loaded.append(name)
        return super().load(name)


@pytest.mark.shared
def test_only_what_is_wanted_is_computed(store: ModelStore) -> None:
    assert store.root.exists()
    watched = _Watched()
    engine = FaceEngine(watched)
    image = azure_photo("detection1").read_bytes()
    engine.analyze(image, Want())
    assert watched.loaded == ["yunet"]
    engine.analyze(image, Want(landmarks=True))
    assert watched.loaded == ["yunet", "mesh"]
    engine.analyze(image, Want(recogniser=RECOGNISER))
    assert RECOGNISER in watched.loaded
    # The length of its embedding serves the quality, too: SFace in floats is left alone.
    engine.analyze(image, Want(recogniser=RECOGNISER, attributes=frozenset({Attribute.QUALITY})))
    assert "sface" not in watched.loaded


def test_a_missing_pack_says_how_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="mien models pull yunet"):
        FaceEngine(ModelStore(tmp_path)).analyze(np.zeros((100, 100, 3), np.uint8))


def test_retired_or_impossible_attributes_are_refused_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "ESTIMATORS", {})
    engine = FaceEngine(ModelStore(tmp_path))  # it has no packs: anything computed would fail otherwise
    with pytest.raises(UnsupportedAttributeError, match="makeup"):
        engine.analyze(b"", Want(attributes=frozenset({Attribute.MAKEUP})))


@pytest.mark.shared
def test_every_photo_of_the_labelled_people_has_its_main_face(engine: FaceEngine) -> None:
    photos = sorted(shared_path("faces", "lfw").glob("*/*.jpg"))[::25]
    for photo in photos:
        faces = engine.analyze(photo.read_bytes()).faces
        assert any(near(face.box, 125, 125, 40) for face in faces), photo
