"""The joined heads hold what the twelve outputs held."""

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from mien.models.convert.yunet import join_heads

WIDTHS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
STRIDES = (8, 16, 32)
CHANNELS = 6


def separate() -> ModelProto:
    """Features of three strides, and on each four heads as YuNet has them."""
    rng = np.random.default_rng(1)
    nodes, constants, outputs = [], [], []

    def constant(name: str, *shape: int) -> str:
        constants.append(numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name))
        return name

    for kind, width in WIDTHS.items():
        constants.append(numpy_helper.from_array(np.array([1, -1, width], np.int64), f"{kind}_shape"))
        for stride in STRIDES:
            name = f"{kind}_{stride}"
            weights = [constant(f"{name}/1", width, CHANNELS, 1, 1), constant(f"{name}/1b", width)]
            around = [constant(f"{name}/3", width, 1, 3, 3), constant(f"{name}/3b", width)]
            nodes += [
                helper.make_node("Conv", [f"features_{stride}", *weights], [f"{name}/a"], kernel_shape=[1, 1]),
                helper.make_node(
                    "Conv", [f"{name}/a", *around], [f"{name}/b"], kernel_shape=[3, 3], pads=[1] * 4, group=width
                ),
                helper.make_node("Transpose", [f"{name}/b"], [f"{name}/c"], perm=[0, 2, 3, 1]),
            ]
            if width == 1:
                nodes += [
                    helper.make_node("Reshape", [f"{name}/c", f"{kind}_shape"], [f"{name}/d"]),
                    helper.make_node("Sigmoid", [f"{name}/d"], [name]),
                ]
            else:
                nodes += [helper.make_node("Reshape", [f"{name}/c", f"{kind}_shape"], [name])]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, width]))
    inputs = [
        helper.make_tensor_value_info(f"features_{stride}", TensorProto.FLOAT, [1, CHANNELS, None, None])
        for stride in STRIDES
    ]
    graph = helper.make_graph(nodes, "heads", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def session(model: ModelProto) -> ort.InferenceSession:
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def test_joined_heads_are_the_strides_one_after_the_other() -> None:
    model = separate()
    rng = np.random.default_rng(2)
    features = {
        f"features_{stride}": rng.normal(size=(1, CHANNELS, 96 // stride, 64 // stride)).astype(np.float32)
        for stride in STRIDES
    }
    names = [f"{kind}_{stride}" for kind in WIDTHS for stride in STRIDES]
    apart = dict(zip(names, session(model).run(names, features), strict=True))
    join_heads(model)
    scores, boxes, points = session(model).run(["scores", "boxes", "points"], features)

    def joined(kind: str) -> np.ndarray:
        return np.concatenate([apart[f"{kind}_{stride}"] for stride in STRIDES], axis=1)

    assert np.allclose(scores, np.sqrt(joined("cls") * joined("obj"))[:, :, 0], atol=1e-5)
    assert np.allclose(boxes, joined("bbox"), atol=1e-5)
    assert np.allclose(points, joined("kps"), atol=1e-5)


def test_the_separate_heads_are_gone() -> None:
    model = separate()
    join_heads(model)
    assert sum(node.op_type == "Conv" for node in model.graph.node) == 2 * len(STRIDES)
    used = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= used


def test_a_head_that_is_something_else_is_refused() -> None:
    model = separate()
    next(node for node in model.graph.node if node.output[0] == "kps_16/a").op_type = "Relu"
    with pytest.raises(ValueError, match="kps_16 does not come from two convolutions"):
        join_heads(model)


def test_heads_that_look_at_different_features_are_refused() -> None:
    model = separate()
    next(node for node in model.graph.node if node.output[0] == "obj_32/a").input[0] = "features_16"
    with pytest.raises(ValueError, match="stride 32 do not look at the same features"):
        join_heads(model)
