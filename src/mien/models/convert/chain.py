"""Networks that are a chain of convolutions, each with normalisation and parametric ReLU, and a fully connected layer.

SFace is one. With the normalisations folded into the weights, a chain can be rewritten in other arithmetic
(`static_int8`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution with its parametric ReLU: y = x for x > 0, else slope · x.

    Attributes:
        name: name of its output in the network.
        weights: (outputs, inputs per group, height, width).
        bias: (outputs,).
        slopes: (outputs,).
        stride: stride of the convolution, the same in both directions.
        pad: zero padding in pixels, the same on all sides.
        groups: 1, or the number of outputs for a depthwise convolution.
    """

    name: str
    weights: Float64
    bias: Float64
    slopes: Float64
    stride: int
    pad: int
    groups: int


@dataclass(frozen=True, slots=True)
class Chain:
    """The whole network: (pixels - mean) · scale, the layers in order, then a fully connected layer.

    Attributes:
        mean: subtracted from the pixels.
        scale: factor after the subtraction.
        layers: at least one layer.
        last_weights: (outputs, channels, positions) on the last layer's output.
        last_bias: (outputs,).
    """

    mean: float
    scale: float
    layers: tuple[Layer, ...]
    last_weights: Float64
    last_bias: Float64


def read_chain(model: ModelProto) -> Chain:
    """Read a float32 network whose parametric ReLUs have not been rewritten.

    Raises:
        ValueError: if it is not such a chain.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type != "Constant"]
    kinds = [node.op_type for node in nodes]
    body = (len(nodes) - 6) // 3
    expected = ["Sub", "Mul", *["Conv", "BatchNormalization", "PRelu"] * body]
    if kinds != [*expected, "BatchNormalization", "Flatten", "Gemm", "BatchNormalization"] or body < 1:
        message = f"the network is not a chain of convolutions: {' '.join(kinds[:8])} …"
        raise ValueError(message)
    if any(before.output[0] != after.input[0] for before, after in pairwise(nodes)):
        message = "the network branches"
        raise ValueError(message)
    layers = tuple(_layer(nodes[at], nodes[at + 1], nodes[at + 2], constants) for at in range(2, 2 + 3 * body, 3))
    before, _, gemm, after = nodes[-4:]
    factor, shift = _affine(before, constants)
    weights = constants[gemm.input[1]]
    weights = weights.reshape(len(weights), len(factor), -1)
    bias = constants[gemm.input[2]] + np.einsum("ocp,c->o", weights, shift)
    weights = weights * factor[None, :, None]
    factor, shift = _affine(after, constants)
    return Chain(
        float(constants[nodes[0].input[1]].reshape(-1)[0]),
        float(constants[nodes[1].input[1]].reshape(-1)[0]),
        layers,
        weights * factor[:, None, None],
        bias * factor + shift,
    )


def _layer(convolution: NodeProto, normalisation: NodeProto, relu: NodeProto, constants: dict[str, Float64]) -> Layer:
    settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in convolution.attribute}
    factor, shift = _affine(normalisation, constants)
    weights = constants[convolution.input[1]]
    bias = constants[convolution.input[2]] if len(convolution.input) > 2 else np.zeros(len(weights))
    strides, pads = set(settings["strides"]), set(settings["pads"])
    if len(strides) > 1 or len(pads) > 1:
        message = f"{relu.output[0]} has sides of different stride or padding"
        raise ValueError(message)
    return Layer(
        relu.output[0],
        weights * factor[:, None, None, None],
        bias * factor + shift,
        constants[relu.input[1]].reshape(-1),
        int(strides.pop()),
        int(pads.pop()),
        int(settings["group"]),
    )


def _affine(node: NodeProto, constants: dict[str, Float64]) -> tuple[Float64, Float64]:
    """Return the scale and offset of each channel of a normalisation."""
    gamma, beta, mean, variance = (constants[name] for name in node.input[1:5])
    epsilon = next(attribute.f for attribute in node.attribute if attribute.name == "epsilon")
    factor = gamma / np.sqrt(variance + epsilon)
    return factor, beta - mean * factor
