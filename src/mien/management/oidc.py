"""Administrators with a token of the configured OpenID Connect issuer."""

from __future__ import annotations

from typing import Final

from mien.accounts.roles import AdminRole
from mien.gateway.errors import BadTokenError, IssuerUnavailableError
from mien.gateway.tokens import Identity, TokenVerifier
from mien.management.errors import ManagementError
from mien.management.login import Actor, WrongTokenError
from mien.management.roles import Role

ROLES: Final = {AdminRole.ADMIN: Role.ADMIN, AdminRole.APPROVER: Role.APPROVER, AdminRole.READER: Role.READER}
"""Roles of tokens, strongest first; the first one that a token has applies."""


class IssuerLogin:
    """Recognises tokens of an issuer.

    Args:
        verifier: tells whether a token is genuine and for the control plane.
    """

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def identify(self, token: str) -> Actor | None:
        """Return who a token stands for; None when it is no JWT at all.

        Raises:
            WrongTokenError: it is one, but not genuine, not in date or not for the control plane.
            ManagementError: 403 for a genuine token without a role, 503 when the issuer's keys cannot be had.
        """
        if token.count(".") != 2:
            return None
        try:
            found = await self._verifier.verify(token)
        except BadTokenError as error:
            raise WrongTokenError(error.hint) from error
        except IssuerUnavailableError as error:
            text = "The token cannot be checked now: its issuer's keys cannot be fetched."
            raise ManagementError(503, "ServiceUnavailable", text, headers={"Retry-After": "10"}) from error
        return actor_of(found)


def actor_of(identity: Identity) -> Actor:
    """Return who somebody with a genuine token is here.

    Raises:
        ManagementError: 403, their token names no role.
    """
    claims = identity.claims
    name = next((claims[one] for one in ("preferred_username", "upn") if one in claims), None)
    actor = name if isinstance(name, str) and name.isprintable() else identity.subject
    for role_name, role in ROLES.items():
        if role_name in identity.roles:
            return Actor(f"oidc:{actor}", role)
    raise ManagementError(
        403,
        "AuthorizationFailed",
        f"The client '{actor}' has no role here: its token must name one of {', '.join(ROLES)}, or an administrator "
        f"assigns one to what it shows: {identity.about}.",
    )
