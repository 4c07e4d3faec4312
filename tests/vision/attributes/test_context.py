"""Work is done when it is first asked for, and once."""

from typing import Any

import numpy as np
import pytest

from mien.contract.attributes import Attribute
from mien.vision.attributes import registry
from mien.vision.attributes.context import LITE0, LITE0_MAPS, LOOSE_TEMPLATE, SFACE, SFACE_MAPS, FaceContext
from mien.vision.errors import UnsupportedAttributeError


class _Network:
    """Counts its runs and gives maps that hold the mean of what they were given."""

    def __init__(self) -> None:
        self.inputs: list[Any] = []

    def run(self, image: Any, outputs: tuple[str, ...]) -> list[Any]:
        self.inputs.append(image)
        return [np.full((1, 2, 4, 4), image.mean(), np.float32) for _ in outputs]


@pytest.fixture
def networks() -> dict[str, _Network]:
    return {SFACE: _Network(), LITE0: _Network()}


def _context(networks: Any, pixels: Any = None, points: Any = LOOSE_TEMPLATE) -> FaceContext:
    def no_mesh(*_: Any) -> Any:
        raise AssertionError("the mesh was not asked for")

    pixels = np.full((224, 224, 3), 90, np.uint8) if pixels is None else pixels
    return FaceContext(pixels, points, (80, 70, 64, 90), networks.__getitem__, no_mesh)


def test_a_new_context_has_done_nothing(networks: dict[str, _Network]) -> None:
    context = _context(networks)
    assert context.crop.shape == (112, 112, 3)
    assert context.loose_crop.shape == (224, 224, 3)
    assert not any(network.inputs for network in networks.values())


def test_each_network_runs_once_for_all_its_maps(networks: dict[str, _Network]) -> None:
    context = _context(networks)
    for name in SFACE_MAPS:
        assert context.feature_map(f"sface/{name}").shape == (2, 4, 4)
    assert context.sface["fc1"] is not None
    assert len(networks[SFACE].inputs) == 1
    assert not networks["lite0"].inputs
    for name in LITE0_MAPS:
        context.feature_map(f"lite0/{name}")
    assert len(networks["lite0"].inputs) == 1


def test_the_small_crop_shows_the_same_in_fewer_pixels(networks: dict[str, _Network]) -> None:
    columns = np.tile(np.arange(224, dtype=np.uint8)[None, :, None], (224, 1, 3))
    context = _context(networks, columns)
    assert set(context.lite0_small) == set(LITE0_MAPS)
    assert context.feature_map("lite0-small/stage3").shape == (2, 4, 4)
    (image,) = networks["lite0"].inputs
    assert image.shape == (1, 3, 128, 128)
    np.testing.assert_allclose(image[0, 0, 64, 8:120], np.arange(8, 120) * 224 / 128, atol=2)


def test_networks_see_red_green_blue(networks: dict[str, _Network]) -> None:
    pixels = np.zeros((224, 224, 3), np.uint8)
    pixels[:] = (10, 20, 200)
    context = _context(networks, pixels)
    _ = context.lite0
    (image,) = networks["lite0"].inputs
    assert image.shape == (1, 3, 224, 224)
    assert image[0, :, 100, 100].tolist() == [200, 20, 10]


def test_the_loose_crop_of_an_upright_face_at_its_scale_is_the_image(networks: dict[str, _Network]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (224, 224, 3), np.uint8)
    difference = _context(networks, pixels).loose_crop[1:-1, 1:-1].astype(int) - pixels[1:-1, 1:-1]
    assert np.abs(difference).max() <= 1


def test_unknown_maps_are_an_error(networks: dict[str, _Network]) -> None:
    with pytest.raises(KeyError):
        _context(networks).feature_map("vgg/fc7")


def test_what_cannot_be_estimated_is_refused_before_any_work(
    networks: dict[str, _Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "ESTIMATORS", {})
    with pytest.raises(UnsupportedAttributeError, match="makeup: no estimator"):
        registry.estimate_attributes(_context(networks), [Attribute.MAKEUP])
    with pytest.raises(UnsupportedAttributeError, match="no estimator"):
        registry.packs_for([Attribute.AGE])


def test_only_what_was_asked_for_is_estimated(networks: dict[str, _Network], monkeypatch: pytest.MonkeyPatch) -> None:
    def age(context: FaceContext) -> float:
        return float(context.pixels.mean())

    def smile(context: FaceContext) -> float:
        return float(context.lite0["stage3"].mean())

    estimators = {
        Attribute.AGE: registry.Estimator("age", age),
        Attribute.SMILE: registry.Estimator("smile", smile, frozenset({"lite0"})),
    }
    monkeypatch.setattr(registry, "ESTIMATORS", estimators)
    attributes = registry.estimate_attributes(_context(networks), {Attribute.AGE})
    assert attributes.age == 90
    assert attributes.smile is None
    assert not networks["lite0"].inputs
    assert registry.packs_for({Attribute.AGE, Attribute.SMILE}) == {"lite0"}


@pytest.mark.parametrize("attribute", [Attribute.BLUR, Attribute.EXPOSURE, Attribute.NOISE])
def test_what_pixels_tell_runs_no_network(networks: dict[str, _Network], attribute: Attribute) -> None:
    context = _context(networks, np.random.default_rng(0).integers(0, 255, (224, 224, 3), np.uint8))
    attributes = registry.estimate_attributes(context, {attribute})
    assert getattr(attributes, attribute.value) is not None
    assert not any(network.inputs for network in networks.values())
    assert registry.packs_for({attribute}) == frozenset()
