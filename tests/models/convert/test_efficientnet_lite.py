"""The written-out network against direct arithmetic, on made-up weights."""

from collections import defaultdict
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from mien.models.convert.efficientnet_lite import build

Array = np.ndarray[Any, Any]


class _Weights(dict[str, Array]):
    """Random weights of any name, with the shapes that stage 1 has."""

    def __init__(self) -> None:
        super().__init__()
        self._random = np.random.default_rng(3)
        normal, positive = self._random.normal, self._random.uniform
        for layer, norm, shape in (
            ("_conv_stem", "_bn0", (32, 3, 3, 3)),
            ("_blocks.0._depthwise_conv", "_blocks.0._bn1", (32, 1, 3, 3)),
            ("_blocks.0._project_conv", "_blocks.0._bn2", (16, 32, 1, 1)),
        ):
            self[f"{layer}.weight"] = normal(size=shape).astype(np.float32)
            self[f"{norm}.weight"] = positive(0.5, 2, shape[0]).astype(np.float32)
            self[f"{norm}.bias"] = normal(size=shape[0]).astype(np.float32)
            self[f"{norm}.running_mean"] = normal(size=shape[0]).astype(np.float32)
            self[f"{norm}.running_var"] = positive(0.1, 3, shape[0]).astype(np.float32)

    def norm(self, x: Array, name: str) -> Array:
        parts = {key: self[f"{name}.{key}"][:, None, None] for key in ("weight", "bias", "running_mean", "running_var")}
        result: Array = (x - parts["running_mean"]) / np.sqrt(parts["running_var"] + 1e-3) * parts["weight"]
        return result + parts["bias"]


def _windows(x: Array) -> Array:
    return np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))


@pytest.mark.parametrize(("height", "width"), [(224, 224), (64, 96)])
def test_the_first_stage_computes_what_the_weights_say(height: int, width: int) -> None:
    weights = _Weights()
    image = np.random.default_rng(5).uniform(0, 255, (1, 3, height, width)).astype(np.float32)
    x: Array = (image[0] - 127) / 128
    # "SAME" at stride 2 on an even side pads only on the right and below.
    windows = _windows(np.pad(x, ((0, 0), (0, 1), (0, 1))))[:, ::2, ::2]
    x = np.clip(weights.norm(np.einsum("chwij,ocij->ohw", windows, weights["_conv_stem.weight"]), "_bn0"), 0, 6)
    windows = _windows(np.pad(x, ((0, 0), (1, 1), (1, 1))))
    x = np.einsum("chwij,cij->chw", windows, weights["_blocks.0._depthwise_conv.weight"][:, 0])
    x = np.clip(weights.norm(x, "_blocks.0._bn1"), 0, 6)
    x = np.einsum("chw,oc->ohw", x, weights["_blocks.0._project_conv.weight"][:, :, 0, 0])
    expected = weights.norm(x, "_blocks.0._bn2")

    session = ort.InferenceSession(build(weights, ["stage1"]).SerializeToString())
    (result,) = session.run(["stage1"], {"image": image})
    assert result.shape == (1, 16, height // 2, width // 2)
    np.testing.assert_allclose(result[0], expected, atol=2e-3)


def test_missing_or_misshapen_weights_are_named() -> None:
    weights = _Weights()
    with pytest.raises(ValueError, match=r"_blocks\.1\._expand_conv\.weight"):
        build(weights, ["stage2"])
    weights["_bn0.bias"] = np.zeros(31, np.float32)
    with pytest.raises(ValueError, match=r"_bn0\.bias .*31"):
        build(weights, ["stage1"])


def test_unknown_outputs_are_refused() -> None:
    with pytest.raises(ValueError, match="stage9"):
        build(defaultdict(lambda: np.zeros(1)), ["stage9"])
