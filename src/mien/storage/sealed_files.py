"""A file that a passphrase opens: chunks of AES-256-GCM under a key that scrypt derives.

Layout: magic (8 bytes), salt (16), then chunks of at most 1 MiB of content, each with its length (4 bytes, big endian,
encrypted size), ciphertext and tag. A chunk's nonce is its number; its associated data says whether it is the last, so
that truncated, repeated or reordered chunks are detected (the STREAM construction of Hoang, Reyhanitabar, Rogaway and
Vizár, 2015). The salt is random, so no key is used for two files. scrypt: N = 2^17, r = 8, p = 1 (128 MB), OWASP's
recommendation (password storage cheat sheet, 2024).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from io import RawIOBase
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAGIC: Final = b"MIENSEA1"
CHUNK: Final = 1 << 20
SHORTEST_PASSPHRASE: Final = 12
_SALT: Final = 16
_LENGTH: Final = struct.Struct(">I")


class SealedFileError(Exception):
    """An encrypted file cannot be decrypted: another passphrase, or it was changed or truncated."""


def check_passphrase(passphrase: str) -> None:
    """Refuse a passphrase that is too short to protect a master key.

    Raises:
        ValueError: it has fewer than `SHORTEST_PASSPHRASE` characters.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise ValueError(f"a passphrase has at least {SHORTEST_PASSPHRASE} characters")


class SealingWriter(RawIOBase):
    """A binary file whose content is encrypted while it is written to another.

    Args:
        target: file for the encrypted bytes; stays open.
        passphrase: passphrase that decrypts it.

    Close it: the last chunk says that it is the last.
    """

    _begun = False

    def __init__(self, target: BinaryIO, passphrase: str) -> None:
        check_passphrase(passphrase)
        salt = os.urandom(_SALT)
        self._target = target
        self._cipher = AESGCM(_derive(passphrase, salt))
        self._pending = bytearray()
        self._number = 0
        target.write(MAGIC + salt)
        self._begun = True

    def writable(self) -> bool:
        """Return that it is."""
        return True

    def write(self, data: object) -> int:
        """Write bytes."""
        view = memoryview(data)  # type: ignore[arg-type]  # the base class takes any buffer
        self._pending += view
        while len(self._pending) > CHUNK:
            self._put(bytes(self._pending[:CHUNK]), last=False)
            del self._pending[:CHUNK]
        return view.nbytes

    def close(self) -> None:
        """Write the last chunk."""
        if not self.closed:
            if self._begun:  # Python also closes what was refused a passphrase
                self._put(bytes(self._pending), last=True)
            super().close()

    def _put(self, content: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number), content, b"last" if last else b"more")
        self._target.write(_LENGTH.pack(len(sealed)) + sealed)
        self._number += 1


class OpeningReader(RawIOBase):
    """The content of an encrypted file, in order.

    Args:
        source: positioned behind the magic.
        passphrase: its passphrase.

    Raises:
        SealedFileError: while reading: the passphrase is another, or the file was changed or cut off.
    """

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        self._chunks = _open_chunks(source, AESGCM(_derive(passphrase, source.read(_SALT))))
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer; 0 at the end."""
        target = memoryview(buffer)  # type: ignore[arg-type]  # the base class takes any buffer
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def is_sealed(source: BinaryIO) -> bool:
    """Return whether a file begins as a sealed one; leaves it behind the magic if so, at its beginning if not."""
    if source.read(len(MAGIC)) == MAGIC:
        return True
    source.seek(0)
    return False


def _open_chunks(source: BinaryIO, cipher: AESGCM) -> Iterator[bytes]:
    number = 0
    while True:
        head = source.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            raise SealedFileError("the file is cut off")
        (length,) = _LENGTH.unpack(head)
        if length > CHUNK + 16:
            raise SealedFileError("the file was changed")
        sealed = source.read(length)
        last = False
        try:
            content = cipher.decrypt(_nonce(number), sealed, b"more")
        except InvalidTag:
            try:
                content = cipher.decrypt(_nonce(number), sealed, b"last")
            except InvalidTag:
                reason = (
                    "the passphrase is another one, or the file was changed" if number == 0 else "the file was changed"
                )
                raise SealedFileError(reason) from None
            last = True
        if content:
            yield content
        if last:
            if source.read(1):
                raise SealedFileError("something was put behind the end of the file")
            return
        number += 1


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _derive(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=1 << 17, r=8, p=1).derive(passphrase.encode("utf-8"))
