"""Signed documents: JSON with an ES256 signature by a key that the server stores encrypted.

Erasure receipts and dossiers are such documents. Their types differ, so that one cannot pass for the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy import select

from mien.clock import Clock
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import ReceiptKeyRow
from mien.subjects.errors import InvalidDocumentError

_LONGEST: Final = 50_000_000


@dataclass(frozen=True, slots=True)
class SignedKind:
    """A kind of signed documents.

    Attributes:
        purpose: type in the signature's header and in the document.
        name: name of the document in its file, and in messages.
        error: raised if verification fails.
    """

    purpose: str
    name: str
    error: type[InvalidDocumentError] = InvalidDocumentError


class Signer:
    """Signs and checks documents of one kind, with ES256 (RFC 7518).

    Args:
        database: the database with the keys.
        vault: encrypts the private keys.
        clock: the clock.
        kind: kind of the documents.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, kind: SignedKind) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self.kind: Final = kind

    def sign(self, content: Mapping[str, Any]) -> str:
        """Return a document with its signature as JSON. Do not call inside a writing session."""
        row = self._key()
        key = ECKey.import_key(self._vault.open(row.sealed, resource_id=None, what=_what(row.key_id)))
        header = {"alg": "ES256", "kid": row.key_id, "typ": self.kind.purpose}
        compact = jws.serialize_compact(header, _canonical(content), key, algorithms=["ES256"])
        return json.dumps({self.kind.name: content, "signature": compact}, indent=2, ensure_ascii=False)

    def opened(self, document: str, key: str | None = None) -> tuple[Mapping[str, Any], str]:
        """Check a document.

        Args:
            document: the output of `sign`.
            key: public key that must have signed it, as JSON Web Key or PEM; None for the keys of this server.

        Returns:
            The signed content, and the RFC 7638 thumbprint of the key.

        Raises:
            InvalidDocumentError: it is not such a document, is signed by another key, or was changed; an instance of
                the kind's `error`.
        """
        name, error = self.kind.name, self.kind.error
        try:
            if len(document) > _LONGEST:
                raise error(f"this is too long for a {name}")
            outer = json.loads(document, object_pairs_hook=_once)
            shown, compact = outer[name], outer["signature"]
            checked = jws.deserialize_compact(
                compact, lambda guest: self._public(guest.headers(), key), algorithms=["ES256"]
            )
            signed: Mapping[str, Any] = json.loads(checked.payload)
        except InvalidDocumentError:
            raise
        except JoseError as wrong:
            raise error("the signature is not that of this server's key") from wrong
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as wrong:
            raise error(f"this is not a {name}") from wrong
        if checked.headers().get("typ") != self.kind.purpose or signed.get("type") != self.kind.purpose:
            raise error(f"what was signed is not a {name}")
        if _canonical(shown) != _canonical(signed):
            raise error(f"the {name} was changed after it was signed")
        return signed, str(checked.headers()["kid"])

    def public_key(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key, for verifying documents elsewhere."""
        row = self._key()
        return {**json.loads(row.public), "kid": row.key_id, "alg": "ES256", "use": "sig"}

    def _public(self, header: Mapping[str, Any], given: str | None) -> ECKey:
        if given is not None:
            try:
                return ECKey.import_key(json.loads(given) if given.lstrip().startswith("{") else given)
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise self.kind.error("the key is neither a JSON Web Key nor PEM of the curve P-256") from error
        key_id = header.get("kid")
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.get(ReceiptKeyRow, key_id) if isinstance(key_id, str) and len(key_id) <= 64 else None
        if row is None:
            raise self.kind.error("it is signed by a key that this server does not have")
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


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse duplicate names in JSON objects, which parsers could read differently."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is given twice")
    return made


def _what(key_id: str) -> str:
    return f"receipt_keys/{key_id}"
