"""Bearer tokens of an OpenID Connect issuer: genuine, for this service, in date; and the roles that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from joserfc import jwt
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import Key
from joserfc.jws import extract_compact
from joserfc.jwt import JWTClaimsRegistry

from mien.clock import Clock
from mien.gateway.errors import BadTokenError

AUDIENCE: Final = "https://cognitiveservices.azure.com"
"""What tokens for the service are made out to: the scope `https://cognitiveservices.azure.com/.default` of the SDKs."""

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
"""What a token may be signed with: public-key signatures only, so that a public key is never taken for a secret."""

_MAX_CHARACTERS: Final = 16_384
_MAX_KEYS_TRIED: Final = 8
_SKEW_SECONDS: Final = 60
"""How far the issuer's clock may be ahead of ours. A token that has expired has expired."""


class KeyFinder(Protocol):
    """Where the issuer's keys come from."""

    async def find(self, name: str | None) -> tuple[Key, ...]:
        """Return the keys with an id, or all of them for None."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a genuine token stands for.

    Attributes:
        subject: the principal's id with the issuer (`oid`, else `sub`).
        roles: names of roles, as the token has them.
        claims: everything that the token says.
    """

    subject: str
    roles: tuple[str, ...]
    claims: Mapping[str, Any]


class TokenVerifier:
    """Tells whether a token is genuine.

    Args:
        issuer: what `iss` must be, to the letter.
        keys: the issuer's keys.
        clock: tells whether a token is in date.
        audiences: what `aud` must be or have among others; a slash at the end does not matter.
        roles_claim: the claim that has the roles; dots lead into objects, as in `realm_access.roles`.
    """

    def __init__(
        self,
        issuer: str,
        keys: KeyFinder,
        clock: Clock,
        *,
        audiences: Sequence[str] = (AUDIENCE,),
        roles_claim: str = "roles",
    ) -> None:
        self._issuer = issuer
        self._keys = keys
        self._clock = clock
        bare = [audience.rstrip("/") for audience in audiences]
        self._audiences = [*bare, *(f"{audience}/" for audience in bare)]
        self._roles_path = roles_claim.split(".")

    async def verify(self, token: str) -> Identity:
        """Return whom a token stands for.

        Raises:
            BadTokenError: it is not genuine, not in date, or not for this service.
            IssuerUnavailableError: its signature cannot be checked now.
        """
        keys = await self._keys.find(_key_id(token))
        claims = _signed_claims(token, keys)
        self._check(claims)
        subject = claims.get("oid") or claims.get("sub")
        if not isinstance(subject, str):
            raise BadTokenError("The token names no principal: it has neither the claim oid nor sub.")
        return Identity(subject, self._roles(claims), claims)

    def _check(self, claims: dict[str, Any]) -> None:
        now = self._now
        registry = JWTClaimsRegistry(
            now,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "values": self._audiences},
            exp={"essential": True},
        )
        began = JWTClaimsRegistry(now, leeway=_SKEW_SECONDS)
        try:
            registry.validate({name: value for name, value in claims.items() if name not in {"iat", "nbf"}})
            began.validate({name: claims[name] for name in ("iat", "nbf") if name in claims})
        except ExpiredTokenError as error:
            raise BadTokenError("The token has expired: get a new one.") from error
        except ClaimError as error:
            raise BadTokenError(self._why(error.claim, claims)) from error

    def _now(self) -> int:
        moment: datetime = self._clock.now()
        return int(moment.timestamp())

    def _why(self, claim: str | None, claims: dict[str, Any]) -> str:
        if claim == "aud" and "aud" in claims:
            return (
                f"The token is made out to {_shortened(claims['aud'])}, not to {self._audiences[0]}: "
                f"ask the issuer for the scope {self._audiences[0]}/.default."
            )
        if claim == "iss" and "iss" in claims:
            return f"The token is of the issuer {_shortened(claims['iss'])}; this server trusts {self._issuer}."
        if claim in claims:
            return f"The token's claim {claim} is not valid."
        return f"The token lacks the claim {claim}."

    def _roles(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        value: Any = claims
        for name in self._roles_path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, str):
            return (value,)
        return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()


def _shortened(value: object) -> str:
    return repr(value)[:120]


def _key_id(token: str) -> str | None:
    if len(token) > _MAX_CHARACTERS:
        raise BadTokenError("The token is longer than any that this server takes.")
    try:
        header = extract_compact(token.encode("ascii")).headers()
    # Whatever a stranger's text makes a parser raise (of depth, encoding, types), the text is no token.
    except Exception as error:
        raise BadTokenError("The token is not a JWT: three parts with points between them.") from error
    algorithm, name = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise BadTokenError(
            f"The token is signed with {_shortened(algorithm)}; this server takes {_words(ALGORITHMS)}."
        )
    if name is not None and not isinstance(name, str):
        raise BadTokenError("The token's key id is not a text.")
    return name


def _words(names: Sequence[str]) -> str:
    return ", ".join(names)


def _signed_claims(token: str, keys: Sequence[Key]) -> dict[str, Any]:
    if not keys:
        raise BadTokenError("The token is signed with a key that the issuer does not have.")
    for key in keys[:_MAX_KEYS_TRIED]:
        try:
            return jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims
        except BadSignatureError:
            continue
        except JoseError:
            continue  # a key of another kind than the token's algorithm needs
        except Exception as error:  # as above
            raise BadTokenError("The token is malformed.") from error
    raise BadTokenError("The token's signature is not the issuer's.")
