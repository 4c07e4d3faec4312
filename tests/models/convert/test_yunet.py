"""The joined heads hold what the twelve outputs held."""

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from mien.models.convert.yunet import join_heads

WIDTHS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
CELLS = {8: 16, 16: 4, 32: 1}
"""Cells of each stride in an input of 32×32."""


def test_joined_heads_are_the_strides_one_after_the_other() -> None:
    heads = [(f"{kind}_{stride}", width, CELLS[stride]) for kind, width in WIDTHS.items() for stride in CELLS]
    nodes = [helper.make_node("Identity", [f"in_{name}"], [name]) for name, _, _ in heads]
    inputs = [helper.make_tensor_value_info(f"in_{name}", TensorProto.FLOAT, [1, n, w]) for name, w, n in heads]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, n, w]) for name, w, n in heads]
    model = helper.make_model(
        helper.make_graph(nodes, "heads", inputs, outputs), opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    join_heads(model)
    rng = np.random.default_rng(1)
    given = {name: rng.random((1, n, w)).astype(np.float32) for name, w, n in heads}

    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    scores, boxes, points = session.run(
        ["scores", "boxes", "points"], {f"in_{name}": value for name, value in given.items()}
    )

    def joined(kind: str) -> np.ndarray:
        return np.concatenate([given[f"{kind}_{stride}"] for stride in CELLS], axis=1)

    assert np.allclose(scores, np.sqrt(joined("cls") * joined("obj"))[:, :, 0], atol=1e-6)
    assert np.array_equal(boxes, joined("bbox"))
    assert np.array_equal(points, joined("kps"))
