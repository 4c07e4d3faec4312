"""Pooling against direct means, and heads through a file and back."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from mien.vision.attributes.context import FaceContext
from mien.vision.attributes.heads import Head, RegionPool, read_head


def _box(*sides: float) -> Any:
    return np.array([sides], np.float32)


def test_a_region_that_follows_cells_is_their_mean() -> None:
    feature_map = np.random.default_rng(1).normal(size=(5, 8, 4)).astype(np.float32)
    pooled = RegionPool("sface/x", _box(0.25, 0.5, 1, 0.75)).pool(feature_map)
    np.testing.assert_allclose(pooled, feature_map[:, 4:6, 1:4].mean(axis=(1, 2)), atol=1e-6)


def test_cells_that_a_region_cuts_count_by_their_part() -> None:
    feature_map = np.array([[[1, 2, 4, 8]]], np.float32)
    pooled = RegionPool("sface/x", _box(0.125, 0, 0.5, 1)).pool(feature_map)
    np.testing.assert_allclose(pooled, [(0.5 * 1 + 2) / 1.5])


class _Maps:
    """A context that has its maps already."""

    def __init__(self, **maps: Any) -> None:
        self.maps = maps

    def feature_map(self, name: str) -> Any:
        return self.maps[name.replace("/", "_")]


def _head(link: str) -> Head:
    rng = np.random.default_rng(2)
    return Head(
        name="drawn",
        classes=("a", "b", "c"),
        link=cast("Any", link),
        pools=(RegionPool("sface/x", _box(0, 0, 1, 0.5)), RegionPool("lite0/y", _box(0, 0, 1, 1))),
        vectors=(("shape", 2),),
        weights=rng.normal(size=(3, 4 + 3 + 2)).astype(np.float32),
        bias=rng.normal(size=3).astype(np.float32),
        thresholds={"present": 0.25},
        card={"method": "drawn"},
    )


@pytest.mark.parametrize("link", ["logistic", "softmax", "identity"])
def test_a_saved_head_says_the_same(tmp_path: Path, link: str) -> None:
    head = _head(link)
    head.save(tmp_path / "one.npz")
    head.save(tmp_path / "two.npz")
    data = (tmp_path / "one.npz").read_bytes()
    assert data == (tmp_path / "two.npz").read_bytes()
    rng = np.random.default_rng(4)
    maps = {"sface_x": rng.normal(size=(4, 6, 6)), "lite0_y": rng.normal(size=(3, 2, 2))}
    context = cast("FaceContext", _Maps(**{name: array.astype(np.float32) for name, array in maps.items()}))
    shape = np.array([0.5, -1], np.float32)
    read = read_head("drawn", data)
    values = read(context, shape=shape)
    np.testing.assert_array_equal(values, head(context, shape=shape))
    assert read.thresholds == {"present": 0.25}
    assert read.card == {"method": "drawn"}

    features = np.concatenate([maps["sface_x"][:, :3].mean(axis=(1, 2)), maps["lite0_y"].mean(axis=(1, 2)), shape])
    sums = head.weights @ features + head.bias
    expected = {"logistic": 1 / (1 + np.exp(-sums)), "softmax": np.exp(sums) / np.exp(sums).sum(), "identity": sums}
    np.testing.assert_allclose(values, expected[link], atol=1e-5)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    head = _head("logistic")
    object.__setattr__(head, "bias", np.zeros(2, np.float32))
    head.save(tmp_path / "bad.npz")
    with pytest.raises(ValueError, match="do not fit"):
        read_head("bad", (tmp_path / "bad.npz").read_bytes())
