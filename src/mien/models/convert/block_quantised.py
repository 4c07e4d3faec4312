"""Block-quantised ONNX (the OpenCV Zoo's int8bq files) to plain float32 with dynamic shapes.

ONNX Runtime does not fold `DequantizeLinear` on weights, and rejects these files' per-tensor biases, so the weights are
dequantised here. Parametric ReLUs are rewritten too, see `parametric_relu`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, numpy_helper

from mien.models.convert.parametric_relu import split_parametric_relus

Float32 = NDArray[np.float32]


def convert(source: Path, target: Path, *, dynamic_axes: tuple[str, ...], extra_outputs: tuple[str, ...] = ()) -> None:
    """Write `source` to `target` in float32, with dynamic axes of its single image input.

    Args:
        source: an ONNX file whose weights pass through `DequantizeLinear` (and a `Reshape`).
        target: the file to write.
        dynamic_axes: any of "batch", "height", "width".
        extra_outputs: names of inner tensors in `source` to add as outputs. They cost nothing measurable for callers
            that do not fetch them (SFace: 8.0 ms with or without two).

    Raises:
        ValueError: if a quantised tensor is not a constant of the file, or an extra output is not in the network.
    """
    model = float_model(source)
    split_parametric_relus(model)
    _expose(model, extra_outputs)
    open_axes(model, dynamic_axes)
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString(deterministic=True))


def float_model(source: Path) -> ModelProto:
    """Read such a file with its weights in float32 and everything else unchanged.

    Raises:
        ValueError: if a quantised tensor is not a constant of the file.
    """
    model = onnx.load(str(source))
    _fold_weights(model)
    return model


def dequantise(
    quantised: NDArray[np.int8], scales: Float32, zeros: NDArray[np.int8], *, axis: int, block: int
) -> Float32:
    """Undo linear quantisation by blocks: `(q - zero) * scale`, with a scale for each `block` values along `axis`.

    Args:
        quantised: any shape.
        scales: the same shape with `axis` divided by `block` (rounded up), or a scalar or vector along `axis`.
        zeros: like `scales`.
        axis: the blocked axis.
        block: block length; 0 means that `scales` is per tensor or per axis.
    """
    if scales.ndim == quantised.ndim and scales.shape != quantised.shape:
        repeat = block or -(-quantised.shape[axis] // scales.shape[axis])
        cut = [slice(0, size) for size in quantised.shape]
        scales = np.repeat(scales, repeat, axis=axis)[tuple(cut)]
        zeros = np.repeat(zeros, repeat, axis=axis)[tuple(cut)]
    elif scales.ndim == 1 and scales.size > 1:
        shape = [1] * quantised.ndim
        shape[axis] = scales.size
        scales, zeros = scales.reshape(shape), zeros.reshape(shape)
    wide = quantised.astype(np.float32) - zeros.astype(np.float32)
    return np.asarray(wide * scales, dtype=np.float32)


def _fold_weights(model: ModelProto) -> None:
    """Replace every chain of DequantizeLinear and Reshape on constants with its float32 result."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kept: list[NodeProto] = []
    for node in graph.node:
        attributes = {attribute.name: attribute.i for attribute in node.attribute}
        if node.op_type == "DequantizeLinear":
            if any(name not in constants for name in node.input):
                message = f"{node.name or node.output[0]} dequantises something that is not a constant"
                raise ValueError(message)
            quantised, scales, zeros = (constants[name] for name in node.input)
            constants[node.output[0]] = dequantise(
                quantised, scales, zeros, axis=attributes.get("axis", 1), block=attributes.get("block_size", 0)
            )
        elif node.op_type == "Reshape" and all(name in constants for name in node.input):
            data, shape = (constants[name] for name in node.input)
            constants[node.output[0]] = data.reshape([int(size) for size in shape])
        elif node.op_type == "Dropout":
            _rename_uses(model, node.output[0], node.input[0])
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    outputs = [(name, array) for name, array in constants.items() if name in used]
    # Some of these files also declare the dequantised weights as inputs, by their name in the float model.
    inputs = [value for value in graph.input if value.name in used and value.name not in constants]
    del graph.node[:], graph.initializer[:], graph.input[:], graph.value_info[:]
    graph.node.extend(kept)
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in outputs)
    graph.input.extend(inputs)


def _rename_uses(model: ModelProto, old: str, new: str) -> None:
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new


def _expose(model: ModelProto, names: tuple[str, ...]) -> None:
    """Declare inner tensors as outputs, after the network's own outputs, in the order given."""
    if not names:
        return
    shaped = {value.name: value for value in onnx.shape_inference.infer_shapes(model).graph.value_info}
    made = {name for node in model.graph.node for name in node.output}
    for name in names:
        if name not in made or name not in shaped:
            message = f"the network has no inner tensor {name}"
            raise ValueError(message)
        model.graph.output.append(shaped[name])


def open_axes(model: ModelProto, names: tuple[str, ...]) -> None:
    """Make axes of the single image input and of the outputs dynamic, in place.

    Args:
        model: a model with one image input (n, c, h, w).
        names: any of "batch", "height", "width".
    """
    graph = model.graph
    axes = {"batch": 0, "height": 2, "width": 3}
    image = graph.input[0].type.tensor_type.shape.dim
    for name in names:
        image[axes[name]].dim_param = name
    for output in graph.output:
        for index, dimension in enumerate(output.type.tensor_type.shape.dim):
            if (index == 0 and "batch" in names) or (index > 0 and {"height", "width"} & set(names)):
                dimension.dim_param = f"{output.name}_{index}"
