"""EfficientNet-lite0 from its published PyTorch weights to ONNX: a frozen backbone whose feature maps feed the heads.

The network (Tan and Le 2019, in the TPU team's "lite" variant: no squeeze-and-excitation, ReLU6) is built from the
block table here; only the weights are from the file. Batch normalisation is folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from mien.models.convert.torch_checkpoint import read_checkpoint

Float32 = NDArray[np.float32]

MEAN, STD = 127.0, 128.0
"""Normalisation of the RGB pixels in training."""

_BATCH_NORM_EPSILON = 1e-3
# For each stage: repeats, kernel, stride of the first block, expansion, output channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STAGE_NAMES = tuple(f"stage{number}" for number in range(1, len(_STAGES) + 1))
"""Names of possible outputs; at 224 px: 16×112², 24×56², 40×28², 80×14², 112×14², 192×7², 320×7²."""


def convert(source: Path, target: Path, *, outputs: Sequence[str] = ("stage3", "stage5", "stage7")) -> None:
    """Write EfficientNet-lite0 as ONNX: input "image" float32 (batch, 3, h, w), RGB in 0..255, h and w multiples of 32.

    Args:
        source: the published checkpoint, `efficientnet-lite0-57934424.pth`.
        target: the file to write; reproducible byte for byte.
        outputs: feature maps to output, names of `STAGE_NAMES` or "logits" (1,000 ImageNet classes). Layers that none
            of them needs are left out of the file.

    Raises:
        UnsafeCheckpointError: see `read_checkpoint`.
        ValueError: if a weight is missing or has the wrong shape, or an output is unknown.
    """
    model = build(read_checkpoint(source), outputs)
    target.write_bytes(model.SerializeToString(deterministic=True))


def build(weights: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> ModelProto:
    """Build the network from its weights by name; see `convert`."""
    unknown = set(outputs) - {*STAGE_NAMES, "logits"}
    if unknown or not outputs:
        message = f"unknown outputs: {sorted(unknown)}"
        raise ValueError(message)
    builder = _Builder(weights)
    channels = builder.build(until=max((*STAGE_NAMES, "logits").index(name) for name in outputs))
    graph = helper.make_graph(
        builder.nodes,
        "efficientnet-lite0",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, "height", "width"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, _shape(name, channels[name])) for name in outputs],
        builder.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def _shape(name: str, channels: int) -> list[str | int]:
    return ["batch", channels] if name == "logits" else ["batch", channels, f"{name}/height", f"{name}/width"]


class _Builder:
    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        self._weights = weights
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def build(self, *, until: int) -> dict[str, int]:
        """Build the stages up to index `until` (7 = the classifier); return their channels."""
        written: dict[str, int] = {}
        x = self._node("Sub", ["image", self._constant("mean", np.float32(MEAN))], "centred")
        x = self._node("Mul", [x, self._constant("scale", np.float32(1 / STD))], "normalised")
        x = self._convolve(x, "_conv_stem", "_bn0", (32, 3, 3, 3), stride=2, clip=True)
        channels, block = 32, 0
        for stage, (repeats, kernel, stride, expansion, out) in enumerate(_STAGES[: until + 1]):
            for repeat in range(repeats):
                step = stride if repeat == 0 else 1
                last = repeat == repeats - 1
                x = self._block(
                    x, block, (channels, out, kernel, step, expansion), name=STAGE_NAMES[stage] if last else None
                )
                channels, block = out, block + 1
            written[STAGE_NAMES[stage]] = out
        if until == len(_STAGES):
            x = self._convolve(x, "_conv_head", "_bn1", (1280, channels, 1, 1), clip=True)
            x = self._node("GlobalAveragePool", [x], "pooled")
            x = self._node("Flatten", [x], "flat")
            weight = self._constant("_fc.weight", self._take("_fc.weight", (1000, 1280)))
            bias = self._constant("_fc.bias", self._take("_fc.bias", (1000,)))
            self._node("Gemm", [x, weight, bias], "logits", transB=1)
            written["logits"] = 1000
        return written

    def _block(self, x: str, number: int, sizes: tuple[int, int, int, int, int], name: str | None) -> str:
        channels, out, kernel, stride, expansion = sizes
        prefix, wide, shortcut = f"_blocks.{number}.", channels * expansion, x
        if expansion != 1:
            x = self._convolve(x, f"{prefix}_expand_conv", f"{prefix}_bn0", (wide, channels, 1, 1), clip=True)
        x = self._convolve(
            x,
            f"{prefix}_depthwise_conv",
            f"{prefix}_bn1",
            (wide, 1, kernel, kernel),
            stride=stride,
            groups=wide,
            clip=True,
        )
        residual = stride == 1 and channels == out
        output = name or f"block{number}"
        x = self._convolve(
            x,
            f"{prefix}_project_conv",
            f"{prefix}_bn2",
            (out, wide, 1, 1),
            name=f"{output}/projected" if residual else output,
        )
        return self._node("Add", [x, shortcut], output) if residual else x

    def _convolve(
        self,
        x: str,
        layer: str,
        norm: str,
        shape: tuple[int, int, int, int],
        *,
        stride: int = 1,
        groups: int = 1,
        clip: bool = False,
        name: str | None = None,
    ) -> str:
        """Add a convolution with folded batch normalisation, optionally ReLU6, padded like TensorFlow's "SAME"."""
        kernel = shape[2]
        weight = self._take(f"{layer}.weight", shape).astype(np.float64)
        gain, shift, mean, variance = (
            self._take(f"{norm}.{part}", (shape[0],)).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gain / np.sqrt(variance + _BATCH_NORM_EPSILON)
        # Sides are multiples of 32, so those of all strided layers are even: "SAME" pads one less at the top left.
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        output = name or layer
        inputs = [
            x,
            self._constant(f"{layer}.weight", (weight * factor[:, None, None, None]).astype(np.float32)),
            self._constant(f"{layer}.bias", (shift - mean * factor).astype(np.float32)),
        ]
        pads = [before, before, after, after]
        convolved = f"{output}/linear" if clip else output
        self._node("Conv", inputs, convolved, group=groups, kernel_shape=[kernel] * 2, pads=pads, strides=[stride] * 2)
        if not clip:
            return convolved
        return self._node("Clip", [convolved, *self._six()], output)

    def _six(self) -> list[str]:
        if not any(constant.name == "zero" for constant in self.constants):
            self._constant("zero", np.float32(0))
            self._constant("six", np.float32(6))
        return ["zero", "six"]

    def _take(self, name: str, shape: tuple[int, ...]) -> Float32:
        tensor = self._weights.get(name)
        if tensor is None or tensor.shape != shape:
            found = "nothing" if tensor is None else str(tensor.shape)
            message = f"EfficientNet-lite0 needs {name} of shape {shape}, the checkpoint has {found}"
            raise ValueError(message)
        return np.asarray(tensor, dtype=np.float32)

    def _constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output
