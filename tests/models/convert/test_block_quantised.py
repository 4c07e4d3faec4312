"""The dequantiser and the PReLU rewrite, against direct arithmetic on small made-up networks."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from mien.models.convert.block_quantised import convert, dequantise


def test_blocks_along_an_axis_have_their_own_scale() -> None:
    quantised = np.array([[1, 2, 3, 4, 5]], np.int8)
    result = dequantise(
        quantised, np.array([[0.5, 2, 10]], np.float32), np.array([[0, 1, 0]], np.int8), axis=1, block=2
    )
    np.testing.assert_allclose(result, [[0.5, 1, 4, 6, 50]])


def test_a_scalar_scale_serves_the_whole_tensor() -> None:
    result = dequantise(np.array([2, 4], np.int8), np.array(0.5, np.float32), np.array(0, np.int8), axis=0, block=0)
    np.testing.assert_allclose(result, [1, 2])


def test_a_converted_network_computes_what_the_quantised_weights_say(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    weights = rng.integers(-128, 127, (4, 27), dtype=np.int8)
    scales = rng.uniform(0.01, 0.02, (4, 3)).astype(np.float32)
    zeros = rng.integers(-3, 3, (4, 3), dtype=np.int8)
    slopes = np.array([0.1, -0.2, 0.3, 1.5], np.float32).reshape(4, 1, 1)
    constants = {"q": weights, "s": scales, "z": zeros, "shape": np.array([4, 3, 3, 3], np.int64), "slope": slopes}
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=1, block_size=9),
            helper.make_node("Reshape", ["d", "shape"], ["w"]),
            helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("PRelu", ["c", "slope"], ["y"]),
        ],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 8, 8])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    source, target = tmp_path / "quantised.onnx", tmp_path / "float.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(source))

    convert(source, target, dynamic_axes=("batch",))

    kinds = {node.op_type for node in onnx.load(str(target)).graph.node}
    assert "PRelu" not in kinds
    assert "DequantizeLinear" not in kinds
    image = rng.normal(size=(2, 3, 8, 8)).astype(np.float32)
    (result,) = ort.InferenceSession(str(target)).run(None, {"x": image})
    kernel = dequantise(weights, scales, zeros, axis=1, block=9).reshape(4, 3, 3, 3)
    padded = np.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    convolved = np.einsum("nchwij,ocij->nohw", windows, kernel)
    expected = np.where(convolved > 0, convolved, convolved * slopes[None])
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "plain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 4, 4])],
    )
    source = tmp_path / "in.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(source))
    convert(source, tmp_path / "a.onnx", dynamic_axes=("height", "width"))
    convert(source, tmp_path / "b.onnx", dynamic_axes=("height", "width"))
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_inner_tensors_can_be_asked_for(tmp_path: Path) -> None:
    source, target = tmp_path / "plain.onnx", tmp_path / "open.onnx"
    nodes = [helper.make_node("Relu", ["x"], ["inner"]), helper.make_node("Neg", ["inner"], ["y"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 2, 2]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "small", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), str(source))

    convert(source, target, dynamic_axes=("batch",), extra_outputs=("inner",))
    image = np.array([[[[-1, 2], [3, -4]]]] * 3, np.float32)
    (inner,) = ort.InferenceSession(str(target)).run(["inner"], {"x": image})
    np.testing.assert_array_equal(inner, np.maximum(image, 0))

    with pytest.raises(ValueError, match="nowhere"):
        convert(source, target, dynamic_axes=("batch",), extra_outputs=("nowhere",))
