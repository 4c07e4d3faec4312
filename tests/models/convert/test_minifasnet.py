"""MiniFASNet with random weights, against the network's definition in plain numpy."""

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from mien.models.convert.minifasnet import build

Array = NDArray[np.float64]


class Definition:
    """Layers by the names of the published checkpoints; makes random weights as it goes."""

    def __init__(self, *, squeeze: bool) -> None:
        self._rng = np.random.default_rng(11)
        self._squeeze = squeeze
        self.weights: dict[str, NDArray[np.float32]] = {}

    def _new(self, name: str, *shape: int, low: float = -1, high: float = 1) -> Array:
        if name not in self.weights:
            self.weights[name] = self._rng.uniform(low, high, shape).astype(np.float32)
        return self.weights[name].astype(np.float64)

    def _norm(self, x: Array, name: str) -> Array:
        count = x.shape[0]
        shape = (count,) + (1,) * (x.ndim - 1)
        gamma = self._new(f"{name}.weight", count, low=0.5).reshape(shape)
        beta, mean = (self._new(f"{name}.{part}", count).reshape(shape) for part in ("bias", "running_mean"))
        variance = self._new(f"{name}.running_var", count, low=0.5, high=2).reshape(shape)
        self.weights[f"{name}.num_batches_tracked"] = np.array(3, np.float32)
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def _filter(self, x: Array, name: str, out: int, size: int, stride: int, padding: int, by_channel: bool) -> Array:
        before = 1 if by_channel else len(x)
        limit = (3 / (before * size * size)) ** 0.5
        filters = self._new(f"{name}.weight", out, before, size, size, low=-limit, high=limit)
        x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
        if by_channel:
            return np.asarray(np.einsum("chwij,cij->chw", windows, filters[:, 0]))
        return np.asarray(np.einsum("chwij,ocij->ohw", windows, filters))

    def layer(
        self, x: Array, name: str, out: int, size: int = 1, stride: int = 1, padding: int = 0, *,
        by_channel: bool = False, active: bool = True,
    ) -> Array:  # fmt: skip
        x = self._norm(self._filter(x, f"{name}.conv", out, size, stride, padding, by_channel), f"{name}.bn")
        if not active:
            return x
        slopes = self._new(f"{name}.prelu.weight", out, low=0, high=0.5)[:, None, None]
        return np.where(x > 0, x, slopes * x)

    def block(
        self, x: Array, name: str, out: int, *, stride: int = 1, residual: bool = False, squeeze: bool = False
    ) -> Array:
        y = self.layer(x, f"{name}.conv", 10)
        y = self.layer(y, f"{name}.conv_dw", 10, 3, stride, 1, by_channel=True)
        y = self.layer(y, f"{name}.project", out, active=False)
        if squeeze:
            z = y.mean(axis=(1, 2), keepdims=True)
            z = self._norm(self._filter(z, f"{name}.se_module.fc1", 4, 1, 1, 0, False), f"{name}.se_module.bn1")
            z = self._filter(np.maximum(z, 0), f"{name}.se_module.fc2", out, 1, 1, 0, False)
            y = y / (1 + np.exp(-self._norm(z, f"{name}.se_module.bn2")))
        return x + y if residual else y

    def run(self, image: Array) -> Array:
        x = self.layer(image, "conv1", 8, 3, 2, 1)
        x = self.layer(x, "conv2_dw", 8, 3, 1, 1, by_channel=True)
        for halving, stage, out, count in (
            ("conv_23", "conv_3", 8, 4),
            ("conv_34", "conv_4", 12, 6),
            ("conv_45", "conv_5", 12, 2),
        ):
            x = self.block(x, halving, out, stride=2)
            for number in range(count):
                last = number == count - 1
                x = self.block(x, f"{stage}.model.{number}", out, residual=True, squeeze=self._squeeze and last)
        x = self.layer(x, "conv_6_sep", 16)
        x = self.layer(x, "conv_6_dw", 16, 5, by_channel=True, active=False).reshape(-1)
        x = self._norm(self._new("linear.weight", 9, 16) @ x, "bn")
        x = np.exp(self._new("prob.weight", 3, 9) @ x)
        return np.asarray(x / x.sum())


@pytest.mark.parametrize("squeeze", [False, True])
def test_the_converted_network_computes_what_the_definition_says(squeeze: bool) -> None:
    definition = Definition(squeeze=squeeze)
    images = np.random.default_rng(1).integers(0, 256, (2, 3, 80, 80)).astype(np.float32)
    definition.weights["conv1.conv.weight"] = np.random.default_rng(2).normal(0, 0.002, (8, 3, 3, 3)).astype(np.float32)
    expected = np.stack([definition.run(image.astype(np.float64)) for image in images])
    assert expected.max() < 0.999
    session = ort.InferenceSession(build(definition.weights).SerializeToString())
    (result,) = session.run(None, {"image": images})
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_missing_foreign_and_misshapen_weights_are_refused() -> None:
    definition = Definition(squeeze=False)
    definition.run(np.zeros((3, 80, 80)))
    good = definition.weights
    with pytest.raises(ValueError, match=r"conv_6_sep\.bn\.bias is missing"):
        build({name: value for name, value in good.items() if name != "conv_6_sep.bn.bias"})
    with pytest.raises(ValueError, match="does not have: head"):
        build({**good, "head.weight": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match="do not fit together"):
        build({**good, "prob.weight": np.zeros((3, 7), np.float32)})
