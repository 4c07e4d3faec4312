"""Receipts of erasures: counts and hashed ids of the deleted data, signed to detect changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mien.clock import Clock
from mien.storage import Database, Vault
from mien.subjects.errors import InvalidReceiptError
from mien.subjects.signing import SignedKind, Signer

TYPE: Final = "mien-erasure-receipt-1"


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """The content of a verified receipt.

    Attributes:
        receipt: its content.
        key_id: RFC 7638 thumbprint of the signing key.
    """

    receipt: Mapping[str, Any]
    key_id: str

    def covers(self, some_id: str) -> bool:
        """Whether the erasure deleted the person, face or session with this id."""
        return hash_of(some_id, str(self.receipt["salt"])) in self.receipt["id_hashes"]


class Receipts(Signer):
    """Signs and checks receipts.

    Args:
        database: the database with the keys.
        vault: encrypts the private keys.
        clock: the clock.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        super().__init__(database, vault, clock, SignedKind(TYPE, "receipt", InvalidReceiptError))

    def verify(self, document: str, key: str | None = None) -> VerifiedReceipt:
        """Check a receipt.

        Args:
            document: the output of `sign`.
            key: public key that must have signed it, as JSON Web Key or PEM; None for the keys of this server.

        Raises:
            InvalidReceiptError: it is not a receipt, is signed by another key, or was changed.
        """
        return VerifiedReceipt(*self.opened(document, key))

    def check(self, document: str) -> tuple[VerifiedReceipt | None, str | None]:
        """Verify like `verify`, but return the error's text instead of raising."""
        try:
            return self.verify(document), None
        except InvalidReceiptError as error:
            return None, str(error)

    @staticmethod
    def document(text: str) -> dict[str, Any]:
        """Parse a receipt of `sign`."""
        parsed: dict[str, Any] = json.loads(text)
        return parsed


def hash_of(some_id: str, salt: str) -> str:
    """Return a receipt's hash of an id; only someone who knows the id can recognise it."""
    return hashlib.sha256(f"{salt}/{some_id.lower()}".encode()).hexdigest()


def read_file(path: Path) -> str:
    """Return a receipt's text.

    Raises:
        InvalidReceiptError: it is not text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidReceiptError("this is not a receipt") from error
