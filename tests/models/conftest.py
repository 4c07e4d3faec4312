"""Small real networks, and packs of them in hand-made wheels."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mien.models.store import ModelStore

DIMENSION = 32


@dataclass(frozen=True)
class SmallRecogniser:
    """A network of one pooling and one projection, and the same in numpy."""

    path: Path
    weights: NDArray[np.float32]

    def run(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """From float32 (n, 3, 112, 112) to (n, 32)."""
        pooled = x.reshape(len(x), 3, 7, 16, 7, 16).mean(axis=(3, 5))
        return np.asarray(pooled.reshape(len(x), -1) @ self.weights)


MakeRecogniser = Callable[..., SmallRecogniser]


@pytest.fixture
def make_recogniser(tmp_path: Path) -> MakeRecogniser:
    def make(
        name: str = "small.onnx", *, batch: str | int = "batch", seed: int = 1, size: int = 112
    ) -> SmallRecogniser:
        weights = np.random.default_rng(seed).normal(0, 1, (147, DIMENSION)).astype(np.float32)
        graph = helper.make_graph(
            [
                helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[size // 7] * 2, strides=[size // 7] * 2),
                helper.make_node("Flatten", ["p"], ["f"]),
                helper.make_node("MatMul", ["f", "w"], ["embedding"]),
            ],
            "small",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, size, size])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, DIMENSION])],
            [numpy_helper.from_array(weights, "w")],
        )
        path = tmp_path / name
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
        return SmallRecogniser(path, weights)

    return make


@dataclass
class TinyPack:
    """A pack "tiny" known to a store, whose file lies in a wheel in `links`."""

    store: ModelStore
    links: Path
    wheel: Path
    network: SmallRecogniser
    table: dict[str, Any]

    def write(self) -> None:
        """Write the manifest, after `table` was changed."""
        folder = self.store.root / "packs"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tiny.toml").write_text(
            "".join(f"{key} = {_toml(value)}\n" for key, value in self.table.items()), encoding="utf-8"
        )

    @property
    def file(self) -> dict[str, Any]:
        """The table of its one file."""
        file: dict[str, Any] = self.table["files"]["network"]
        return file


@pytest.fixture
def tiny(tmp_path: Path, make_recogniser: MakeRecogniser, monkeypatch: pytest.MonkeyPatch) -> TinyPack:
    """`TinyPack`, with pip told to look for wheels in its folder and nowhere else."""
    network = make_recogniser()
    links = tmp_path / "links"
    links.mkdir()
    wheel = make_wheel(links, network.path)
    data = network.path.read_bytes()
    table = {
        "name": "tiny",
        "version": "1",
        "task": "recogniser",
        "summary": "a test's recogniser",
        "licence": {"spdx": "CC0-1.0", "attribution": "nobody"},
        "files": {
            "network": {
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
                "source": {
                    "kind": "package",
                    "package": "tiny-weights",
                    "version": "1.0",
                    "wheel_sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
                    "member": "tiny_weights/small.onnx",
                },
                "input": {
                    "width": 112,
                    "height": 112,
                    "colour": "rgb",
                    "template": [[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]],
                },
                "output": {"dimension": DIMENSION},
            }
        },
    }
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    pack = TinyPack(ModelStore(tmp_path / "store"), links, wheel, network, table)
    pack.write()
    return pack


def make_wheel(folder: Path, member: Path) -> Path:
    """Write the wheel tiny_weights 1.0 with one file in it."""
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    info = "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(member, f"tiny_weights/{member.name}")
        archive.writestr("tiny_weights/__init__.py", "raise RuntimeError('this package must never be imported')\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
