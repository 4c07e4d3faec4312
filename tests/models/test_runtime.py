"""Networks on one core and on two."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mien.models import runtime
from mien.models.runtime import Network, _Twin

X = np.random.default_rng(6).normal(size=(300, 256)).astype(np.float32)


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A network that multiplies with a matrix."""
    weights = np.random.default_rng(5).normal(size=(256, 64)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["y"]), helper.make_node("Relu", ["y"], ["z"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 256])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 64]) for name in ("y", "z")],
        [numpy_helper.from_array(weights, "weights")],
    )
    path = tmp_path / "product.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(path))
    return path


def test_two_cores_give_the_numbers_of_one(product: Path) -> None:
    network = Network(product)
    alone = network.run(X)
    assert np.allclose(alone[0], X @ numpy_helper.to_array(onnx.load(str(product)).graph.initializer[0]), atol=1e-3)
    network.widen()
    for wide in [True] * 12 + [False]:  # both sessions have their turns
        assert all(np.array_equal(one, two) for one, two in zip(alone, network.run(X, wide=wide), strict=True))
    assert np.array_equal(network.run(X, outputs=["z"], wide=True)[0], alone[1])


def test_networks_that_were_not_widened_use_one_core(product: Path) -> None:
    network = Network(product)
    assert all(np.array_equal(one, two) for one, two in zip(network.run(X), network.run(X, wide=True), strict=True))


class _Clock:
    """A clock that sessions move on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class _Session:
    """A session whose calls take a known time."""

    def __init__(self, clock: _Clock, seconds: Iterator[float]) -> None:
        self.clock, self.seconds, self.calls = clock, seconds, 0

    def __call__(self, _outputs: object, _feeds: object, _options: None) -> list[Any]:
        self.calls += 1
        self.clock.now += next(self.seconds)
        return []


def _always(seconds: float) -> Iterator[float]:
    while True:
        yield seconds


def _first(slow: float, then: float) -> Iterator[float]:
    yield slow
    yield from _always(then)


@pytest.mark.parametrize(
    ("one", "two", "wide_share"),
    [
        (_always(7.0), _always(4.0), (0.85, 1.0)),
        (_always(7.0), _always(9.0), (0.0, 0.15)),
        (_always(7.0), _always(6.8), (0.0, 0.15)),  # a gain that is not worth a core
        (_first(50.0, 7.0), _first(90.0, 9.0), (0.0, 0.15)),  # first calls are slow
    ],
)
def test_the_faster_way_is_used(
    monkeypatch: pytest.MonkeyPatch, one: Iterator[float], two: Iterator[float], wide_share: tuple[float, float]
) -> None:
    clock = _Clock()
    monkeypatch.setattr(runtime, "perf_counter", clock)
    narrow, wide = _Session(clock, one), _Session(clock, two)
    twin = _Twin(wide)
    for _ in range(200):
        twin.run(narrow, ["y"], {"x": X})
    assert narrow.calls + wide.calls == 200
    assert wide_share[0] <= wide.calls / 200 <= wide_share[1]


def test_a_second_core_that_others_want_now_and_then_is_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock()
    monkeypatch.setattr(runtime, "perf_counter", clock)

    def two() -> Iterator[float]:
        while True:
            yield from (4.0, 4.0, 25.0)

    narrow, wide = _Session(clock, _always(7.0)), _Session(clock, two())
    twin = _Twin(wide)
    for _ in range(500):
        twin.run(narrow, ["y"], {"x": X})
    assert wide.calls < 125
    assert clock.now < 1.1 * 7.0 * 500


def test_a_machine_that_changes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock()
    monkeypatch.setattr(runtime, "perf_counter", clock)

    def two() -> Iterator[float]:
        yield from (4.0 for _ in range(100))
        yield from (9.0 for _ in range(20))
        yield from _always(4.0)

    narrow, wide = _Session(clock, _always(7.0)), _Session(clock, two())
    twin = _Twin(wide)
    for _ in range(100):
        twin.run(narrow, ["y"], {"x": X})
    assert wide.calls > 85
    before = wide.calls
    for _ in range(100):
        twin.run(narrow, ["y"], {"x": X})
    assert wide.calls - before < 30
    for _ in range(700):  # only every 25th call finds out
        twin.run(narrow, ["y"], {"x": X})
    before = wide.calls
    for _ in range(100):
        twin.run(narrow, ["y"], {"x": X})
    assert wide.calls - before > 85
