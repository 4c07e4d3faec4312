"""dlib's serialised ResNet, written here with random weights, against the network's definition in plain numpy."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.examples import examples

from mien.models.convert.dlib_resnet import convert

Float32 = NDArray[np.float32]
Layer = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# Blocks from the input up, as in dlib's example program: channels, and whether the block halves the picture.
BLOCKS = (
    [(32, 0)] * 3 + [(64, 1)] + [(64, 0)] * 3 + [(128, 1)] + [(128, 0)] * 2 + [(256, 1)] + [(256, 0)] * 2 + [(256, 1)]
)


def integer(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def integers(*values: int) -> bytes:
    return b"".join(map(integer, values))


def text(value: str) -> bytes:
    return integer(len(value)) + value.encode()


def real(value: float) -> bytes:
    mantissa, exponent = np.frexp(value)
    return integers(int(mantissa * 2**24), int(exponent) - 24)


def tensor(array: NDArray[np.floating]) -> bytes:
    shape = list(array.shape) + [1] * (4 - array.ndim)
    return integers(2, *shape) + array.astype("<f4").tobytes()


STATE = b"110" + tensor(np.zeros((0, 0, 0, 0))) * 3
RATES = real(1) * 3 + real(0)


def convolve(
    x: NDArray[np.float64], filters: Float32, biases: Float32, stride: int, padding: int
) -> NDArray[np.float64]:
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    size = filters.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return np.tensordot(filters.astype(np.float64), windows, axes=([1, 2, 3], [0, 3, 4])) + biases[:, None, None]


def pool(x: NDArray[np.float64], size: int, how: Callable[..., NDArray[np.float64]]) -> NDArray[np.float64]:
    return how(np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::2, ::2], axis=(3, 4))


class MadeUpNetwork:
    """Writes the file from the input up and keeps the same layers as functions."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        versions = integers(2, 2)
        for _, halving in reversed(BLOCKS):
            versions += integers(2, 2, 2, 1, 1, 2, 2, 2, 2, 2, 1) if halving else integers(2, 2, 2, 2, 2, 2, 2, 1)
        self.data = integer(1) + text("loss_metric_2") + real(0.04) + real(0.6) + versions + integers(2, 2, 2, 3)
        self.data += text("input_rgb_image_sized") + b"".join(map(real, (122.782, 117.001, 104.298)))
        self.data += integers(150, 150)
        self._stem = self._convolution(3, 32, 7, 2, 0, first=True)
        self._plain("relu_")
        self._pool("max_pool_2", 3, 2)
        self._blocks: list[tuple[Layer, Layer, int, int]] = []
        before = 32
        for out, halving in BLOCKS:
            first = self._convolution(before, out, 3, *((2, 0) if halving else (1, 1)))
            self._plain("relu_")
            second = self._convolution(out, out, 3, 1, 1)
            if halving:
                self._pool("avg_pool_2", 2, 2)
            self._plain("add_prev_")
            self._plain("relu_")
            self._blocks.append((first, second, halving, out))
            before = out
        self._pool("avg_pool_2", 0, 1)
        self._last = self._rng.normal(0, 0.06, (256, 128)).astype(np.float32)
        self.data += text("fc_2") + integers(128, 256) + tensor(self._last) + integers(1, 256, 128, 1, 1)
        self.data += integers(1, 0, 0, 0, 0) + integer(1) + RATES + STATE

    def _plain(self, name: str) -> None:
        self.data += text(name) + STATE

    def _pool(self, name: str, size: int, stride: int) -> None:
        self.data += text(name) + integers(size, size, stride, stride, 0, 0) + STATE

    def _convolution(
        self, before: int, out: int, size: int, stride: int, padding: int, *, first: bool = False
    ) -> Layer:
        spread = (2 / (before * size * size)) ** 0.5
        filters = self._rng.normal(0, spread, (out, before, size, size)).astype(np.float32)
        biases = self._rng.normal(0, 0.1, out).astype(np.float32)
        gamma = self._rng.uniform(0.5, 1, out).astype(np.float32)
        beta = self._rng.normal(0, 0.1, out).astype(np.float32)
        self.data += text("con_4") + tensor(np.concatenate([filters.ravel(), biases]))
        self.data += integers(out, size, size, stride, stride, padding, padding)
        self.data += integers(1, out, before, size, size) + integers(1, 1, out, 1, 1) + RATES + STATE
        self.data += integer(1) if first else b""
        self.data += text("affine_") + tensor(np.concatenate([gamma, beta])) + integers(1, 1, out, 1, 1) * 2
        self.data += integer(0) + STATE
        return lambda x: convolve(x, filters, biases, stride, padding) * gamma[:, None, None] + beta[:, None, None]

    def run(self, image: Float32) -> NDArray[np.float64]:
        mean = np.array([122.782, 117.001, 104.298], np.float32)[:, None, None]
        x = pool(np.maximum(self._stem((image - mean).astype(np.float64) / 256), 0), 3, np.max)
        for first, second, halving, out in self._blocks:
            y = second(np.maximum(first(x), 0))
            if halving:
                x = pool(x, 2, np.mean)
                side = max(x.shape[1], y.shape[1])
                x, y = (np.pad(z, ((0, out - len(z)), (0, side - z.shape[1]), (0, side - z.shape[2]))) for z in (x, y))
            x = np.maximum(x + y, 0)
        return np.asarray(x.mean(axis=(1, 2)) @ self._last)


@pytest.fixture(scope="module")
def network() -> MadeUpNetwork:
    return MadeUpNetwork(3)


def test_the_converted_network_computes_what_the_definition_says(network: MadeUpNetwork, tmp_path: Path) -> None:
    source, target = tmp_path / "net.dat", tmp_path / "net.onnx"
    source.write_bytes(network.data)
    convert(source, target)
    images = np.random.default_rng(5).integers(0, 256, (2, 3, 150, 150)).astype(np.float32)
    (result,) = ort.InferenceSession(str(target)).run(None, {"image": images})
    expected = np.stack([network.run(image) for image in images])
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(result, expected, atol=1e-4 * np.abs(expected).max())
    convert(source, tmp_path / "again.onnx")
    assert target.read_bytes() == (tmp_path / "again.onnx").read_bytes()


@examples(25, HealthCheck.function_scoped_fixture)
@given(cut=st.floats(0, 0.999), start=st.binary(max_size=12))
def test_anything_else_is_refused_as_a_value_error(
    network: MadeUpNetwork, tmp_path: Path, cut: float, start: bytes
) -> None:
    source = tmp_path / "net.dat"
    source.write_bytes(network.data[: int(cut * len(network.data))])
    with pytest.raises(ValueError, match=r"."):
        convert(source, tmp_path / "out.onnx")
    if not network.data.startswith(start):
        source.write_bytes(start + network.data[len(start) : 4000])
        with pytest.raises(ValueError, match=r"."):
            convert(source, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_a_longer_file_is_refused(network: MadeUpNetwork, tmp_path: Path) -> None:
    source = tmp_path / "net.dat"
    source.write_bytes(network.data + struct.pack("<I", 7))
    with pytest.raises(ValueError, match="4 bytes too many"):
        convert(source, tmp_path / "out.onnx")
