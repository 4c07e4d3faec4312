"""Administrators with a token of the configured OpenID Connect issuer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import UUID

from mien.accounts import Accounts
from mien.accounts.roles import AdminRole
from mien.gateway.errors import BadTokenError, IssuerUnavailableError
from mien.gateway.tokens import Identity, TokenVerifier
from mien.management.errors import ManagementError
from mien.management.login import Actor, WrongTokenError
from mien.management.roles import Grant, Role
from mien.messages import Message

ROLES: Final = {one.value: Role(one.name.lower()) for one in AdminRole}
"""Roles by their names in tokens and assignments."""

FindResource = Callable[[str], UUID | None]
"""Returns the id of a resource by name, or None."""


class IssuerLogin:
    """Authenticates tokens of an issuer.

    Args:
        verifier: verifies tokens for the control plane.
        find: finds resources to which roles are limited.
    """

    def __init__(self, verifier: TokenVerifier, find: FindResource) -> None:
        self._verifier = verifier
        self._find = find

    async def identify(self, token: str) -> Actor | None:
        """Return the caller of a token; None if it is not a JWT.

        Raises:
            WrongTokenError: the token is not genuine, not valid now, or not for the control plane.
            ManagementError: 403 for a valid token without a role, 503 if the issuer's keys cannot be fetched.
        """
        if token.count(".") != 2:
            return None
        try:
            found = await self._verifier.verify(token)
        except BadTokenError as error:
            raise WrongTokenError(error.hint) from error
        except IssuerUnavailableError as error:
            text = Message("The token cannot be checked now: its issuer's keys cannot be fetched.")
            raise ManagementError(503, "ServiceUnavailable", text, headers={"Retry-After": "10"}) from error
        return await asyncio.to_thread(actor_of, found, self._find)


def actor_of(identity: Identity, find: FindResource) -> Actor:
    """Return the caller of a verified token.

    Args:
        identity: the identity in the token; a role is `ROLE` or `ROLE@RESOURCE`.
        find: finds resources to which roles are limited; roles on resources that do not exist are ignored.

    Raises:
        ManagementError: 403, if the token has no role.
    """
    actor = identity.name
    grants: list[Grant] = []
    for text in identity.roles:
        role_name, at, resource = text.partition("@")
        role = ROLES.get(role_name)
        if role is None:
            continue
        if not at:
            grants.append(Grant(role))
        elif (found := find(resource.strip())) is not None:
            grants.append(Grant(role, found))
    if grants:
        return Actor(f"oidc:{actor}", tuple(dict.fromkeys(grants)))
    raise ManagementError(
        403,
        "AuthorizationFailed",
        Message(
            "The client '{client}' has no role here: its token must name one of {roles}, or an administrator assigns "
            "one to what it shows: {shown}.",
            client=actor,
            roles=", ".join(AdminRole),
            shown=identity.about,
        ),
    )


def finder(accounts: Accounts) -> FindResource:
    """Return the function that finds resources by name."""

    def find(name: str) -> UUID | None:
        found = accounts.named(name)
        return None if found is None else found.id

    return find
