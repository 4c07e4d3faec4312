"""Session tokens: JWTs signed with ES256 by a key that all servers on one database share."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy import delete, select

from mien.clock import Clock
from mien.issuers import SESSIONS
from mien.liveness.errors import TokenFault, TokenRefusedError
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import SigningKeyRow

KEY_AGE: Final = timedelta(days=30)
"""A signing key is replaced by a new one after this long."""

_LONGEST_TOKEN: Final = timedelta(days=1)
_LOOKS_LIKE_KEY: Final = re.compile(r"[0-9A-Za-z]{20,90}")
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The claims of a verified token.

    Attributes:
        token_id: by which its session is found.
        session_id: the session's.
        nonce: the session's, which clients bind their proofs to.
    """

    token_id: UUID
    session_id: UUID
    nonce: str = ""


class Tokens:
    """Signs and reads session tokens.

    Args:
        database: the database with the signing keys.
        vault: encrypts them.
        clock: the clock.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, tuple[ECKey, datetime]] = {}

    def issue(self, claims: Mapping[str, Any], expires_at: datetime) -> str:
        """Return a signed token.

        Args:
            claims: its claims besides issuer, audience and times.
            expires_at: its expiry, at most a day from now.
        """
        key_id, key = self._signing_key()
        times = {"iat": int(self._clock.now().timestamp()), "exp": int(expires_at.timestamp())}
        payload = {"iss": SESSIONS, "aud": SESSIONS, **claims, **times}
        return jwt.encode({"alg": "ES256", "kid": key_id}, payload, key, algorithms=["ES256"])

    def read(self, token: str) -> TokenClaims:
        """Check a token's signature and time.

        Raises:
            TokenRefusedError: it is not a token, not ours, or has expired.
        """
        if token.count(".") != 2 or len(token) > _LONGEST:
            looks_like_key = _LOOKS_LIKE_KEY.fullmatch(token.strip()) is not None
            raise TokenRefusedError(TokenFault.KEY if looks_like_key else TokenFault.MALFORMED)
        try:
            decoded = jwt.decode(token, lambda guest: self._verifying_key(guest.headers()), algorithms=["ES256"])
            claims = decoded.claims
            if claims["iss"] != SESSIONS or claims["aud"] != SESSIONS:
                raise TokenRefusedError(TokenFault.FOREIGN)
            expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC)
            read = TokenClaims(UUID(claims["jti"]), UUID(claims["sid"]), str(claims.get("nonce", "")))
        except (JoseError, KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise TokenRefusedError(TokenFault.FOREIGN) from error
        if self._clock.now() >= expires_at:
            raise TokenRefusedError(TokenFault.EXPIRED)
        return read

    def purge(self) -> int:
        """Delete signing keys whose last token has expired; return their number."""
        old = self._clock.now() - KEY_AGE - 2 * _LONGEST_TOKEN
        with self._database.write(EVERY_RESOURCE) as session:
            gone = session.scalars(
                delete(SigningKeyRow).where(SigningKeyRow.created_at < old).returning(SigningKeyRow.key_id)
            ).all()
        for key_id in gone:
            self._keys.pop(key_id, None)
        return len(gone)

    def _verifying_key(self, header: Mapping[str, Any]) -> ECKey:
        key_id = header.get("kid")
        if not isinstance(key_id, str) or len(key_id) > 32:
            raise TokenRefusedError(TokenFault.FOREIGN)
        known = self._keys.get(key_id)
        if known is None:
            with self._database.read(EVERY_RESOURCE) as session:
                row = session.get(SigningKeyRow, key_id)
            if row is None:
                raise TokenRefusedError(TokenFault.FOREIGN)
            known = self._open(row)
        return known[0]

    def _signing_key(self) -> tuple[str, ECKey]:
        """Return the newest key; make one when it is old or there is none."""
        now = self._clock.now()
        with self._lock:
            fresh = {key_id: made for key_id, (_key, made) in self._keys.items() if now - made < KEY_AGE}
            if not fresh:
                row = self._newest_or_new(now)
                self._open(row)
                return row.key_id, self._keys[row.key_id][0]
            newest = max(fresh, key=lambda key_id: (fresh[key_id], key_id))
            return newest, self._keys[newest][0]

    def _newest_or_new(self, now: datetime) -> SigningKeyRow:
        key_id = secrets.token_hex(8)
        sealed = self._vault.seal(
            ECKey.generate_key("P-256").as_pem(private=True), resource_id=None, what=f"liveness_signing_keys/{key_id}"
        )
        with self._database.write(EVERY_RESOURCE) as session:
            self._database.lock(session, "liveness signing key")
            newest = session.scalar(select(SigningKeyRow).order_by(SigningKeyRow.created_at.desc()).limit(1))
            if newest is not None and now - newest.created_at < KEY_AGE:
                return newest
            row = SigningKeyRow(key_id=key_id, created_at=now, sealed=sealed)
            session.add(row)
        return row

    def _open(self, row: SigningKeyRow) -> tuple[ECKey, datetime]:
        pem = self._vault.open(row.sealed, resource_id=None, what=f"liveness_signing_keys/{row.key_id}")
        opened = (ECKey.import_key(pem), row.created_at)
        self._keys[row.key_id] = opened
        return opened
