"""Checkpoints are read as tensors and nothing else: both formats, damaged files, and files that try to run code."""

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples

from mien.models.convert.torch_checkpoint import UnsafeCheckpointError, read_checkpoint

WEIGHT = np.arange(12, dtype=np.float32)


class _Global:
    """Pickled as a reference to a name that does not exist here."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Call:
    """Pickled as a call of a global with arguments."""

    def __init__(self, name: str, *arguments: Any) -> None:
        self.name, self.arguments = name, arguments


class _StorageRef:
    def __init__(self, key: str, length: int) -> None:
        self.key, self.length = key, length


_PurePythonPickler: Any = vars(pickle)["_Pickler"]


class _Pickler(_PurePythonPickler):  # type: ignore[misc]  # undocumented, and so untyped: it can be taught any name
    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, _StorageRef):
            return ("storage", _Global("torch FloatStorage"), obj.key, "cpu", obj.length)
        return None

    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        if isinstance(obj, _Global):
            module, name = obj.name.split()
            self.write(b"c" + f"{module}\n{name}\n".encode())
            return None
        if isinstance(obj, _Call):
            self.save(_Global(obj.name))
            self.save(obj.arguments)
            self.write(b"R")
            return None
        return super().save(obj, save_persistent_id)


def _pickled(value: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, 2).dump(value)
    return buffer.getvalue()


def _tensor(
    length: int = 12, shape: tuple[int, ...] = (3, 4), strides: tuple[int, ...] = (4, 1), offset: int = 0
) -> Any:
    return _Call(
        "torch._utils _rebuild_tensor_v2", _StorageRef("0", length), offset, shape, strides, False, OrderedDict()
    )


def _legacy(state: Any, numbers: np.ndarray[Any, Any] = WEIGHT) -> bytes:
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}]
    parts = [pickle.dumps(item, 2) for item in head]
    parts += [_pickled(state), pickle.dumps(["0"], 2), struct.pack("<q", len(numbers)), numbers.tobytes()]
    return b"".join(parts)


def _zip(state: Any, numbers: np.ndarray[Any, Any] = WEIGHT) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("net/data.pkl", _pickled(state))
        archive.writestr("net/byteorder", "little")
        archive.writestr("net/data/0", numbers.tobytes())
    return buffer.getvalue()


@pytest.fixture(params=[_legacy, _zip])
def pack(request: pytest.FixtureRequest) -> Any:
    return request.param


def _read(tmp_path: Path, data: bytes) -> Any:
    path = tmp_path / "net.pth"
    path.write_bytes(data)
    return read_checkpoint(path)


def test_tensors_come_out_with_shape_and_strides(tmp_path: Path, pack: Any) -> None:
    state = OrderedDict(
        plain=_tensor(), turned=_tensor(shape=(4, 3), strides=(1, 4)), scalar=_tensor(shape=(), strides=())
    )
    result = _read(tmp_path, pack(state))
    np.testing.assert_array_equal(result["plain"], WEIGHT.reshape(3, 4))
    np.testing.assert_array_equal(result["turned"], WEIGHT.reshape(3, 4).T)
    assert result["scalar"] == 0


def test_nested_state_dicts_and_the_parallel_prefix_are_unwrapped(tmp_path: Path, pack: Any) -> None:
    result = _read(tmp_path, pack({"epoch": 7, "state_dict": {"module.conv.weight": _tensor()}}))
    assert list(result) == ["conv.weight"]


@pytest.mark.parametrize(
    "name",
    [
        "os system",
        "posix system",
        "builtins eval",
        "torch load",
        "torch.storage _load_from_bytes",
        "collections Counter",
    ],
)
def test_any_other_name_is_refused_and_never_called(tmp_path: Path, pack: Any, name: str) -> None:
    witness = tmp_path / "ran"
    with pytest.raises(UnsafeCheckpointError, match=name.split()[1]):
        _read(tmp_path, pack({"x": _tensor(), "y": _Call(name, f"touch {witness}")}))
    assert not witness.exists()


def test_a_plain_pickle_with_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    with pytest.raises(UnsafeCheckpointError):
        _read(tmp_path, pickle.dumps(Evil()))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "tensor",
    [
        _tensor(shape=(3, 5)),
        _tensor(offset=1),
        _tensor(strides=(-4, 1)),
        _tensor(offset=-1),
        _tensor(shape=(10**9, 10**9), strides=(0, 0)),
        _tensor(length=10**12),
    ],
)
def test_tensors_beyond_their_storage_are_refused(tmp_path: Path, pack: Any, tensor: Any) -> None:
    with pytest.raises(UnsafeCheckpointError):
        _read(tmp_path, pack({"x": tensor}))


@given(position=st.integers(0, 10_000), flip=st.integers(1, 255), cut=st.booleans())
@examples(300)
def test_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, position: int, flip: int, cut: bool
) -> None:
    data = bytearray(_legacy({"x": _tensor()}))
    position %= len(data)
    if cut:
        del data[position:]
    else:
        data[position] ^= flip
    try:
        result = _read(tmp_path_factory.mktemp("damaged"), bytes(data))
    except UnsafeCheckpointError:
        return
    assert all(isinstance(array, np.ndarray) for array in result.values())


def test_a_memo_of_gigabytes_is_refused_before_it_is_made(tmp_path: Path) -> None:
    data = _legacy({"x": _tensor()})
    state = data.index(b"x", data.index(b"little_endian"))
    put = data.index(b"q", state)  # BINPUT of one byte becomes LONG_BINPUT of four
    damaged = data[:put] + b"r\xff\xff\xff\x7f" + data[put + 2 :]
    with pytest.raises(UnsafeCheckpointError, match="memo"):
        _read(tmp_path, damaged)
