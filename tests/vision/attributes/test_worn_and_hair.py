"""Glasses, headwear, facial hair and hair on photos of people that the heads were not trained on.

`faces.json` says what a person sees on each photo.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.shared import shared_path

from mien.contract.attributes import DECLARED, Attribute, GlassesType
from mien.models.errors import MissingFileError
from mien.models.runtime import Network
from mien.models.store import ModelStore
from mien.vision import FaceEngine
from mien.vision.attributes.context import LITE0, SFACE, FaceContext
from mien.vision.attributes.registry import ESTIMATORS, estimate_attributes
from mien.vision.types import Attributes, Makeup, Want

FACES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "faces.json").read_text())
HAIR_COLORS = {"unknown", "white", "gray", "blond", "brown", "red", "black", "other"}
WANTED = (Attribute.GLASSES, Attribute.ACCESSORIES, Attribute.FACIAL_HAIR, Attribute.HAIR)


class _Counting:
    """Networks of the store, which notes the packs that were asked for."""

    def __init__(self, store: ModelStore) -> None:
        self.store = store
        self.asked: list[str] = []

    def __call__(self, pack: str) -> Network:
        self.asked.append(pack)
        return self.store.load(pack).network


@pytest.fixture(scope="module")
def store() -> ModelStore:
    store = ModelStore()
    try:
        for name in (SFACE, LITE0):
            store.load(name)
    except MissingFileError as problem:
        pytest.skip(str(problem))
    return store


@dataclass
class _Face:
    entry: dict[str, Any]
    network: Callable[[str], Network]

    @cached_property
    def context(self) -> FaceContext:
        def no_mesh(*_: Any) -> Any:
            raise AssertionError("none of these needs the mesh")

        pixels = np.asarray(cv2.imread(str(shared_path(*self.entry["photo"].split("/")))), np.uint8)
        return FaceContext(pixels, np.array(self.entry["points"], np.float32), (80, 70, 95, 120), self.network, no_mesh)

    @cached_property
    def found(self) -> Attributes:
        return estimate_attributes(self.context, WANTED)

    @property
    def seen(self) -> set[str]:
        return set(self.entry["seen"])


@pytest.fixture(params=FACES, ids=lambda entry: Path(entry["photo"]).stem)
def face(request: pytest.FixtureRequest, store: ModelStore) -> _Face:
    return _Face(request.param, _Counting(store))


def test_glasses_are_told_apart(face: _Face) -> None:
    expected = GlassesType.NONE
    if "sunglasses" in face.seen:
        expected = GlassesType.SUN
    elif "glasses" in face.seen:
        expected = GlassesType.READING
    assert face.found.glasses is expected


def test_accessories_are_what_is_worn(face: _Face) -> None:
    assert face.found.accessories is not None
    expected = {"headWear"} if "headwear" in face.seen else set()
    expected |= {"glasses" for name in face.seen if name in {"glasses", "sunglasses"}}
    assert {accessory.type for accessory in face.found.accessories} == expected
    assert all(0.5 <= accessory.confidence <= 1 for accessory in face.found.accessories)


def test_facial_hair_is_seen(face: _Face) -> None:
    found = face.found.facial_hair
    assert found is not None
    assert (found.moustache > 0.5) == ("moustache" in face.seen)
    assert (found.beard > 0.5) == ("beard" in face.seen)
    assert 0 <= found.sideburns <= 1


def test_hair_is_hidden_bald_or_of_a_colour(face: _Face) -> None:
    found = face.found.hair
    assert found is not None
    if "headwear" in face.seen:
        assert found.invisible
        assert (found.bald, found.colors) == (0, ())
        return
    assert not found.invisible
    if "bald" in face.seen:
        assert found.bald > 0.9
        assert found.colors == ()
        return
    confidences = [color.confidence for color in found.colors]
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1, abs=0.03)
    assert {color.color for color in found.colors} == {
        "unknown",
        "white",
        "gray",
        "blond",
        "brown",
        "red",
        "black",
        "other",
    }
    colors = face.seen & {color.color for color in found.colors}
    if colors:
        assert found.colors[0].color in colors


def test_all_four_run_each_network_once(store: ModelStore) -> None:
    networks = _Counting(store)
    assert _Face(FACES[0], networks).found.glasses is not None
    assert sorted(networks.asked) == sorted([LITE0, SFACE])


def test_every_estimator_fills_its_own_field() -> None:
    fields = [estimator.field for estimator in ESTIMATORS.values()]
    assert len(set(fields)) == len(fields)
    assert set(fields) == set(Attributes.__dataclass_fields__)


def test_every_declared_attribute_has_an_estimator() -> None:
    assert set(ESTIMATORS) == set(DECLARED)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("photo", "eye", "lip"),
    [
        ("faces/fairface/fairface_000224.jpg", True, True),
        ("faces/fairface/fairface_000324.jpg", True, True),
        ("faces/fairface/fairface_000342.jpg", False, False),
        ("faces/fairface/fairface_000239.jpg", False, False),
    ],
)
def test_makeup_of_plain_and_made_up_women(store: ModelStore, photo: str, *, eye: bool, lip: bool) -> None:
    (face,) = (
        FaceEngine(store)
        .analyze(shared_path(photo).read_bytes(), Want(attributes=frozenset({Attribute.MAKEUP}), max_faces=1))
        .faces
    )
    assert face.attributes.makeup == Makeup(eye, lip)
