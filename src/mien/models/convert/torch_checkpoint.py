"""Reads the tensors of an untrusted PyTorch checkpoint (`.pth`, `.pt`) without PyTorch.

A checkpoint is a pickle, and unpickling an untrusted file can run arbitrary code. The unpickler here resolves only a
few names, each to a harmless class or function of this module, and refuses all others. Both formats are supported: the
zip archive (PyTorch ≥ 1.6) and the older stream of pickles.
"""

from __future__ import annotations

import io
import math
import pickle  # only through the restricted unpickler below
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_STORAGE_TYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}


class UnsafeCheckpointError(ValueError):
    """The file refers to something other than tensors, or is not a checkpoint."""


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: str


@dataclass(frozen=True, slots=True)
class _Storage:
    """The storage of tensors, which are views of it; its bytes are stored under `key`."""

    key: str
    dtype: str
    length: int


@dataclass(frozen=True, slots=True)
class _TensorView:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_checkpoint(path: Path) -> dict[str, Array]:
    """Read all tensors of a checkpoint that contains a state dict.

    The state dict may be nested under "state_dict" or "model". The prefix "module.", which training on several devices
    adds, is removed.

    Args:
        path: a `.pth` or `.pt` file, zip or legacy.

    Returns:
        Tensors by name, in the file's order; contiguous copies in the file's number types.

    Raises:
        UnsafeCheckpointError: if the file is damaged, refers to a global that tensors do not need, or a tensor exceeds
            its storage.
    """
    try:
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                state, storages = _read_zip(file)
            else:
                file.seek(0)
                state, storages = _read_legacy(file, path.stat().st_size)
    except UnsafeCheckpointError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly any exception
        message = f"{path.name} is not a readable PyTorch checkpoint: {error}"
        raise UnsafeCheckpointError(message) from error
    named = _state_dict(state)
    return {name.removeprefix("module."): _view(tensor, storages, name) for name, tensor in named.items()}


class _Unpickler(pickle.Unpickler):
    """Resolves only the names that a state dict needs, to objects of this module."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="utf-8")
        self._file = file
        self.storages: dict[str, _Storage] = {}

    def load_from(self) -> Any:
        """Check and read one pickle."""
        _check_instructions(self._file)
        return self.load()

    def find_class(self, module: str, name: str) -> Any:
        """Resolve `module.name`, or refuse."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name in {"_rebuild_tensor", "_rebuild_tensor_v2"}:
            return _rebuild_tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _rebuild_parameter
        if module in {"torch", "torch.storage"} and name in _STORAGE_TYPES:
            return _StorageType(_STORAGE_TYPES[name])
        message = f"the checkpoint asks for {module}.{name}, which no tensor needs"
        raise UnsafeCheckpointError(message)

    def persistent_load(self, pid: Any) -> _Storage:
        """Record a storage, whose bytes are elsewhere in the file."""
        match pid:
            case ("storage", _StorageType(dtype=dtype), str(key), str(), int(length), *rest) if rest in ([], [None]):
                storage = _Storage(key, dtype, length)
            case _:
                message = "the checkpoint refers to something that is not a plain storage"
                raise UnsafeCheckpointError(message)
        if self.storages.setdefault(key, storage) != storage:
            message = f"storage {key} is described in two ways"
            raise UnsafeCheckpointError(message)
        return storage


def _check_instructions(file: IO[bytes]) -> None:
    """Refuse a pickle that would need memory out of proportion to its length; restores the file position.

    The unpickler allocates its memo for the highest index before it stores anything, so one damaged byte can request
    tens of gigabytes. Well-formed pickles number the memo from 0 upwards.
    """
    start, stored = file.tell(), 0
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in {"PUT", "BINPUT", "LONG_BINPUT"}:
            stored += 1
            if argument is None or int(argument) > stored:
                message = "the checkpoint's pickle is damaged: its memo is not numbered in order"
                raise UnsafeCheckpointError(message)
    file.seek(start)


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _TensorView:
    if not isinstance(storage, _Storage):
        message = "a tensor without a storage"
        raise UnsafeCheckpointError(message)
    return _TensorView(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _rebuild_parameter(tensor: Any, *_: Any) -> Any:
    return tensor


def _read_zip(file: IO[bytes]) -> tuple[Any, dict[str, Array]]:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        (index,) = (name for name in names if name.endswith("data.pkl"))
        root = index.removesuffix("data.pkl")
        if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
            message = "big-endian checkpoints are not read"
            raise UnsafeCheckpointError(message)
        unpickler = _Unpickler(io.BytesIO(archive.read(index)))
        state = unpickler.load_from()
        storages = {}
        for key, storage in unpickler.storages.items():
            member = f"{root}data/{key}"
            # The size is checked before reading, so that a compressed member cannot expand beyond its declared size.
            if archive.getinfo(member).file_size != storage.length * np.dtype(storage.dtype).itemsize:
                message = f"storage {key} has not the size described"
                raise UnsafeCheckpointError(message)
            storages[key] = np.frombuffer(archive.read(member), storage.dtype)
    return state, storages


def _read_legacy(file: IO[bytes], size: int) -> tuple[Any, dict[str, Array]]:
    if _Unpickler(file).load_from() != _LEGACY_MAGIC or _Unpickler(file).load_from() != _LEGACY_PROTOCOL:
        message = "neither a zip archive nor a legacy PyTorch file"
        raise UnsafeCheckpointError(message)
    if not _Unpickler(file).load_from()["little_endian"]:
        message = "big-endian checkpoints are not read"
        raise UnsafeCheckpointError(message)
    unpickler = _Unpickler(file)
    state = unpickler.load_from()
    storages = {}
    for key in _Unpickler(file).load_from():
        storage = unpickler.storages[key]
        (length,) = struct.unpack("<q", file.read(8))
        length_bytes = storage.length * np.dtype(storage.dtype).itemsize
        if length != storage.length or not 0 <= length_bytes <= size:
            message = f"storage {key} has not the size described"
            raise UnsafeCheckpointError(message)
        storages[key] = np.frombuffer(file.read(length_bytes), storage.dtype, storage.length)
    return state, storages


def _state_dict(state: Any) -> Mapping[str, _TensorView]:
    for nest in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(dict.get(state, nest), dict):
            state = dict.get(state, nest)
    if not isinstance(state, dict):
        message = "the checkpoint holds no state dict"
        raise UnsafeCheckpointError(message)
    named = {name: value for name, value in dict.items(state) if isinstance(value, _TensorView)}
    if not named or not all(isinstance(name, str) for name in named):
        message = "the checkpoint holds no named tensors"
        raise UnsafeCheckpointError(message)
    return named


def _view(tensor: _TensorView, storages: Mapping[str, Array], name: str) -> Array:
    storage = storages[tensor.storage.key]
    sizes = (tensor.offset, *tensor.shape, *tensor.strides)
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    if min(sizes, default=0) < 0 or (math.prod(tensor.shape) > 0 and last >= len(storage)):
        message = f"tensor {name} reaches beyond its storage"
        raise UnsafeCheckpointError(message)
    if math.prod(tensor.shape) > len(storage):
        message = f"tensor {name} repeats its storage"
        raise UnsafeCheckpointError(message)
    item = storage.dtype.itemsize
    view = np.lib.stride_tricks.as_strided(
        storage[tensor.offset :], tensor.shape, [stride * item for stride in tensor.strides], writeable=False
    )
    return np.array(view)
