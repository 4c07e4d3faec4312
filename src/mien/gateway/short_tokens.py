"""The token exchange (`POST /sts/v1.0/issueToken`): returns a token that replaces a key for ten minutes.

A token contains the encrypted key and is accepted wherever the key is, so it is revoked with the key. Tokens are not
stored.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey
from joserfc.jws import extract_compact
from joserfc.jwt import JWTClaimsRegistry

from mien.accounts import Resource
from mien.clock import Clock
from mien.gateway.errors import BadTokenError

LIFE: Final = timedelta(minutes=10)

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "urn:ms.cognitiveservices"
_AUDIENCE: Final = "urn:ms.face"
_KEY_ID: Final = "mien-sts"
_NONCE_BYTES: Final = 12
_MAX_CHARACTERS: Final = 4096


class ShortTokens:
    """Creates and reads the tokens.

    Args:
        keyed_hash: derives 32 bytes from a name and a secret that all servers of a database share.
        clock: the clock.
    """

    def __init__(self, keyed_hash: Callable[[str], bytes], clock: Clock) -> None:
        self._signing = OctKey.import_key(keyed_hash("token exchange: signing"))
        self._sealing = AESGCM(keyed_hash("token exchange: sealing"))
        self._clock = clock

    def issue(self, key: str, resource: Resource) -> str:
        """Return a token for a key of a resource."""
        now = self._clock.now()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._sealing.encrypt(nonce, key.encode(), resource.id.bytes)
        claims = {
            "region": resource.location,
            "product-id": f"Face.{resource.sku}",
            "sub": str(resource.id),
            "key": urlsafe_b64encode(sealed).decode(),
            "aud": _AUDIENCE,
            "iss": _ISSUER,
            "iat": int(now.timestamp()),
            "exp": int((now + LIFE).timestamp()),
        }
        return jwt.encode({"alg": _ALGORITHM, "kid": _KEY_ID}, claims, self._signing)

    def is_short_token(self, token: str) -> bool:
        """Return whether a token claims to be of this kind; the token is not verified."""
        if len(token) > _MAX_CHARACTERS:
            return False
        try:
            return extract_compact(token.encode("ascii")).headers().get("kid") == _KEY_ID
        except Exception:  # untrusted text may make a parser raise any error
            return False

    def key_of(self, token: str) -> str:
        """Return the key in a token.

        Raises:
            BadTokenError: it is not genuine or has expired.
        """
        registry = JWTClaimsRegistry(
            lambda: int(self._clock.now().timestamp()),
            leeway=0,
            iss={"essential": True, "value": _ISSUER},
            aud={"essential": True, "value": _AUDIENCE},
            exp={"essential": True},
        )
        try:
            claims = jwt.decode(token, self._signing, algorithms=[_ALGORITHM]).claims
            registry.validate({name: value for name, value in claims.items() if name != "iat"})
            sealed = urlsafe_b64decode(claims["key"])
            resource = bytes.fromhex(claims["sub"].replace("-", ""))
            return self._sealing.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], resource).decode()
        except ExpiredTokenError as error:
            minutes = int(LIFE.total_seconds() // 60)
            raise BadTokenError(f"The token's {minutes} minutes are over: exchange the key for a new one.") from error
        except (JoseError, InvalidTag, KeyError, ValueError, TypeError, RecursionError) as error:
            raise BadTokenError("The token is not one that this server issued.") from error
