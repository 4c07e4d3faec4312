"""Chains of convolutions in 8-bit integers, against the same chain in floats."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper
from tests.examples import examples

from mien.models.convert import static_int8
from mien.models.convert.chain import Chain, Layer, read_chain
from mien.models.convert.static_int8 import LEVELS, Steps, convert, quantised, read_ranges, rescaled, to_seven_bits
from mien.models.manifest_files import builtin_manifests
from mien.vision.attributes.context import SFACE_MAPS

RANGES = resources.files("mien.models.convert") / "ranges" / "sface.npz"


def network(slope: float = 0.9) -> ModelProto:
    """A chain of a convolution, a depthwise and a pointwise one, and a last layer, as SFace's are."""
    rng = np.random.default_rng(3)
    nodes, constants = [], {"mean": np.array([127.5]), "scale": np.array([1 / 128])}
    nodes += [helper.make_node("Sub", ["data", "mean"], ["a"]), helper.make_node("Mul", ["a", "scale"], ["b"])]
    tensor = "b"
    for name, shape, stride, groups in (
        ("one", (8, 3, 3, 3), 1, 1),
        ("two", (8, 1, 3, 3), 2, 8),
        ("three", (16, 8, 1, 1), 1, 1),
    ):
        constants[f"{name}/w"] = rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
        constants |= normalisation(rng, name, shape[0])
        constants[f"{name}/slopes"] = rng.uniform(-0.4, slope, (shape[0], 1, 1))
        pad = shape[2] // 2
        settings_ = {"strides": [stride] * 2, "pads": [pad] * 4, "group": groups, "kernel_shape": list(shape[2:])}
        nodes += [
            helper.make_node("Conv", [tensor, f"{name}/w"], [f"{name}/c"], **settings_),
            normalised(name, f"{name}/c", f"{name}/n"),
            helper.make_node("PRelu", [f"{name}/n", f"{name}/slopes"], [name]),
        ]
        tensor = name
    constants |= normalisation(rng, "before", 16) | normalisation(rng, "after", 4)
    constants |= {"w": rng.normal(size=(4, 16 * 36)) / 24, "bias": rng.normal(size=4)}
    nodes += [
        normalised("before", tensor, "d"),
        helper.make_node("Flatten", ["d"], ["e"]),
        helper.make_node("Gemm", ["e", "w", "bias"], ["f"], transB=1),
        normalised("after", "f", "vector"),
    ]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["batch", 3, 12, 12])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def normalisation(rng: np.random.Generator, name: str, channels: int) -> dict[str, np.ndarray]:
    drawn = {"gamma": (0.5, 1.5), "beta": (-0.5, 0.5), "mean": (-0.3, 0.3), "var": (0.5, 2)}
    return {f"{name}/{what}": rng.uniform(*limits, channels) for what, limits in drawn.items()}


def normalised(name: str, tensor: str, output: str) -> onnx.NodeProto:
    inputs = [tensor, *(f"{name}/{what}" for what in ("gamma", "beta", "mean", "var"))]
    return helper.make_node("BatchNormalization", inputs, [output], epsilon=1e-3)


def run(model: ModelProto, images: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"data": images})[0])


def images(count: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, 3, 12, 12)).astype(np.float32)


def steps(model: ModelProto, chain: Chain) -> list[Steps]:
    """Scales that cover all values of some images, with a factor for each channel."""
    probed = ModelProto()
    probed.CopyFrom(model)
    wanted = [node.input[0] for node in model.graph.node if node.op_type == "PRelu"]
    probed.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in wanted)
    session = ort.InferenceSession(probed.SerializeToString(), providers=["CPUExecutionProvider"])
    found = []
    for layer, values in zip(chain.layers, session.run(wanted, {"data": images(40)}), strict=True):
        x = np.moveaxis(values, 1, 0).reshape(len(layer.bias), -1).astype(np.float64)
        factors = np.abs(x).max(axis=1)
        x /= factors[:, None]
        y = np.where(x > 0, x, layer.slopes[:, None] * x)
        scale = float(x.max() - x.min()) / LEVELS
        added = float(((layer.slopes - 1)[:, None] * np.minimum(x, 0)).max()) / LEVELS
        found.append(
            Steps(factors, scale, round(-x.min() / scale), round(min(max(0, -y.min() / scale), LEVELS)), added)
        )
    return found


def test_a_chain_in_bytes_gives_nearly_what_it_gives_in_floats() -> None:
    model = network()
    chain = read_chain(model)
    small = quantised(chain, steps(model, chain), "data", "vector")
    kinds = [node.op_type for node in small.graph.node]
    assert (kinds.count("QLinearConv"), kinds.count("QGemm"), kinds.count("PRelu")) == (4, 1, 0)
    seen = images(16)
    exact, rounded = run(model, seen), run(small, seen)
    error = np.sqrt(np.square(rounded - exact).mean(axis=0))
    assert (error / exact.std(axis=0)).max() < 0.2  # a coarser step than 8 bits, or a wrong factor, is far above
    np.testing.assert_allclose(run(small, seen[3:5]), rounded[3:5], atol=1e-5)  # alone and among others


def test_the_chain_is_read_with_its_normalisations() -> None:
    model = network()
    chain = read_chain(model)
    kept = quantised(chain, steps(model, chain)[-1:], "data", "vector")  # all layers in floats but the last of all
    seen = images(4)
    np.testing.assert_allclose(run(kept, seen), run(model, seen), atol=0.05)


@pytest.mark.parametrize("strips", [2, 5, 6])
def test_layers_in_floats_give_the_same_numbers_strip_by_strip(strips: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    chain = read_chain(model)
    seen = images(3)
    for bytes_from in (1, 2):  # one layer in floats, then two, of which the second takes every other row
        monkeypatch.setattr(static_int8, "_STRIPS", 1)
        whole = run(quantised(chain, steps(model, chain)[bytes_from - 1 :], "data", "vector"), seen)
        monkeypatch.setattr(static_int8, "_STRIPS", strips)
        divided = quantised(chain, steps(model, chain)[bytes_from - 1 :], "data", "vector")
        assert [node.op_type for node in divided.graph.node].count("Slice") == strips
        np.testing.assert_array_equal(run(divided, seen), whole)


def test_inner_layers_in_bytes_are_given_in_the_units_of_the_source() -> None:
    model = network()
    chain = read_chain(model)
    small = quantised(chain, steps(model, chain), "data", "vector", ("two", "three"))
    onnx.checker.check_model(small)
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in ("two", "three"))
    seen = {"data": images(4)}
    exact, rounded = (
        ort.InferenceSession(one.SerializeToString(), providers=["CPUExecutionProvider"]).run(["two", "three"], seen)
        for one in (model, small)
    )
    for before, after in zip(exact, rounded, strict=True):
        assert before.shape == after.shape
        assert np.sqrt(np.square(after - before).mean()) / before.std() < 0.1
    with pytest.raises(ValueError, match="no layers in bytes called one"):
        quantised(chain, steps(model, chain)[1:], "data", "vector", ("one",))


@given(st.lists(st.floats(0.05, 20), min_size=16, max_size=16))
@examples(20)
def test_factors_of_channels_change_nothing_in_exact_arithmetic(factors: list[float]) -> None:
    chain = read_chain(network())
    inner, outer = chain.layers[1], chain.layers[2]
    by = np.array(factors[:8])
    x = np.random.default_rng(1).normal(size=8)

    def through(first: Layer, second: Layer) -> np.ndarray:
        middle = first.weights[:, 0, 1, 1] * x + first.bias
        middle = np.where(middle > 0, middle, first.slopes * middle)
        return np.asarray(second.weights[:, :, 0, 0] @ middle + second.bias)

    ones = np.ones(8)
    changed = through(rescaled(inner, ones, by), rescaled(outer, by, np.ones(16)))
    np.testing.assert_allclose(changed, through(inner, outer), rtol=1e-9, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
@examples(30)
def test_no_two_products_with_bytes_overflow_sixteen_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(6, 9)) * rng.lognormal(0, 3, (6, 1))
    small, scales = to_seven_bits(weights)
    assert 2 * 255 * int(np.abs(small.astype(int)).max()) <= np.iinfo(np.int16).max
    assert np.abs(small * scales[:, None] - weights).max(axis=1).tolist() <= (0.31 * np.abs(weights).max(1)).tolist()


def test_a_slope_above_one_is_refused() -> None:
    model = network(slope=3)
    chain = read_chain(model)
    with pytest.raises(ValueError, match="slope above 1"):
        quantised(chain, steps(model, chain), "data", "vector")


def test_what_is_no_chain_is_refused() -> None:
    model = network()
    model.graph.node[3].input[0] = "b"
    with pytest.raises(ValueError, match="branches"):
        read_chain(model)
    del model.graph.node[2]
    with pytest.raises(ValueError, match="not a chain"):
        read_chain(model)


def test_other_ranges_than_the_manifest_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ranges"):
        convert(tmp_path / "any", tmp_path / "out", ranges="sface", sha256="0" * 64)


def test_the_ranges_are_whole() -> None:
    options = builtin_manifests()["sface-int8"].network.convert
    assert options is not None
    assert options.method == static_int8.__name__.rpartition(".")[2]
    assert options.options == {
        "ranges": "sface",
        "sha256": hashlib.sha256(RANGES.read_bytes()).hexdigest(),
        "extra_outputs": list(SFACE_MAPS),
    }
    found = read_ranges("sface")
    assert [len(step.factors) for step in found] == [128] * 4 + [256] * 4 + [512] * 12 + [1024] * 3
    for step in found:
        assert step.factors.min() > 0
        assert step.scale > 0
        assert 0 <= step.zero_after <= step.zero <= LEVELS
