"""Encryption of the templates of negatives."""

from __future__ import annotations

from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mien.storage import Vault
from mien.storage.tables import PersonNegativeRow
from mien.vision.types import Embedding


class NegativeTemplates:
    """Encrypts and decrypts the templates of negatives.

    Args:
        vault: has the keys of resources.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal(self, resource_id: UUID, negative_id: UUID, embedding: Embedding) -> bytes:
        """Return the encrypted template of a negative."""
        plain = np.ascontiguousarray(embedding.vector, dtype="<f4").tobytes()
        return self._vault.seal(plain, resource_id=resource_id, what=_what(negative_id))

    def open(self, row: PersonNegativeRow) -> NDArray[np.float32]:
        """Return the decrypted template of a negative, unit float32 (d,)."""
        plain = self._vault.open(row.sealed, resource_id=row.resource_id, what=_what(row.negative_id))
        return np.frombuffer(plain, dtype="<f4").astype(np.float32, copy=False)


def _what(negative_id: UUID) -> str:
    return f"person_negatives/{negative_id}"
