"""Joins YuNet's twelve heads, four for each of three strides, into three output arrays.

The heads of a stride each have a 1×1 convolution of the same 64 channels and a depthwise 3×3 convolution, with 1, 1, 4
and 10 channels. Together they have 16 channels, one block of ONNX Runtime's blocked layout: a quarter of the
operations, none of them in the slow kernels for odd channel counts. A search takes .85 (128×128 pixels) to .91
(640×480) of the time of separate heads, with the same scores and boxes; points differ by 1e-6 of a cell. After
refinement, the points of 150 LFW faces differ by 3e-5 pixels in the median and 1.1 at most; the templates' cosine with
those of separate heads is .9997 in the median and at least .995. Fetching three arrays rather than twelve saves another
.05 ms.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from mien.models.convert import block_quantised

_STRIDES: Final = (8, 16, 32)
_HEADS: Final = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""Channels of each head, in the order of the joined head."""
_WIDTH: Final = sum(_HEADS.values())


def convert(source: Path, target: Path) -> None:
    """Write `source`, YuNet 2023mar in int8 blocks, to `target` in float32 with dynamic height and width.

    The outputs are, for all cells of all strides, row by row, finest stride first: `scores` (1, n), the square root of
    class times objectness; `boxes` (1, n, 4) and `points` (1, n, 10), undecoded.

    Raises:
        ValueError: if a quantised tensor is not a constant of the file, or the heads are not those of YuNet.
    """
    block_quantised.convert(source, target, dynamic_axes=("height", "width"))
    model = onnx.load(str(target))
    join_heads(model)
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString(deterministic=True))


def join_heads(model: ModelProto) -> None:
    """Replace the outputs `cls_8` … `kps_32` and their heads with the joined ones.

    Raises:
        ValueError: if an output is not a head of two convolutions.
    """
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made = {name: node for node in graph.node for name in node.output}
    nodes: list[NodeProto] = []
    for stride in _STRIDES:
        heads = [_head(made, f"{name}_{stride}") for name in _HEADS]
        if len({point.input[0] for point, _ in heads}) != 1:
            message = f"the heads of stride {stride} do not look at the same features"
            raise ValueError(message)
        stem = f"heads_{stride}"
        for part, which, index in (
            ("features", 0, 1), ("features_bias", 0, 2), ("around", 1, 1), ("around_bias", 1, 2),
        ):  # fmt: skip
            joined: NDArray[np.float32] = np.concatenate([constants[head[which].input[index]] for head in heads])
            graph.initializer.append(numpy_helper.from_array(joined, f"{stem}/{part}"))
        shared = heads[0][0].input[0]
        nodes += [
            helper.make_node(
                "Conv", [shared, f"{stem}/features", f"{stem}/features_bias"], [f"{stem}/seen"], kernel_shape=[1, 1]
            ),
            helper.make_node(
                "Conv",
                [f"{stem}/seen", f"{stem}/around", f"{stem}/around_bias"],
                [f"{stem}/answers"],
                kernel_shape=[3, 3],
                pads=[1] * 4,
                group=_WIDTH,
            ),
            helper.make_node("Reshape", [f"{stem}/answers", "in_a_row"], [stem]),
        ]
    graph.initializer.extend(
        [
            helper.make_tensor("in_a_row", TensorProto.INT64, [3], [1, _WIDTH, -1]),
            helper.make_tensor("head_widths", TensorProto.INT64, [len(_HEADS)], list(_HEADS.values())),
            helper.make_tensor("channel_axis", TensorProto.INT64, [1], [1]),
        ]
    )
    nodes += [
        helper.make_node("Concat", [f"heads_{stride}" for stride in _STRIDES], ["heads"], axis=2),
        helper.make_node("Split", ["heads", "head_widths"], ["class", "object", "box", "point"], axis=1),
        helper.make_node("Sigmoid", ["class"], ["classes"]),
        helper.make_node("Sigmoid", ["object"], ["objects"]),
        helper.make_node("Mul", ["classes", "objects"], ["products"]),
        helper.make_node("Sqrt", ["products"], ["roots"]),
        helper.make_node("Squeeze", ["roots", "channel_axis"], ["scores"]),
        helper.make_node("Transpose", ["box"], ["boxes"], perm=[0, 2, 1]),
        helper.make_node("Transpose", ["point"], ["points"], perm=[0, 2, 1]),
    ]
    graph.node.extend(nodes)
    del graph.output[:]
    graph.output.extend(
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, "cells"]),
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, "cells", 4]),
            helper.make_tensor_value_info("points", TensorProto.FLOAT, [1, "cells", 10]),
        ]
    )
    _drop_unused(model)


def _head(made: dict[str, NodeProto], output: str) -> tuple[NodeProto, NodeProto]:
    """Return the 1×1 and the 3×3 convolution of an output."""
    node = made[output]
    while node.op_type in ("Sigmoid", "Reshape", "Transpose"):
        node = made[node.input[0]]
    before = made.get(node.input[0])
    if node.op_type != "Conv" or before is None or before.op_type != "Conv":
        message = f"{output} does not come from two convolutions"
        raise ValueError(message)
    return before, node


def _drop_unused(model: ModelProto) -> None:
    """Remove the nodes and constants that no output needs."""
    graph = model.graph
    needed = {output.name for output in graph.output}
    kept: list[NodeProto] = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(constants)
