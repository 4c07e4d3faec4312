"""Static 8-bit quantisation of a chain of convolutions; doubles the speed of the 1×1 convolutions, which dominate.

Activations are unsigned bytes; weights are signed bytes of which seven bits are used. So the sum of two products does
not overflow the 16 bits in which processors without VNNI add them, and all processors compute the same numbers. Scales
are static: `tools/fit_int8.py` determines them from photos, and they are stored in `ranges/` beside this module.

Channels with very different ranges cannot share one scale well. Since the parametric ReLU of s·x is s times that of x,
each channel is divided by its own factor in one layer's weights and multiplied by it in the next layer's (Nagel and
others, "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019).

The first layers stay in float32: they have many pixels and few multiplications, so integers would not be faster. They
are computed in strips of rows, from the image to the first bytes, because a whole feature map (64 channels of 112²,
3.2 MB) does not fit into a core's cache and each layer would access main memory. Strips do not change the results.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from mien.models.convert.block_quantised import float_model
from mien.models.convert.chain import Chain, Float64, Layer, read_chain
from mien.models.convert.parametric_relu import split_parametric_relus

LEVELS: Final = 255
_WEIGHT_LEVELS: Final = 63
_STRIPS: Final = 8
"""Number of strips, each 7 of SFace's 56 rows. On an Intel Xeon (2 MB of cache per core) one core then takes .83 of the
time (with 4 strips .85); with two cores there is no gain."""
_SHARES: Final = (1.0, 0.9, 0.8, 0.7)
"""Shares of the largest weight to try as an output channel's limit; clipping a few weights allows finer steps."""
_INT32: Final = np.iinfo(np.int32)
_MICROSOFT: Final = "com.microsoft"
"""Domain of ONNX Runtime's own operators, for sums and matrix products of quantised tensors."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Quantisation of one layer's values: value = (byte - zero) · scale, after division by the channel's factor.

    Attributes:
        factors: (channels,), factors of its output channels.
        scale: scale of the values before and after the parametric ReLU.
        zero: zero point before the parametric ReLU.
        zero_after: zero point after the parametric ReLU, where fewer values are negative.
        negative: scale of the term that the parametric ReLU adds to negative values.
    """

    factors: Float64
    scale: float
    zero: int
    zero_after: int
    negative: float


def convert(source: Path, target: Path, *, ranges: str, sha256: str, extra_outputs: tuple[str, ...] = ()) -> None:
    """Write a block-quantised chain (SFace) in static 8-bit integers, with a dynamic batch.

    Args:
        source: an int8bq ONNX file of the OpenCV Zoo.
        target: the file to write, with the same input and output as `source`.
        ranges: name of a file of scales in `ranges/`.
        sha256: SHA-256 of that file, so that other scales cannot pass for the same network.
        extra_outputs: names of quantised layers to output too, as float32 (n, channels, height, width) in the units of
            `source`. They cost one pass over those maps.

    Raises:
        ValueError: if the network is not such a chain, the hash of the ranges differs, or an extra output is not a
            quantised layer.
    """
    data = (resources.files("mien.models.convert") / "ranges" / f"{ranges}.npz").read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        message = f"the ranges {ranges!r} are not those that the manifest expects"
        raise ValueError(message)
    float32 = float_model(source)
    chain = read_chain(float32)
    image, output = float32.graph.input[0].name, float32.graph.output[0].name
    model = quantised(chain, read_ranges(ranges), image, output, extra_outputs)
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString(deterministic=True))


def read_ranges(name: str) -> list[Steps]:
    """Read the scales of the last layers of a chain, in order, from `ranges/`.

    The first entry is for the last float32 layer, whose output is quantised.
    """
    with resources.as_file(resources.files("mien.models.convert") / "ranges" / f"{name}.npz") as path:
        stored = np.load(path, allow_pickle=False)
        ends = np.cumsum(stored["channels"])
        return [
            Steps(factors.astype(np.float64), float(scale), int(zero), int(after), float(negative))
            for factors, scale, zero, after, negative in zip(
                np.split(stored["factors"], ends[:-1]),
                stored["scale"],
                stored["zero"],
                stored["zero_after"],
                stored["negative"],
                strict=True,
            )
        ]


def quantised(
    chain: Chain, steps: list[Steps], image: str, output: str, extra_outputs: tuple[str, ...] = ()
) -> ModelProto:
    """Quantise the last `len(steps) - 1` layers and the fully connected layer; the first layers stay in float32.

    Args:
        chain: the network.
        steps: steps of the last float32 layer and of all layers after it.
        image: name of the input, float32 (n, 3, height, width).
        output: name of the output, float32 (n, outputs).
        extra_outputs: quantised layers to output too, see `convert`.

    Raises:
        ValueError: if a quantised layer has a slope above 1, which the method does not support, or an extra output is
            not a quantised layer.
    """
    graph = _Graph()
    extra: dict[str, int] = {}
    first = len(chain.layers) - len(steps) + 1
    layers, factors = [], np.ones(chain.layers[0].weights.shape[1])
    for index, layer in enumerate(chain.layers[:first]):
        own = steps[0].factors if index == first - 1 else np.ones(len(layer.bias))
        layers.append(rescaled(layer, factors, own))
        factors = own
    tensor, bytes_of = _float_layers(graph, image, chain, layers, steps[0])
    for layer, step in zip(chain.layers[first:], steps[1:], strict=True):
        tensor, bytes_of = _byte_layer(graph, tensor, bytes_of, rescaled(layer, factors, step.factors), step)
        factors = step.factors
        if layer.name in extra_outputs:
            count = extra[layer.name] = len(step.factors)
            scales = graph.constant(f"{layer.name}/scales", (step.scale * step.factors).astype(np.float32))
            zeros = graph.constant(f"{layer.name}/zeros", np.full(count, step.zero_after, np.uint8))
            graph.add("DequantizeLinear", [tensor, scales, zeros], layer.name, axis=1)
    if missing := set(extra_outputs) - set(extra):
        message = f"the network has no layers in bytes called {', '.join(sorted(missing))}"
        raise ValueError(message)
    weights = (chain.last_weights * factors[None, :, None]).reshape(len(chain.last_bias), -1)
    graph.add("Flatten", [tensor], "flat")
    names = graph.weights("last", weights, chain.last_bias, bytes_of.step, transposed=True)
    graph.add("QGemm", ["flat", bytes_of.scale, bytes_of.zero, *names], output, domain=_MICROSOFT, transB=0)
    model = graph.model(image, (chain.layers[0].weights.shape[1], _height(chain)), output, len(chain.last_bias))
    for name in extra_outputs:
        shape = [f"{name}_0", extra[name], f"{name}_2", f"{name}_3"]
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    return model


def rescaled(layer: Layer, inputs: Float64, outputs: Float64) -> Layer:
    """Return the layer for inputs divided by `inputs` (channels,), with its outputs divided by `outputs`."""
    into = inputs[None, :, None, None] if layer.groups == 1 else inputs[:, None, None, None]
    weights = layer.weights * into / outputs[:, None, None, None]
    return Layer(
        layer.name, weights, layer.bias / outputs, layer.slopes, layer.stride, layer.pad, layer.groups
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Bytes:
    """Names of the constants of a tensor's scale and zero point, and the value of the scale."""

    scale: str
    zero: str
    step: float


class _Graph:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic] | np.generic) -> str:
        self._constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def scale(self, tensor: str, scale: float, zero: int) -> tuple[str, str]:
        """Add the constants of a tensor's scale and zero point."""
        return self.constant(f"{tensor}/scale", np.float32(scale)), self.constant(f"{tensor}/zero", np.uint8(zero))

    def weights(
        self, name: str, weights: Float64, bias: Float64, step: float, *, transposed: bool = False
    ) -> tuple[str, str, str, str]:
        """Add the constants of a product with inputs of scale `step`: weights, their scales and zeros, and the bias."""
        small, scales = to_seven_bits(weights)
        summed = np.clip(np.round(bias / (scales * step)), _INT32.min, _INT32.max).astype(np.int32)
        return (
            self.constant(f"{name}/weights", small.T if transposed else small),
            self.constant(f"{name}/weights/scale", scales.astype(np.float32)),
            self.constant(f"{name}/weights/zero", np.zeros(len(scales), np.int8)),
            self.constant(f"{name}/bias", summed),
        )

    def model(self, image: str, size: tuple[int, int], output: str, outputs: int) -> ModelProto:
        shape = ["batch", *size, "width"]
        graph = helper.make_graph(
            self._nodes,
            "chain",
            [helper.make_tensor_value_info(image, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", outputs])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="mien")
        split_parametric_relus(model)
        return model


def _convolution(layer: Layer) -> dict[str, object]:
    return {
        "strides": [layer.stride] * 2,
        "pads": [layer.pad] * 4,
        "group": layer.groups,
        "kernel_shape": list(layer.weights.shape[2:]),
    }


def _height(chain: Chain) -> int:
    """Return the height of the image, which is square."""
    return math.isqrt(chain.last_weights.shape[2]) * math.prod(layer.stride for layer in chain.layers)


def _float_layers(graph: _Graph, image: str, chain: Chain, layers: Sequence[Layer], step: Steps) -> tuple[str, _Bytes]:
    """Add the float32 layers, strip by strip, and the quantisation of their output."""
    last = layers[-1].name
    bytes_of = _Bytes(*graph.scale(f"{last}/bytes", step.scale, step.zero_after), step.scale)
    mean, scale = graph.constant("mean", np.float32(chain.mean)), graph.constant("scale", np.float32(chain.scale))
    rows = graph.constant("rows", np.array([2], np.int64))
    constants = [
        (
            graph.constant(f"{layer.name}/weights", layer.weights.astype(np.float32)),
            graph.constant(f"{layer.name}/bias", layer.bias.astype(np.float32)),
            graph.constant(f"{layer.name}/slopes", layer.slopes.astype(np.float32).reshape(-1, 1, 1)),
        )
        for layer in layers
    ]
    strips = []
    for number, (first, end, pads) in enumerate(_strips(layers, _height(chain))):
        here = f"strip {number}"
        limits = [
            graph.constant(f"{here}/{name}", np.array([at], np.int64)) for name, at in (("from", first), ("to", end))
        ]
        graph.add("Slice", [image, *limits, rows], here)
        graph.add("Sub", [here, mean], f"{here}/centred")
        graph.add("Mul", [f"{here}/centred", scale], f"{here}/normalised")
        tensor = f"{here}/normalised"
        for layer, (weights, bias, slopes), (above, below) in zip(layers, constants, pads, strict=True):
            name = f"{here}/{layer.name}"
            sides = {"pads": [above, layer.pad, below, layer.pad]}
            graph.add("Conv", [tensor, weights, bias], f"{name}/before", **_convolution(layer) | sides)
            graph.add("PRelu", [f"{name}/before", slopes], name)
            tensor = name
        graph.add("QuantizeLinear", [tensor, bytes_of.scale, bytes_of.zero], f"{tensor}/bytes")
        strips.append(f"{tensor}/bytes")
    graph.add("Concat", strips, f"{last}/bytes", axis=2)
    return f"{last}/bytes", bytes_of


def _strips(layers: Sequence[Layer], height: int) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Divide the rows of the last layer's output into strips, and determine the rows each is computed from.

    Args:
        layers: convolutions one after the other.
        height: rows of the image.

    Yields:
        The range of image rows, and the rows of zero padding above and below for each layer: its own padding at the
        borders of the image, none inside, where the neighbouring rows are computed too.
    """
    heights = [height]
    for layer in layers:
        heights.append((heights[-1] + 2 * layer.pad - layer.weights.shape[2]) // layer.stride + 1)
    count = min(_STRIPS, heights[-1])
    for number in range(count):
        first, end = heights[-1] * number // count, heights[-1] * (number + 1) // count
        pads = []
        for layer, there in zip(reversed(layers), reversed(heights[:-1]), strict=True):
            first = first * layer.stride - layer.pad
            end = (end - 1) * layer.stride - layer.pad + layer.weights.shape[2]
            pads.append((max(0, -first), max(0, end - there)))
            first, end = max(0, first), min(end, there)
        yield first, end, pads[::-1]


def _byte_layer(graph: _Graph, tensor: str, given: _Bytes, layer: Layer, step: Steps) -> tuple[str, _Bytes]:
    """Add a quantised convolution and x + relu((slope - 1) · x), the parametric ReLU for slopes up to 1."""
    if layer.slopes.max() > 1:
        message = f"{layer.name} has a slope above 1"
        raise ValueError(message)
    before, added = f"{layer.name}/before", f"{layer.name}/added"
    of_before = graph.scale(before, step.scale, step.zero)
    weights, scales, zeros, bias = graph.weights(layer.name, layer.weights, layer.bias, given.step)
    inputs = [tensor, given.scale, given.zero, weights, scales, zeros, *of_before, bias]
    graph.add("QLinearConv", inputs, before, **_convolution(layer))
    of_added = graph.scale(added, step.negative, 0)  # with zero point 0, negative values are clipped: the ReLU
    count = len(layer.bias)
    turned = graph.weights(
        added, np.asarray(layer.slopes - 1, np.float64).reshape(-1, 1, 1, 1), np.zeros(count), step.scale
    )
    graph.add(
        "QLinearConv", [before, *of_before, *turned[:3], *of_added], added, group=count, kernel_shape=[1, 1]
    )  # fmt: skip
    result = f"{layer.name}/bytes"
    after = graph.scale(result, step.scale, step.zero_after)
    graph.add("QLinearAdd", [before, *of_before, added, *of_added, *after], result, domain=_MICROSOFT)
    return result, _Bytes(*after, step.scale)


def to_seven_bits(weights: Float64) -> tuple[NDArray[np.int8], Float64]:
    """Quantise weights to integers from -63 to 63 with a scale for each output channel, by least squared error.

    Args:
        weights: (outputs, …).

    Returns:
        int8 of the same shape, and the scales (outputs,).
    """
    rows = weights.reshape(len(weights), -1)
    largest = np.maximum(np.abs(rows).max(axis=1), 1e-12)
    scales, least = largest / _WEIGHT_LEVELS, np.full(len(rows), np.inf)
    for share in _SHARES:
        tried = largest * share / _WEIGHT_LEVELS
        rounded = np.clip(np.round(rows / tried[:, None]), -_WEIGHT_LEVELS, _WEIGHT_LEVELS)
        error = np.square(rounded * tried[:, None] - rows).sum(axis=1)
        scales, least = np.where(error < least, tried, scales), np.minimum(error, least)
    small = np.clip(np.round(rows / scales[:, None]), -_WEIGHT_LEVELS, _WEIGHT_LEVELS)
    return small.astype(np.int8).reshape(weights.shape), scales
