"""TensorFlow Lite to ONNX, for small float32 convolutional networks such as MediaPipe's face mesh.

The file is a flatbuffer of schema version 3; only the fields that these networks need are read, by their numbers in the
published schema. Every four-dimensional tensor, including the image input, changes from channels-last to (n, channels,
height, width), without transpositions in the graph. Operators without a blocked-layout kernel in ONNX Runtime are
rewritten: parametric ReLUs (see `parametric_relu`) and the padding of channels (a 1×1 convolution with the identity).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from flatbuffers import number_types
from flatbuffers.table import Table
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from mien.models.convert.parametric_relu import split_parametric_relus

Array = NDArray[Any]

IDENTIFIER = b"TFL3"
OPSET = 17
IR_VERSION = 8
_TYPES = {0: np.dtype("<f4"), 2: np.dtype("<i4")}
_ACTIVATIONS = {1: "Relu", 3: "Clip"}
_SAME = 0


def convert(source: Path, target: Path) -> None:
    """Write the network in `source` as ONNX, with a dynamic batch.

    The image input is float32 (n, channels, height, width); inputs and outputs keep their names. The output is
    reproducible byte for byte.

    Args:
        source: a .tflite file with one graph of float32 (or float32 and constant int32) tensors.
        target: the .onnx file to write.

    Raises:
        ValueError: if the file is not a TensorFlow Lite model, is damaged, or has unsupported operators.
    """
    try:
        model = _OnnxWriter(_read(source.read_bytes())).model()
    except (struct.error, IndexError, KeyError, TypeError, OverflowError) as problem:
        message = f"{source.name} is damaged or not a float32 TensorFlow Lite network ({problem!r})"
        raise ValueError(message) from problem
    split_parametric_relus(model)
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString(deterministic=True))


@dataclass(frozen=True)
class _FileTensor:
    """A tensor of the file: its name, channels-last shape, and values if it is a constant."""

    name: str
    shape: tuple[int, ...]
    values: Array | None


class _Record:
    """A flatbuffer table, whose fields are read by number."""

    def __init__(self, data: bytes, position: int) -> None:
        self._table = Table(data, position)

    def _offset(self, field: int) -> int:
        return int(self._table.Offset(4 + 2 * field))

    def number(self, field: int, default: int = 0, kind: Any = number_types.Int32Flags) -> int:
        return int(self._table.GetSlot(4 + 2 * field, default, kind))

    def byte(self, field: int, default: int = 0) -> int:
        return self.number(field, default, number_types.Int8Flags)

    def text(self, field: int) -> str:
        offset = self._offset(field)
        return self._table.String(offset + self._table.Pos).decode() if offset else ""

    def array(self, field: int, kind: Any = number_types.Int32Flags) -> Array:
        offset = self._offset(field)
        if not offset:
            return np.zeros(0, number_types.to_numpy_type(kind))
        return np.asarray(self._table.GetVectorAsNumpy(kind, offset))

    def record(self, field: int) -> _Record | None:
        offset = self._offset(field)
        return _Record(self._table.Bytes, self._table.Indirect(offset + self._table.Pos)) if offset else None

    def records(self, field: int) -> list[_Record]:
        offset = self._offset(field)
        if not offset:
            return []
        start, count = self._table.Vector(offset), self._table.VectorLen(offset)
        return [_Record(self._table.Bytes, self._table.Indirect(start + 4 * index)) for index in range(count)]


@dataclass(frozen=True)
class _Operator:
    """An operator: the number of its kind in the schema, the indices of its tensors, and its options."""

    kind: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: _Record | None

    def number(self, field: int, default: int = 0) -> int:
        return self.options.number(field, default) if self.options else default

    def byte(self, field: int) -> int:
        return self.options.byte(field) if self.options else 0


@dataclass(frozen=True)
class _FileGraph:
    tensors: list[_FileTensor]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: list[_Operator]


def _read(data: bytes) -> _FileGraph:
    if data[4:8] != IDENTIFIER:
        message = "not a TensorFlow Lite model"
        raise ValueError(message)
    root = _Record(data, int(np.frombuffer(data[:4], "<u4")[0]))
    codes = [max(code.byte(0), code.number(3)) for code in root.records(1)]
    buffers = [record.array(0, number_types.Uint8Flags) for record in root.records(4)]
    (graph,) = root.records(2)
    tensors: list[_FileTensor] = []
    for record in graph.records(0):
        kind, content = record.byte(1), buffers[record.number(2, 0, number_types.Uint32Flags)]
        if kind not in _TYPES:
            message = f"tensor {record.text(3)} has element type {kind}; only float32 and int32 are known"
            raise ValueError(message)
        shape = tuple(int(size) for size in record.array(0))
        values = content.view(_TYPES[kind]).reshape(shape) if content.size else None
        tensors.append(_FileTensor(record.text(3), shape, values))
    operators = [
        _Operator(codes[record.number(0)], _indices(record, 1), _indices(record, 2), record.record(4))
        for record in graph.records(3)
    ]
    return _FileGraph(tensors, _indices(graph, 1), _indices(graph, 2), operators)


def _indices(record: _Record, field: int) -> tuple[int, ...]:
    return tuple(int(index) for index in record.array(field))


class _OnnxWriter:
    """Builds the ONNX graph, operator by operator."""

    def __init__(self, graph: _FileGraph) -> None:
        self._graph = graph
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._writers: dict[int, Callable[[_Operator], None]] = {
            0: self._add,
            3: self._convolution,
            4: self._depthwise_convolution,
            17: self._max_pool,
            22: self._reshape,
            34: self._pad,
            54: self._parametric_relu,
        }

    def model(self) -> onnx.ModelProto:
        for operator in self._graph.operators:
            if operator.kind not in self._writers:
                message = f"operator {operator.kind} of the TensorFlow Lite schema is not known"
                raise ValueError(message)
            self._writers[operator.kind](operator)
        ends = [
            [helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, _open_shape(tensor)) for tensor in side]
            for side in (self._tensors(self._graph.inputs), self._tensors(self._graph.outputs))
        ]
        graph = helper.make_graph(self._nodes, "network", ends[0], ends[1], self._constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)

    def _tensors(self, indices: tuple[int, ...]) -> list[_FileTensor]:
        return [self._graph.tensors[index] for index in indices]

    def _constant(self, name: str, values: Array) -> str:
        if all(tensor.name != name for tensor in self._constants):
            self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _emit(self, kind: str, inputs: list[str], output: _FileTensor, activation: int = 0, **attributes: Any) -> None:
        """Add a node and the activation that the file has fused into its operator."""
        if activation == 0:
            self._nodes.append(helper.make_node(kind, inputs, [output.name], **attributes))
            return
        raw = f"{output.name}/raw"
        self._nodes.append(helper.make_node(kind, inputs, [raw], **attributes))
        limits = (
            [self._constant("zero", np.array(0, np.float32)), self._constant("six", np.array(6, np.float32))]
            if activation == 3
            else []
        )
        self._nodes.append(helper.make_node(_ACTIVATIONS[activation], [raw, *limits], [output.name]))

    def _add(self, operator: _Operator) -> None:
        left, right = self._tensors(operator.inputs)
        (output,) = self._tensors(operator.outputs)
        if left.values is not None or right.values is not None or left.shape != right.shape:
            message = f"{output.name}: only the sum of two computed tensors of one shape is known"
            raise ValueError(message)
        self._emit("Add", [left.name, right.name], output, operator.byte(0))

    def _convolution(self, operator: _Operator) -> None:
        weights = self._values(operator.inputs[1])
        self._convolve(operator, weights.transpose(0, 3, 1, 2), 1, operator.byte(3), (4, 5))

    def _depthwise_convolution(self, operator: _Operator) -> None:
        weights = self._values(operator.inputs[1])
        groups = self._graph.tensors[operator.inputs[0]].shape[3]
        self._convolve(operator, weights.transpose(3, 0, 1, 2), groups, operator.byte(4), (5, 6))

    def _convolve(
        self, operator: _Operator, weights: Array, groups: int, activation: int, dilation: tuple[int, int]
    ) -> None:
        image, kernel = self._tensors(operator.inputs[:2])
        (output,) = self._tensors(operator.outputs)
        names = [image.name, self._constant(kernel.name, weights)]
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            names.append(self._constant(self._graph.tensors[operator.inputs[2]].name, self._values(operator.inputs[2])))
        size = (int(weights.shape[2]), int(weights.shape[3]))
        dilations = (operator.number(dilation[1], 1), operator.number(dilation[0], 1))
        window = _window(operator, image, size, dilations)
        self._emit("Conv", names, output, activation, group=groups, dilations=list(dilations), **window)

    def _max_pool(self, operator: _Operator) -> None:
        (image,), (output,) = self._tensors(operator.inputs), self._tensors(operator.outputs)
        window = _window(operator, image, (operator.number(4), operator.number(3)), (1, 1))
        self._emit("MaxPool", [image.name], output, operator.byte(5), **window)

    def _pad(self, operator: _Operator) -> None:
        image, (output,) = self._graph.tensors[operator.inputs[0]], self._tensors(operator.outputs)
        pads = self._values(operator.inputs[1])
        if pads.shape != (4, 2) or pads[:3].any():
            message = f"{output.name}: only the padding of channels is known"
            raise ValueError(message)
        identity = np.eye(output.shape[3], image.shape[3], -int(pads[3, 0]), np.float32)[:, :, None, None]
        name = self._constant(f"{output.name}/identity", identity)
        self._emit("Conv", [image.name, name], output, kernel_shape=[1, 1])

    def _parametric_relu(self, operator: _Operator) -> None:
        image, slopes = self._tensors(operator.inputs)
        (output,) = self._tensors(operator.outputs)
        values = self._values(operator.inputs[1])
        if values.size != image.shape[-1]:
            message = f"{output.name}: only parametric ReLUs with a slope a channel are known"
            raise ValueError(message)
        self._emit("PRelu", [image.name, self._constant(slopes.name, values.reshape(-1, 1, 1))], output)

    def _reshape(self, operator: _Operator) -> None:
        image, (output,) = self._graph.tensors[operator.inputs[0]], self._tensors(operator.outputs)
        if len(output.shape) != 2 or any(size != 1 for size in image.shape[1:3]):
            message = f"{output.name}: only the flattening of (n, 1, 1, channels) is known"
            raise ValueError(message)
        self._emit("Flatten", [image.name], output)

    def _values(self, index: int) -> Array:
        tensor = self._graph.tensors[index]
        if tensor.values is None:
            message = f"{tensor.name} has to be a constant"
            raise ValueError(message)
        return tensor.values


def _open_shape(tensor: _FileTensor) -> list[int | str]:
    """Return the tensor's shape in the ONNX graph: dynamic batch, channels first."""
    if len(tensor.shape) != 4:
        return ["batch", *tensor.shape[1:]]
    _, height, width, channels = tensor.shape
    return ["batch", channels, height, width]


def _window(
    operator: _Operator, image: _FileTensor, size: tuple[int, int], dilations: tuple[int, int]
) -> dict[str, list[int]]:
    """Return kernel, strides and explicit padding; TensorFlow's "same" pads the odd pixel at the end."""
    strides = (operator.number(2, 1), operator.number(1, 1))
    before, after = [0, 0], [0, 0]
    if operator.byte(0) == _SAME:
        for axis in (0, 1):
            length, stride = image.shape[1 + axis], strides[axis]
            reach = (size[axis] - 1) * dilations[axis] + 1
            total = max((-(-length // stride) - 1) * stride + reach - length, 0)
            before[axis], after[axis] = total // 2, total - total // 2
    return {"kernel_shape": list(size), "strides": list(strides), "pads": [*before, *after]}
