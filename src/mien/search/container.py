"""A file of named byte sections in checked chunks: plain with checksums, or encrypted.

Layout: magic (8 bytes) | header length (uint32) | header (JSON) | SHA-256 of all before it | sections. Numbers are
little-endian. A section is cut into chunks; each is followed by its CRC-32 (plain) or its AES-256-GCM tag (encrypted).
Chunks are checked when read, so one row can be read from a large file without reading the rest, and no unchecked byte
is used.

Encryption: every file has its own key, derived (HKDF-SHA-256) from the data key and the file's random salt, so the
position of a chunk can be its nonce. The header's hash is the associated data: a chunk from another file, position or
header does not decrypt.

Files are read with pread, not mapped: a truncated file then raises an error, not SIGBUS.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from mien.search.errors import TrainedIndexCorruptError, TrainedIndexKeyError

MAGIC = b"MIENSEG\x01"
_MAX_HEADER = 1 << 20
_REORDERED_BYTES = 16 << 20
"""Bytes of rows that are copied into order at a time."""
_CRC, _TAG = 4, 16


def derive_key(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    """Derive a 32-byte key for one purpose and salt (HKDF-SHA-256)."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"mien snapshot " + purpose).derive(key)


@dataclass(frozen=True, slots=True)
class ContainerSection:
    """A section to write.

    Attributes:
        array: any shape and type.
        chunk: bytes in a chunk; whole rows if there is an order.
        order: the rows in the order to write; they are copied a few at a time, to save memory.
    """

    array: NDArray[Any]
    chunk: int = 4 << 20
    order: NDArray[np.int64] | None = None

    def bodies(self) -> Iterator[memoryview]:
        """Yield the content of each chunk."""
        for part in self._parts():
            data = np.ascontiguousarray(part).reshape(-1).view(np.uint8).data
            for start in range(0, len(data), self.chunk):
                yield data[start : start + self.chunk]

    def _parts(self) -> Iterator[NDArray[Any]]:
        if self.order is None:
            yield self.array
            return
        rows, rest = divmod(self.chunk, self.array[:1].nbytes or self.chunk)
        if rest:
            raise ValueError("a chunk must contain whole rows")
        at_once = rows * max(1, _REORDERED_BYTES // self.chunk)
        for start in range(0, len(self.order), at_once):
            yield self.array[self.order[start : start + at_once]]


def write_container(
    path: Path, sections: Mapping[str, ContainerSection], meta: Mapping[str, Any], key: bytes | None
) -> str:
    """Write a new file and flush it to disk (the caller syncs the folder).

    Args:
        path: must not exist.
        sections: by name.
        meta: JSON to store in the header.
        key: data key to encrypt with; None for a plain file.

    Returns:
        SHA-256 (hex) of the header, which pins the file in a manifest.
    """
    salt = secrets.token_bytes(32) if key is not None else b""
    trailer = _TAG if key is not None else _CRC
    table: dict[str, dict[str, int]] = {}
    position = 0
    for name, section in sections.items():
        chunks = -(-section.array.nbytes // section.chunk)
        table[name] = {"offset": position, "length": section.array.nbytes, "chunk": section.chunk}
        position += section.array.nbytes + chunks * trailer
    header = json.dumps({"meta": dict(meta), "salt": salt.hex(), "sections": table, "size": position}).encode()
    prefix = MAGIC + struct.pack("<I", len(header)) + header
    digest = hashlib.sha256(prefix).digest()
    cipher = AESGCM(derive_key(key, salt, b"segment")) if key is not None else None
    with path.open("xb") as file:
        file.write(prefix + digest)
        for number, section in enumerate(sections.values()):
            for index, body in enumerate(section.bodies()):
                if cipher is None:
                    file.write(body)
                    file.write(struct.pack("<I", zlib.crc32(body)))
                else:
                    file.write(cipher.encrypt(_nonce(number, index), body, digest))
        file.flush()
        os.fsync(file.fileno())
    return digest.hex()


class Container:
    """An open container file. Thread-safe; the file may be deleted while it is open.

    Args:
        path: the file.
        key: data key if the file is encrypted.

    Attributes:
        meta: the `meta` passed to `write_container`.
        digest: SHA-256 (hex) of the header.

    Raises:
        FileNotFoundError: there is no such file.
        TrainedIndexCorruptError: the file is truncated, or its header is damaged.
        TrainedIndexKeyError: the file is encrypted and there is no key, or the other way round. A wrong key raises
            TrainedIndexCorruptError at the first read.
    """

    def __init__(self, path: Path, key: bytes | None) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._open(key)
        except BaseException:
            self.close()
            raise

    def _open(self, key: bytes | None) -> None:
        start = os.pread(self._fd, len(MAGIC) + 4, 0)
        if len(start) < len(MAGIC) + 4 or not start.startswith(MAGIC):
            raise TrainedIndexCorruptError(self.path, "not a trained index file of this version")
        (length,) = struct.unpack("<I", start[len(MAGIC) :])
        if length > _MAX_HEADER:
            raise TrainedIndexCorruptError(self.path, "its header is damaged")
        rest = os.pread(self._fd, length + 32, len(start))
        digest = hashlib.sha256(start + rest[:-32]).digest()
        if len(rest) < length + 32 or digest != rest[-32:]:
            raise TrainedIndexCorruptError(self.path, "its header is damaged")
        header = json.loads(rest[:-32])
        self._base = len(start) + len(rest)
        size = os.fstat(self._fd).st_size
        if size != self._base + header["size"]:
            raise TrainedIndexCorruptError(self.path, f"has {size} bytes instead of {self._base + header['size']}")
        salt = bytes.fromhex(header["salt"])
        if bool(salt) != (key is not None):
            raise TrainedIndexKeyError(self.path, "is encrypted and needs the key" if salt else "is not encrypted")
        self._cipher = AESGCM(derive_key(key, salt, b"segment")) if key is not None else None
        self._trailer = _TAG if key is not None else _CRC
        self._aad = digest
        self._table: dict[str, dict[str, int]] = header["sections"]
        self._numbers = {name: number for number, name in enumerate(self._table)}
        self.meta: dict[str, Any] = header["meta"]
        self.digest = digest.hex()

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the sections."""
        return tuple(self._table)

    def size(self, name: str) -> int:
        """Return the length of a section in bytes."""
        return self._table[name]["length"]

    def chunk(self, name: str, index: int) -> bytes | memoryview:
        """Read and check one chunk of a section.

        Raises:
            TrainedIndexCorruptError: it is damaged or, if encrypted, was altered or written with another key.
        """
        section = self._table[name]
        body = min(section["chunk"], section["length"] - index * section["chunk"])
        offset = self._base + section["offset"] + index * (section["chunk"] + self._trailer)
        raw = os.pread(self._fd, body + self._trailer, offset)
        if self._cipher is not None:
            try:
                return self._cipher.decrypt(_nonce(self._numbers[name], index), raw, self._aad)
            except InvalidTag:
                raise TrainedIndexCorruptError(
                    self.path, f"chunk {index} of {name} was altered or encrypted with another key"
                ) from None
        data = memoryview(raw)[:body]
        if len(raw) != body + self._trailer or struct.pack("<I", zlib.crc32(data)) != raw[body:]:
            raise TrainedIndexCorruptError(self.path, f"chunk {index} of {name} is damaged")
        return data

    def read(self, name: str) -> NDArray[np.uint8]:
        """Read and check a whole section; returns uint8 (length,)."""
        section = self._table[name]
        result = np.empty(section["length"], dtype=np.uint8)
        for index, start in enumerate(range(0, section["length"], section["chunk"])):
            body = self.chunk(name, index)
            result[start : start + len(body)] = np.frombuffer(body, dtype=np.uint8)
        return result

    def verify(self) -> None:
        """Read and check everything.

        Raises:
            TrainedIndexCorruptError: a chunk is damaged.
        """
        for name, section in self._table.items():
            for index in range(-(-section["length"] // section["chunk"])):
                self.chunk(name, index)

    def close(self) -> None:
        """Close the file; also called when the object is deleted."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self.close()


def _nonce(section: int, chunk: int) -> bytes:
    return struct.pack("<IQ", section, chunk)
