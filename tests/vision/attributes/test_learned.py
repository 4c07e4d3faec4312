"""Age, smile, mask and occlusion on real photos with clear answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.shared import azure_photo, shared_path
from tests.vision.attributes.conftest import RealFace

from mien.contract.attributes import Attribute, MaskType
from mien.models.runtime import Network
from mien.models.store import ModelStore
from mien.vision.attributes.context import LITE0, SFACE, FaceContext
from mien.vision.attributes.registry import estimate_attributes
from mien.vision.landmarks import Mesh
from mien.vision.types import Attributes, Float32, Pixels

pytestmark = pytest.mark.shared
WANTED = {Attribute.AGE, Attribute.SMILE, Attribute.MASK, Attribute.OCCLUSION}
Look = Callable[[RealFace], Attributes]


@pytest.fixture(scope="session")
def look() -> Look:
    store = ModelStore()
    store.ensure([SFACE, LITE0, "age"])

    def network(pack: str) -> Network:
        return store.load(pack).network

    def no_mesh(_pixels: Pixels, _points: Float32) -> Mesh:
        raise AssertionError("none of these needs the mesh")

    def estimate(face: RealFace) -> Attributes:
        context = FaceContext(face.pixels, face.points, (0, 0, 1, 1), network, no_mesh)
        return estimate_attributes(context, WANTED)

    return estimate


def lfw(name: str) -> Path:
    return shared_path("faces", "lfw", name.rsplit("_", 1)[0], f"{name}.jpg")


def value(number: float | None) -> float:
    assert number is not None
    return number


@pytest.mark.parametrize(
    ("photo", "youngest", "oldest"),
    [
        ("Family1-Daughter1", 1, 9),
        ("Family1-Son1", 2, 11),
        ("Family1-Dad1", 28, 48),
        ("Family1-Mom1", 18, 42),
        ("Family2-Man1", 58, 90),
    ],
)
def test_ages_of_a_family(
    look: Look, face_of: Callable[[Path], RealFace], photo: str, youngest: float, oldest: float
) -> None:
    assert youngest <= value(look(face_of(azure_photo(photo, itself=True))).age) <= oldest


def test_age_is_in_range_on_any_pixels(look: Look) -> None:
    random = np.random.default_rng(0)
    points = np.array([[40, 40], [70, 40], [55, 58], [44, 74], [66, 74]], np.float32)
    for _ in range(5):
        pixels = random.integers(0, 256, (110, 110, 3)).astype(np.uint8)
        found = look(RealFace("noise", pixels, points))
        assert 0 <= value(found.age) <= 100
        assert 0 <= value(found.smile) <= 1


@pytest.mark.parametrize("photo", ["Tiger_Woods_0003", "Bob_Iger_0001", "Abdullah_Gul_0001"])
def test_values_of_one_face_agree_with_its_mirror_image(
    look: Look, face_of: Callable[[Path], RealFace], photo: str
) -> None:
    path = (
        lfw(photo) if shared_path("faces", "lfw").joinpath(photo.rsplit("_", 1)[0], f"{photo}.jpg").exists() else None
    )
    if path is None:
        pytest.skip(f"{photo} is not in this choice of LFW")
    face = face_of(path)
    points = face.points.copy()
    points[:, 0] = face.pixels.shape[1] - points[:, 0]
    mirrored = RealFace("mirrored", np.asarray(cv2.flip(face.pixels, 1), np.uint8), points[[1, 0, 2, 4, 3]])
    there, back = look(face), look(mirrored)
    assert value(there.age) == pytest.approx(value(back.age), abs=8)
    assert value(there.smile) == pytest.approx(value(back.smile), abs=0.3)
    assert there.mask == back.mask


def test_smiles_are_told_from_straight_faces(look: Look, face_of: Callable[[Path], RealFace]) -> None:
    labels = Path(__file__).parents[3] / "tools/labels/smile.csv"
    rows = [line.split(",") for line in labels.read_text().splitlines()[1:]]
    broad = [name for name, label in rows if label == "2"][:25]
    none = [name for name, label in rows if label == "0"][:25]
    smiling = [value(look(face_of(lfw(Path(name).stem))).smile) for name in broad]
    straight = [value(look(face_of(lfw(Path(name).stem))).smile) for name in none]
    assert np.mean(np.array(smiling)[:, None] > np.array(straight)[None, :]) > 0.95
    assert np.median(smiling) > 0.7
    assert np.median(straight) < 0.2


def test_ordinary_faces_wear_no_mask_and_are_not_covered(look: Look, lfw_faces: list[RealFace]) -> None:
    found = [look(face) for face in lfw_faces]
    assert all(one.mask is not None and one.mask.type is MaskType.NONE for one in found)
    assert sum(one.occlusion is not None and one.occlusion.mouth for one in found) <= 1
    assert sum(one.occlusion is not None and one.occlusion.eye for one in found) <= 2


def test_masks_are_seen_and_cover_nose_and_mouth(look: Look, face_of: Callable[[Path], RealFace]) -> None:
    photos = sorted(shared_path("attributes", "mask", "with_mask").iterdir())
    large = [path for path in photos if min(np.asarray(cv2.imread(str(path))).shape[:2]) >= 200][:12]
    found = [look(face_of(path)) for path in large]
    assert sum(one.mask is not None and one.mask.type is MaskType.FACE_MASK for one in found) >= len(found) - 1
    assert sum(one.mask is not None and one.mask.nose_and_mouth_covered for one in found) >= len(found) - 1
    assert sum(one.occlusion is not None and one.occlusion.mouth for one in found) >= len(found) - 1


def test_a_black_bar_over_the_eyes_or_the_mouth_is_seen(look: Look, lfw_faces: list[RealFace]) -> None:
    eyes, mouths = 0, 0
    for face in lfw_faces[:20]:
        wide = float(np.linalg.norm(face.points[1] - face.points[0]))
        for which, middle in (("eye", face.points[:2].mean(axis=0)), ("mouth", face.points[3:].mean(axis=0))):
            pixels = face.pixels.copy()
            reach = np.array([0.95 * wide, 0.35 * wide])
            (left, top), (right, bottom) = (middle - reach).astype(int), (middle + reach).astype(int)
            cv2.rectangle(pixels, (int(left), int(top)), (int(right), int(bottom)), (20, 20, 20), -1)
            occlusion = look(RealFace(face.name, pixels, face.points)).occlusion
            assert occlusion is not None
            eyes += which == "eye" and occlusion.eye
            mouths += which == "mouth" and occlusion.mouth
    assert eyes >= 19
    assert mouths >= 18
