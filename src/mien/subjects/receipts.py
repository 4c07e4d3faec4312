"""Receipts of erasures: what was deleted, in numbers and hashes, signed so that nobody can change them unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy import select

from mien.clock import Clock
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import ReceiptKeyRow
from mien.subjects.errors import InvalidReceiptError

TYPE: Final = "mien-erasure-receipt-1"
_LONGEST: Final = 50_000_000


@dataclass(frozen=True, slots=True)
class Verified:
    """The content of a verified receipt.

    Attributes:
        receipt: its contents.
        key_id: RFC 7638 thumbprint of the key that signed it.
    """

    receipt: Mapping[str, Any]
    key_id: str

    def covers(self, some_id: str) -> bool:
        """Whether the person, face or session of this id was deleted by the erasure."""
        return hash_of(some_id, str(self.receipt["salt"])) in self.receipt["id_hashes"]


class Receipts:
    """Signs and checks receipts, with ES256 (RFC 7518).

    Args:
        database: where the keys are.
        vault: seals their private halves.
        clock: stamps new keys.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def sign(self, receipt: Mapping[str, Any]) -> str:
        """Return a receipt as a JSON document with its signature. Not inside a writing session."""
        row = self._key()
        key = ECKey.import_key(self._vault.open(row.sealed, resource_id=None, what=_what(row.key_id)))
        header = {"alg": "ES256", "kid": row.key_id, "typ": TYPE}
        compact = jws.serialize_compact(header, _canonical(receipt), key, algorithms=["ES256"])
        return json.dumps({"receipt": receipt, "signature": compact}, indent=2, ensure_ascii=False)

    def verify(self, document: str, key: str | None = None) -> Verified:
        """Check a receipt.

        Args:
            document: as `sign` made it.
            key: the public key that it must be signed by, a JSON Web Key or PEM; None for the keys of this server.

        Raises:
            InvalidReceiptError: it is no receipt, is signed by another key, or was changed.
        """
        try:
            if len(document) > _LONGEST:
                raise InvalidReceiptError("this is too long for a receipt")
            outer = json.loads(document, object_pairs_hook=_once)
            shown, compact = outer["receipt"], outer["signature"]
            checked = jws.deserialize_compact(
                compact, lambda guest: self._public(guest.headers(), key), algorithms=["ES256"]
            )
            signed = json.loads(checked.payload)
        except InvalidReceiptError:
            raise
        except JoseError as error:
            raise InvalidReceiptError("the signature is not that of this server's key") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidReceiptError("this is not a receipt") from error
        if checked.headers().get("typ") != TYPE or signed.get("type") != TYPE:
            raise InvalidReceiptError("what was signed is not a receipt")
        if _canonical(shown) != _canonical(signed):
            raise InvalidReceiptError("the receipt was changed after it was signed")
        return Verified(signed, str(checked.headers()["kid"]))

    def check(self, document: str) -> tuple[Verified | None, str | None]:
        """As `verify`, but answers with the reason instead of raising it."""
        try:
            return self.verify(document), None
        except InvalidReceiptError as error:
            return None, str(error)

    @staticmethod
    def document(text: str) -> dict[str, Any]:
        """Return a receipt of `sign` as JSON."""
        parsed: dict[str, Any] = json.loads(text)
        return parsed

    def public_key(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key, for verifying receipts elsewhere."""
        row = self._key()
        return {**json.loads(row.public), "kid": row.key_id, "alg": "ES256", "use": "sig"}

    def _public(self, header: Mapping[str, Any], given: str | None) -> ECKey:
        if given is not None:
            try:
                return ECKey.import_key(json.loads(given) if given.lstrip().startswith("{") else given)
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise InvalidReceiptError("the key is neither a JSON Web Key nor PEM of the curve P-256") from error
        key_id = header.get("kid")
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.get(ReceiptKeyRow, key_id) if isinstance(key_id, str) and len(key_id) <= 64 else None
        if row is None:
            raise InvalidReceiptError("it is signed by a key that this server does not have")
        return ECKey.import_key(json.loads(row.public))

    def _key(self) -> ReceiptKeyRow:
        newest = select(ReceiptKeyRow).order_by(ReceiptKeyRow.created_at.desc(), ReceiptKeyRow.key_id).limit(1)
        with self._database.read(EVERY_RESOURCE) as session:
            if (row := session.scalar(newest)) is not None:
                return row
        key = ECKey.generate_key("P-256")
        key_id = key.thumbprint()
        sealed = self._vault.seal(key.as_pem(private=True), resource_id=None, what=_what(key_id))
        with self._database.write(EVERY_RESOURCE) as session:
            self._database.lock(session, "receipt key")
            if (row := session.scalar(newest)) is not None:  # another process was faster
                return row
            public = json.dumps(key.as_dict(private=False))
            row = ReceiptKeyRow(key_id=key_id, created_at=self._clock.now(), public=public, sealed=sealed)
            session.add(row)
        return row


def hash_of(some_id: str, salt: str) -> str:
    """Return a receipt's hash of an id: only those who know the id can recognise it."""
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


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that is given twice: two readers could see two receipts."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is given twice")
    return made


def _what(key_id: str) -> str:
    return f"receipt_keys/{key_id}"
