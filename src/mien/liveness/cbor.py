"""The part of CBOR (RFC 8949) that attestation objects use: maps, arrays, texts, bytes, whole numbers."""

from __future__ import annotations

from typing import Any, Final

_DEEPEST: Final = 8
_SIZES: Final = {24: 1, 25: 2, 26: 4, 27: 8}


class CborError(ValueError):
    """The bytes are not an attestation object."""


def decode(data: bytes) -> Any:
    """Return the decoded value; no bytes may follow it.

    Raises:
        CborError: they are malformed, too deep, or of kinds that attestation objects do not have.
    """
    value, end = _item(data, 0, 0)
    if end != len(data):
        raise CborError("something follows the object")
    return value


def _item(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if at >= len(data) or depth > _DEEPEST:
        raise CborError("the object ends early, or is too deep")
    kind, count = data[at] >> 5, data[at] & 31
    at += 1
    if count >= 24:
        size = _SIZES.get(count)
        if size is None or at + size > len(data):
            raise CborError("a length is malformed")
        count, at = int.from_bytes(data[at : at + size], "big"), at + size
    if kind in {0, 1}:
        return (count if kind == 0 else -1 - count), at
    if count > len(data) - at:
        raise CborError("a length is beyond the end")
    if kind in {2, 3}:
        raw = data[at : at + count]
        try:
            return (raw if kind == 2 else raw.decode()), at + count
        except UnicodeDecodeError as error:
            raise CborError("a text is not UTF-8") from error
    if kind not in {4, 5}:
        raise CborError("a value is of another kind")
    values = []
    for _ in range(count * (kind - 3)):
        value, at = _item(data, at, depth + 1)
        values.append(value)
    if kind == 4:
        return values, at
    keys = values[::2]
    if not all(isinstance(key, str | int) for key in keys):
        raise CborError("a name is neither a text nor a number")
    return dict(zip(keys, values[1::2], strict=True)), at
