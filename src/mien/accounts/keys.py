"""The form in which a resource's keys are kept: a keyed hash to find them by, a ciphertext to show them with."""

from __future__ import annotations

import secrets
from uuid import UUID

from mien.clock import Clock
from mien.storage import Vault
from mien.storage.tables import KeyRow


def new_key() -> str:
    """Return a fresh key: 128 random bits in 32 hexadecimal characters, as Azure's are written."""
    return secrets.token_hex(16)


class SealedKeys:
    """Creates and decrypts the rows of keys."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def row(self, resource_id: UUID, slot: int, key: str) -> KeyRow:
        """Return the row of a key; call it before a writing session is open (see `Vault.seal`)."""
        return KeyRow(
            resource_id=resource_id,
            slot=slot,
            lookup=self._vault.keyed_hash(key),
            # under the service's own data key: the resource may not be there yet
            sealed=self._vault.seal(key.encode("ascii"), resource_id=None, what=_what(resource_id, slot)),
            created_at=self._clock.now(),
        )

    def open(self, resource_id: UUID, slot: int, sealed: bytes) -> str:
        """Return a key in clear.

        Raises:
            CryptoError: it was changed or moved from another row.
        """
        return self._vault.open(sealed, resource_id=None, what=_what(resource_id, slot)).decode("ascii")


def _what(resource_id: UUID, slot: int) -> str:
    return f"keys/{resource_id}/{slot}"
