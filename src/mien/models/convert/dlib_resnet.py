"""dlib's face recognition ResNet (dlib_face_recognition_resnet_model_v1.dat) to ONNX.

The file is dlib's serialisation of a C++ type: first a version number for each layer, from output to input, then each
layer's parameters from input to output. The type itself is not in the file, so the architecture (King 2017, "High
quality face recognition with deep metric learning"; 29 convolutions) is defined here.

The input's mean and scale and all affine layers are folded into the convolutions. Average pooling that pads its
channels with zeros becomes one convolution, because ONNX Runtime has no blocked-layout kernel for padding channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

Float32 = NDArray[np.float32]

INPUT_SIZE = 150
DIMENSION = 128

# Channels of the residual blocks, from input to output; True if the block halves the picture.
_BLOCKS = (
    *((32, False),) * 3,
    (64, True),
    *((64, False),) * 3,
    (128, True),
    *((128, False),) * 2,
    (256, True),
    *((256, False),) * 2,
    (256, True),
)
_PLAIN = ("relu", "add", "affine", "con", "relu", "affine", "con", "tag")
_HALVING = ("relu", "add", "avg_pool", "skip", "tag", "affine", "con", "relu", "affine", "con", "tag")
_STEM = ("max_pool", "relu", "affine", "con")
_HEAD = ("fc", "avg_pool")


def convert(source: Path, target: Path) -> None:
    """Write the network as ONNX: "image" float32 (batch, 3, 150, 150) RGB 0..255 to "embedding" (batch, 128).

    The embedding is the same as dlib's, not normalised to unit length. The output is reproducible byte for byte.

    Args:
        source: dlib's file.
        target: the file to write.

    Raises:
        ValueError: if the file is not this network.
    """
    reader = _Reader(source.read_bytes())
    builder = _Builder()
    _read_network(reader, builder)
    graph = helper.make_graph(
        builder.nodes,
        "dlib-resnet",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, INPUT_SIZE, INPUT_SIZE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSION])],
        builder.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString(deterministic=True))


class _Reader:
    """dlib's basic types: integers of variable length, floats as mantissa and exponent, tensors as raw floats."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) < count:
            message = "the file ends too early"
            raise ValueError(message)
        self._at += count
        return piece

    def integer(self) -> int:
        (control,) = self.take(1)
        length = control & 0x0F
        if not 1 <= length <= 8 or control & 0x70:
            message = f"no integer at byte {self._at - 1}"
            raise ValueError(message)
        value = int.from_bytes(self.take(length), "little")
        return -value if control & 0x80 else value

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > 1100:
            message = f"no finite number at byte {self._at}"
            raise ValueError(message)
        return float(mantissa * 2.0**exponent)

    def boolean(self) -> bool:
        value = self.take(1)
        if value not in {b"0", b"1"}:
            message = f"no truth value at byte {self._at - 1}"
            raise ValueError(message)
        return value == b"1"

    def text(self) -> str:
        length = self.integer()
        if not 0 <= length <= 100:
            message = f"no name at byte {self._at}"
            raise ValueError(message)
        return self.take(length).decode("ascii", "replace")

    def tensor(self) -> Float32:
        self.number(2)
        shape = [self.integer() for _ in range(4)]
        if any(size < 0 for size in shape):
            message = f"no tensor at byte {self._at}"
            raise ValueError(message)
        count = shape[0] * shape[1] * shape[2] * shape[3]
        return np.frombuffer(self.take(4 * count), "<f4").astype(np.float32).reshape(shape)

    def number(self, expected: int) -> None:
        found = self.integer()
        if found != expected:
            message = f"expected {expected} before byte {self._at}, found {found}: not this network"
            raise ValueError(message)

    def numbers(self, *expected: int) -> None:
        for value in expected:
            self.number(value)

    def shape(self, *expected: int) -> None:
        """Check a tensor's view: a version number and four sizes."""
        self.numbers(1, *expected)

    def name(self, expected: str) -> None:
        found = self.text()
        if found != expected:
            message = f"expected {expected!r} before byte {self._at}, found {found!r}: not this network"
            raise ValueError(message)

    def end(self) -> None:
        if self._at != len(self._data):
            message = f"{len(self._data) - self._at} bytes too many at the end"
            raise ValueError(message)


class _Builder:
    """Collects the nodes and constants of the ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, kind: str, inputs: Sequence[str], name: str = "", **attributes: object) -> str:
        output = name or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, value: NDArray[np.float32] | NDArray[np.int64]) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convolve(self, x: str, filters: Float32, biases: Float32 | None, *, stride: int, padding: int) -> str:
        constants = [self.constant(filters)] + ([self.constant(biases)] if biases is not None else [])
        size = filters.shape[2]
        return self.node(
            "Conv", [x, *constants], kernel_shape=[size, size], strides=[stride, stride], pads=[padding] * 4
        )

    def pad_to(self, x: str, size: int, wanted: int) -> str:
        """Pad with zeros at the right and the bottom."""
        if size == wanted:
            return x
        return self.node("Pad", [x, self.constant(np.array([0] * 6 + [wanted - size] * 2, np.int64))])


def _read_network(reader: _Reader, builder: _Builder) -> None:
    _read_versions(reader)
    reader.name("input_rgb_image_sized")
    mean = np.array([reader.real() for _ in range(3)], np.float64)
    reader.numbers(INPUT_SIZE, INPUT_SIZE)

    filters, biases = _read_convolution(reader, 3, 32, size=7, stride=2, padding=0, first=True)
    # (x - mean) / 256 before a convolution without padding is another convolution.
    scaled = filters.astype(np.float64) / 256
    shifted = biases - np.einsum("ocij,c->o", scaled, mean)
    x = builder.convolve("image", scaled.astype(np.float32), shifted.astype(np.float32), stride=2, padding=0)
    x = builder.node("Relu", [x])
    _read_plain(reader, "relu_")
    _read_pool(reader, "max_pool_2", size=3, stride=2)
    x = builder.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2])

    side, channels = ((INPUT_SIZE - 7) // 2 + 1 - 3) // 2 + 1, 32
    for out, halving in _BLOCKS:
        x, side = _read_block(reader, builder, x, side, (channels, out), halving=halving)
        channels = out

    _read_pool(reader, "avg_pool_2", size=0, stride=1)
    x = builder.node("Flatten", [builder.node("GlobalAveragePool", [x])])
    builder.node("MatMul", [x, builder.constant(_read_last(reader, channels))], "embedding")
    reader.end()


def _read_versions(reader: _Reader) -> None:
    reader.number(1)
    reader.name("loss_metric_2")
    for _margin_and_threshold in range(2):
        reader.real()
    layers = list(_HEAD)
    for _, halving in reversed(_BLOCKS):
        layers += _HALVING if halving else _PLAIN
    for layer in (*layers, *_STEM[:-1]):
        reader.number(1 if layer in {"tag", "skip"} else 2)
    reader.number(3)


def _read_block(
    reader: _Reader, builder: _Builder, x: str, side: int, channels: tuple[int, int], *, halving: bool
) -> tuple[str, int]:
    """Read two convolutions with a shortcut; return the output's name and its width."""
    before, out = channels
    stride, padding = (2, 0) if halving else (1, 1)
    filters, biases = _read_convolution(reader, before, out, size=3, stride=stride, padding=padding)
    y = builder.node("Relu", [builder.convolve(x, filters, biases, stride=stride, padding=padding)])
    _read_plain(reader, "relu_")
    filters, biases = _read_convolution(reader, out, out, size=3, stride=1, padding=1)
    y = builder.convolve(y, filters, biases, stride=1, padding=1)
    if halving:
        _read_pool(reader, "avg_pool_2", size=2, stride=2)
        shortcut = builder.convolve(x, _widening_average(before, out), None, stride=2, padding=0)
        convolved, pooled = (side - 3) // 2 + 1, side // 2
        side = max(convolved, pooled)
        # dlib adds tensors of different sizes as if the smaller one were padded with zeros.
        y, x = builder.pad_to(y, convolved, side), builder.pad_to(shortcut, pooled, side)
    _read_plain(reader, "add_prev_")
    _read_plain(reader, "relu_")
    return builder.node("Relu", [builder.node("Add", [y, x])]), side


def _widening_average(before: int, out: int) -> Float32:
    """Return filters for the 2×2 means of the first `before` channels, and zeros for the others."""
    filters = np.zeros((out, before, 2, 2), np.float32)
    filters[np.arange(before), np.arange(before)] = 0.25
    return filters


def _read_convolution(
    reader: _Reader, before: int, out: int, *, size: int, stride: int, padding: int, first: bool = False
) -> tuple[Float32, Float32]:
    """Read a convolution and the affine layer after it; return their combined filters and biases."""
    reader.name("con_4")
    weights = reader.tensor().ravel()
    reader.numbers(out, size, size, stride, stride, padding, padding)
    reader.shape(out, before, size, size)
    reader.shape(1, out, 1, 1)
    _read_learning_rates(reader)
    _read_state(reader, first=first)
    reader.name("affine_")
    factors = reader.tensor().ravel()
    reader.shape(1, out, 1, 1)
    reader.shape(1, out, 1, 1)
    reader.number(0)
    _read_state(reader)
    count = out * before * size * size
    if weights.size != count + out or factors.size != 2 * out:
        message = "a layer has another number of weights than its shape says: not this network"
        raise ValueError(message)
    gamma, beta = factors[:out].astype(np.float64), factors[out:].astype(np.float64)
    filters = weights[:count].reshape(out, before, size, size) * gamma[:, None, None, None]
    return filters.astype(np.float32), (weights[count:] * gamma + beta).astype(np.float32)


def _read_plain(reader: _Reader, name: str) -> None:
    reader.name(name)
    _read_state(reader)


def _read_pool(reader: _Reader, name: str, *, size: int, stride: int) -> None:
    reader.name(name)
    reader.numbers(size, size, stride, stride, 0, 0)
    _read_state(reader)


def _read_last(reader: _Reader, channels: int) -> Float32:
    """Read the fully connected layer without bias: float32 (channels, 128)."""
    reader.name("fc_2")
    reader.numbers(DIMENSION, channels)
    weights = reader.tensor()
    reader.shape(channels, DIMENSION, 1, 1)
    reader.shape(0, 0, 0, 0)
    reader.number(1)
    _read_learning_rates(reader)
    _read_state(reader)
    return weights.reshape(channels, DIMENSION)


def _read_learning_rates(reader: _Reader) -> None:
    for _ in range(4):
        reader.real()


def _read_state(reader: _Reader, *, first: bool = False) -> None:
    """Skip a layer's training state: three flags and three tensors, which are empty in a cleaned network."""
    for _ in range(3):
        reader.boolean()
    for _ in range(3):
        reader.tensor()
    if first:
        reader.number(1)
