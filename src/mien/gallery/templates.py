"""Storage of templates: packed, encrypted for their row, and read in bulk."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mien.search import EnrolledTemplates
from mien.storage import Vault
from mien.vision.types import Embedding

_NORM: Final = struct.Struct("<f")


@dataclass(frozen=True, slots=True)
class SealedFace:
    """The template columns of an enrolled face's row."""

    person_id: UUID
    face_id: UUID
    sealed: bytes


class Templates:
    """Encrypts and decrypts the templates of enrolled faces; each is bound to its own row.

    Args:
        vault: has the keys.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal(self, resource_id: UUID, collection: UUID, face_id: UUID, embedding: Embedding) -> bytes:
        """Encrypt a template for the row of a face. Do not call inside a writing session (see `Vault.seal`)."""
        plain = _NORM.pack(embedding.norm) + np.ascontiguousarray(embedding.vector, dtype="<f4").tobytes()
        return self._vault.seal(plain, resource_id=resource_id, what=_what(collection, face_id))

    def open(self, resource_id: UUID, collection: UUID, face_id: UUID, sealed: bytes) -> NDArray[np.float32]:
        """Return the decrypted template of a row, float32 (d,).

        Raises:
            CryptoError: it was altered, or belongs to another row.
        """
        plain = self._vault.open(sealed, resource_id=resource_id, what=_what(collection, face_id))
        return np.frombuffer(plain, dtype="<f4", offset=_NORM.size).astype(np.float32, copy=False)

    def reseal(
        self, resource_id: UUID, source: tuple[UUID, UUID], target: tuple[UUID, UUID, UUID], sealed: bytes
    ) -> bytes:
        """Re-encrypt a template of one row for another, possibly of another resource.

        Args:
            resource_id: id of the resource that owns the source.
            source: collection and face of the source row.
            target: resource, collection and face of the target row.
            sealed: the source's encrypted template; empty for a face that a re-embedding left out.
        """
        if not sealed:
            return sealed
        plain = self._vault.open(sealed, resource_id=resource_id, what=_what(*source))
        return self._vault.seal(plain, resource_id=target[0], what=_what(target[1], target[2]))

    def faces(self, resource_id: UUID, collection: UUID, rows: Iterable[SealedFace]) -> EnrolledTemplates:
        """Decrypt many rows of a collection, for a search."""
        persons, faces, vectors = bytearray(), bytearray(), bytearray()
        count = 0
        for row in rows:
            plain = self._vault.open(row.sealed, resource_id=resource_id, what=_what(collection, row.face_id))
            persons += row.person_id.bytes
            faces += row.face_id.bytes
            vectors += memoryview(plain)[_NORM.size :]
            count += 1
        dimension = len(vectors) // 4 // count if count else 0
        return EnrolledTemplates(
            np.frombuffer(persons, dtype=np.uint8).reshape(count, 16),
            np.frombuffer(faces, dtype=np.uint8).reshape(count, 16),
            np.frombuffer(vectors, dtype="<f4").astype(np.float32, copy=False).reshape(count, dimension),
        )


def _what(collection: UUID, face_id: UUID) -> str:
    return f"persisted_faces/{collection}/{face_id}"
