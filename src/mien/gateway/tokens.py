"""Bearer tokens of an OpenID Connect issuer: verification, and the roles of their principals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from joserfc import jwt
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import Key
from joserfc.jws import extract_compact
from joserfc.jwt import JWTClaimsRegistry

from mien.accounts.role_assignments import Assignee
from mien.clock import Clock
from mien.gateway.errors import BadTokenError

AUDIENCE: Final = "https://cognitiveservices.azure.com"
"""The audience of tokens with the SDKs' scope `https://cognitiveservices.azure.com/.default`."""

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
"""Accepted algorithms: only public-key signatures, so that a public key cannot be used as a shared secret."""

_MAX_CHARACTERS: Final = 16_384
_MAX_KEYS_TRIED: Final = 8
_MAX_SHOWN: Final = 8
_SKEW_SECONDS: Final = 60
"""How far the issuer's clock may be ahead of ours; the expiry of tokens has no tolerance."""


class KeyFinder(Protocol):
    """Finds the keys of an issuer."""

    async def find(self, name: str | None) -> tuple[Key, ...]:
        """Return the keys with an id, or all of them for None."""
        ...


Assigned = Callable[[Iterable[tuple[Assignee, str]]], Sequence[str]]
"""Returns the roles that are assigned to a token's claims; may read the database."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The principal of a verified token.

    Attributes:
        subject: id of the principal at the issuer (`oid`, else `sub`).
        roles: names of roles: first those in the token, then those assigned to its claims.
        claims: all claims of the token.
        about: the claims to which a role could be assigned, as text: `application …, principal …`.
    """

    subject: str
    roles: tuple[str, ...]
    claims: Mapping[str, Any]
    about: str = ""

    @property
    def name(self) -> str:
        """The principal's name for audit entries: the sign-in name, else the id at the issuer."""
        name = next((self.claims[one] for one in ("preferred_username", "upn") if one in self.claims), None)
        return name if isinstance(name, str) and name.isprintable() else self.subject


class TokenVerifier:
    """Verifies tokens.

    Args:
        keys: the keys of each issuer, by the exact value of `iss`.
        clock: the clock.
        audiences: accepted values of `aud`; a trailing slash is ignored.
        roles_claim: claim with the roles; dots separate the names of nested objects, as in `realm_access.roles`.
        groups_claim: claim with the groups, in the same form.
        assigned: finds roles that are assigned to claims; None without assignments.
    """

    def __init__(
        self,
        keys: Mapping[str, KeyFinder],
        clock: Clock,
        *,
        audiences: Sequence[str] = (AUDIENCE,),
        roles_claim: str = "roles",
        groups_claim: str = "groups",
        assigned: Assigned | None = None,
    ) -> None:
        self._keys = keys
        self._clock = clock
        bare = [audience.rstrip("/") for audience in audiences]
        self._audiences = [*bare, *(f"{audience}/" for audience in bare)]
        self._roles_path = roles_claim.split(".")
        self._groups_path = groups_claim.split(".")
        self._assigned = assigned

    async def verify(self, token: str) -> Identity:
        """Verify a token and return its principal.

        Raises:
            BadTokenError: the token is not genuine, not valid now, or not for this service.
            IssuerUnavailableError: the signature cannot be verified now.
        """
        key_id, issuer = _head(token)
        finder = self._keys.get(issuer) if isinstance(issuer, str) else None
        if finder is None:
            raise BadTokenError(self._why("iss", {} if issuer is None else {"iss": issuer}))
        claims = _signed_claims(token, await finder.find(key_id))
        self._check(claims)
        subject = claims.get("oid") or claims.get("sub")
        if not isinstance(subject, str):
            raise BadTokenError("The token names no principal: it has neither the claim oid nor sub.")
        named = _names(claims, self._roles_path)
        shown = [(Assignee.PRINCIPAL, subject), *((Assignee.ROLE, name) for name in named)]
        application = claims.get("appid") or claims.get("azp")
        if isinstance(application, str):
            shown.append((Assignee.APPLICATION, application))
        shown += ((Assignee.GROUP, name) for name in _names(claims, self._groups_path))
        assigned = await asyncio.to_thread(self._assigned, shown) if self._assigned else ()
        return Identity(subject, (*named, *assigned), claims, _about(shown, claims))

    def _check(self, claims: dict[str, Any]) -> None:
        now = self._now
        registry = JWTClaimsRegistry(
            now,
            iss={"essential": True, "values": list(self._keys)},
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

    def _trusted(self) -> str:
        return _words(list(self._keys))

    def _why(self, claim: str | None, claims: dict[str, Any]) -> str:
        if claim == "aud" and "aud" in claims:
            return (
                f"The token is made out to {_shortened(claims['aud'])}, not to {self._audiences[0]}: "
                f"ask the issuer for the scope {self._audiences[0]}/.default."
            )
        if claim == "iss" and "iss" in claims:
            return f"The token is of the issuer {_shortened(claims['iss'])}; this server trusts {self._trusted()}."
        if claim in claims:
            return f"The token's claim {claim} is not valid."
        return f"The token lacks the claim {claim}."


def _names(claims: Mapping[str, Any], path: Sequence[str]) -> tuple[str, ...]:
    """Return the texts of a claim, which is a text or a list of texts."""
    value: Any = claims
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return (value,)
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()


def _about(shown: Iterable[tuple[Assignee, str]], claims: Mapping[str, Any]) -> str:
    """Describe the claims to which a role could be assigned."""
    said = [f"{assignee} {value[:100]}" for assignee, value in shown][:_MAX_SHOWN]
    sources = claims.get("_claim_names")
    if claims.get("hasgroups") or (isinstance(sources, Mapping) and "groups" in sources):
        said.append("too many groups for the token to list (have the issuer send only groups of the application)")
    return ", ".join(said)


def _shortened(value: object) -> str:
    return repr(value)[:120]


def _head(token: str) -> tuple[str | None, object]:
    """Return the key id and the issuer that an unverified token names."""
    if len(token) > _MAX_CHARACTERS:
        raise BadTokenError("The token is longer than any that this server takes.")
    try:
        parts = extract_compact(token.encode("ascii"))
        header = parts.headers()
    # Untrusted text may make a parser raise any error (depth, encoding, types).
    except Exception as error:
        raise BadTokenError("The token is not a JWT: three parts with points between them.") from error
    algorithm, name = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise BadTokenError(
            f"The token is signed with {_shortened(algorithm)}; this server takes {_words(ALGORITHMS)}."
        )
    if name is not None and not isinstance(name, str):
        raise BadTokenError("The token's key id is not a text.")
    try:
        claims = json.loads(parts.payload)
    except (ValueError, RecursionError) as error:
        raise BadTokenError("The token is malformed.") from error
    if not isinstance(claims, dict):
        raise BadTokenError("The token is malformed.")
    return name, claims.get("iss")


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
            continue  # the key is of another type than the token's algorithm needs
        except Exception as error:  # as above
            raise BadTokenError("The token is malformed.") from error
    raise BadTokenError("The token's signature is not the issuer's.")
