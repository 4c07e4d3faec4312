"""MiniFASNet, V2 and V1SE, from their published PyTorch weights to ONNX.

The networks (Minivision's Silent-Face-Anti-Spoofing) are chains of depthwise separable residual blocks with parametric
ReLUs; V1SE has squeeze-and-excitation in the last block of each stage. Widths and squeezes are read from the weights;
strides are defined here. Batch normalisation is folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from mien.models.convert.parametric_relu import split_parametric_relus
from mien.models.convert.torch_checkpoint import read_checkpoint

Weights = Mapping[str, NDArray[Any]]

INPUT_SIZE = 80
_BATCH_NORM_EPSILON = 1e-5
_STAGES = (("conv_23", "conv_3"), ("conv_34", "conv_4"), ("conv_45", "conv_5"))


def convert(source: Path, target: Path) -> None:
    """Write the network as ONNX: "image" float32 (batch, 3, 80, 80) BGR 0..255 to "probabilities" (batch, 3).

    The second of the three classes is a real face; the others are attacks.

    Args:
        source: the published checkpoint.
        target: the file to write; reproducible byte for byte.

    Raises:
        ValueError: if the file is not a checkpoint of this network.
    """
    target.write_bytes(build(read_checkpoint(source)).SerializeToString(deterministic=True))


def build(weights: Weights) -> ModelProto:
    """Build the network from its weights by name; see `convert`.

    Raises:
        ValueError: if a weight is missing, unused or of the wrong shape.
    """
    builder = _Builder(weights)
    x = builder.convolve("image", "conv1", stride=2, padding=1)
    x = builder.convolve(x, "conv2_dw", padding=1)
    for halving, stage in _STAGES:
        x = builder.block(x, halving, stride=2)
        for number in range(builder.count(f"{stage}.model.")):
            x = builder.block(x, f"{stage}.model.{number}", residual=True)
    x = builder.convolve(x, "conv_6_sep")
    x = builder.convolve(x, "conv_6_dw")
    builder.classify(builder.node("Flatten", [x]))
    left = builder.unused()
    if left:
        message = f"weights that this network does not have: {', '.join(sorted(left)[:5])}"
        raise ValueError(message)
    graph = helper.make_graph(
        builder.nodes,
        "minifasnet",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, INPUT_SIZE, INPUT_SIZE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
        builder.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    split_parametric_relus(model)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        message = f"the weights do not fit together: {error}"
        raise ValueError(message) from error
    return model


class _Builder:
    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._used: set[str] = set()
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, kind: str, inputs: list[str], name: str = "", **attributes: object) -> str:
        output = name or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolve(self, x: str, name: str, *, stride: int = 1, padding: int = 0) -> str:
        """Add a convolution with its batch normalisation, and its parametric ReLU if the weights have one."""
        x = self._fold(x, f"{name}.conv", f"{name}.bn", stride=stride, padding=padding)
        if f"{name}.prelu.weight" not in self._weights:
            return x
        slopes = self._take(f"{name}.prelu.weight", 1)
        return self.node("PRelu", [x, self._constant(slopes.reshape(-1, 1, 1))])

    def block(self, x: str, name: str, *, stride: int = 1, residual: bool = False) -> str:
        """Add a block: expansion, depthwise convolution, projection; with a shortcut if `residual`."""
        y = self.convolve(x, f"{name}.conv")
        y = self.convolve(y, f"{name}.conv_dw", stride=stride, padding=1)
        y = self.convolve(y, f"{name}.project")
        squeeze = f"{name}.se_module"
        if f"{squeeze}.fc1.weight" in self._weights:
            scale = self.node("GlobalAveragePool", [y])
            scale = self.node("Relu", [self._fold(scale, f"{squeeze}.fc1", f"{squeeze}.bn1")])
            scale = self.node("Sigmoid", [self._fold(scale, f"{squeeze}.fc2", f"{squeeze}.bn2")])
            y = self.node("Mul", [y, scale])
        return self.node("Add", [x, y]) if residual else y

    def classify(self, x: str) -> None:
        """Add the two fully connected layers, with the batch normalisation between them folded into the first."""
        factor, shift = self._batch_norm("bn")
        first = self._take("linear.weight", 2) * factor[:, None]
        x = self.node("Gemm", [x, self._constant(first), self._constant(shift)], transB=1)
        x = self.node("Gemm", [x, self._constant(self._take("prob.weight", 2))], transB=1)
        self.node("Softmax", [x], "probabilities", axis=1)

    def count(self, prefix: str) -> int:
        """Return the number of numbered blocks with a name prefix."""
        return len({name[len(prefix) :].split(".")[0] for name in self._weights if name.startswith(prefix)})

    def unused(self) -> set[str]:
        """Return the unused weights."""
        return {name for name in self._weights if not name.endswith("num_batches_tracked")} - self._used

    def _fold(self, x: str, convolution: str, normalisation: str, *, stride: int = 1, padding: int = 0) -> str:
        filters = self._take(f"{convolution}.weight", 4)
        factor, shift = self._batch_norm(normalisation)
        if len(factor) != len(filters):
            message = f"{normalisation} has {len(factor)} channels, {convolution} has {len(filters)}"
            raise ValueError(message)
        inputs = [x, self._constant(filters * factor[:, None, None, None]), self._constant(shift)]
        # A convolution with one channel per filter is depthwise, since the network's input has three channels.
        groups = len(filters) if filters.shape[1] == 1 else 1
        size = list(filters.shape[2:])
        return self.node("Conv", inputs, kernel_shape=size, strides=[stride] * 2, pads=[padding] * 4, group=groups)

    def _batch_norm(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        gamma, beta, mean, variance = (
            self._take(f"{name}.{part}", 1) for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / np.sqrt(variance + _BATCH_NORM_EPSILON)
        return factor, beta - mean * factor

    def _take(self, name: str, dimensions: int) -> NDArray[np.float64]:
        if name not in self._weights or self._weights[name].ndim != dimensions:
            message = f"the weight {name} is missing or of another shape: not this network"
            raise ValueError(message)
        self._used.add(name)
        return self._weights[name].astype(np.float64)

    def _constant(self, value: NDArray[np.float64]) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value.astype(np.float32), name))
        return name
