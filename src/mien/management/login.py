"""Authentication of administrators: bearer tokens, roles, and a growing delay after wrong tokens."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol
from uuid import UUID

from mien.management.errors import ManagementError
from mien.management.roles import Grant, Permission, Role
from mien.management.tokens import AdminTokens
from mien.messages import Message

FREE_FAILURES: Final = 5
"""Wrong tokens that an address may send before it is delayed."""

LONGEST_PAUSE: Final = 60.0
"""Longest delay in seconds; the delay starts at 1 s and doubles with every wrong token."""

_WRONG: Final = (
    "give a token of `mien admin token create`, or one of the configured OpenID Connect issuer with a role here, as "
    "'Authorization: Bearer TOKEN'."
)
_FORGET: Final = 900.0
_ADDRESSES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller of the control plane.

    Attributes:
        name: name in the audit log, such as `token:anna` or `oidc:anna@example.com`.
        grants: one or more roles, each on one resource or on the whole server.
    """

    name: str
    grants: tuple[Grant, ...]

    @classmethod
    def of(cls, name: str, role: Role, resource: UUID | None = None) -> Actor:
        """Return a caller with one role."""
        return cls(name, (Grant(role, resource),))

    @property
    def role(self) -> Role:
        """The strongest role; for display only."""
        order = list(Role)
        return min((one.role for one in self.grants), key=order.index)

    @property
    def everywhere(self) -> bool:
        """Whether any role applies to the whole server."""
        return any(one.resource is None for one in self.grants)

    def sees(self, resource: UUID | None) -> bool:
        """Return whether the caller may see a resource; other resources do not exist for the caller."""
        return any(one.covers(resource) for one in self.grants)

    def may(self, permission: Permission, resource: UUID | None = None) -> bool:
        """Return whether the caller has a permission on a resource, or with None on the whole server."""
        return any(one.role.may(permission) and one.covers(resource) for one in self.grants)

    def reach(self, permission: Permission) -> frozenset[UUID] | None:
        """Return the resources on which the caller has a permission; None for all."""
        if self.may(permission):
            return None
        return frozenset(one.resource for one in self.grants if one.resource and one.role.may(permission))

    def require(self, permission: Permission, what: str, resource: UUID | None = None) -> None:
        """Require a permission on a resource, or with None on the whole server.

        Raises:
            ManagementError: 403 with ARM's text, if the caller lacks it.
        """
        if self.may(permission, resource):
            return
        roles = ", ".join(dict.fromkeys(one.role.value for one in self.grants if one.covers(resource)))
        if resource is None and self.reach(permission):
            lacks = Message("it acts on the whole server, and the client's role is limited to resources.")
        else:
            lacks = Message("it needs the permission '{permission}'.", permission=permission)
        raise ManagementError(
            403,
            "AuthorizationFailed",
            Message(
                "The client '{name}' with role '{role}' does not have authorization to perform '{what}': {lacks}",
                name=self.name,
                role=roles or self.role,
                what=what,
                lacks=lacks,
            ),
        )


class WrongTokenError(Exception):
    """A token of a known issuer is refused; the message gives the reason."""


class TokenLogin(Protocol):
    """Authenticates bearer tokens of an issuer."""

    async def identify(self, token: str) -> Actor | None:
        """Return the caller of a token; None if it is not of this issuer.

        Raises:
            WrongTokenError: the token claims to be of this issuer but is not valid.
            ManagementError: the token cannot be verified now, or gives no role.
        """
        ...


class Backoff:
    """Counts wrong tokens by address, in bounded memory, for 15 minutes.

    Args:
        now: monotonic clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float, float]] = OrderedDict()  # count, last, end of delay

    def wait(self, address: str) -> float:
        """Return the seconds until an address may try again; 0 for now."""
        with self._lock:
            entry = self._failures.get(address)
            return 0.0 if entry is None else max(0.0, entry[2] - self._now())

    def failed(self, address: str) -> None:
        """Record a wrong token."""
        now = self._now()
        with self._lock:
            count, last, _ = self._failures.pop(address, (0, now, now))
            count = 1 if now - last > _FORGET else count + 1
            over = count - FREE_FAILURES
            pause = min(LONGEST_PAUSE, 2.0 ** min(over - 1, 10)) if over > 0 else 0.0
            self._failures[address] = (count, now, now + pause)
            if len(self._failures) > _ADDRESSES:
                self._failures.popitem(last=False)


class Login:
    """Authenticates callers by their Authorization header.

    Args:
        tokens: the admin tokens.
        others: issuers of other tokens, tried in order.
        backoff: delays after wrong tokens.
    """

    def __init__(
        self, tokens: AdminTokens, others: tuple[TokenLogin, ...] = (), backoff: Backoff | None = None
    ) -> None:
        self._tokens = tokens
        self._others = others
        self._backoff = backoff or Backoff()

    async def identify(self, authorization: str | None, address: str) -> Actor:
        """Return the caller.

        Cookies are not used, because pages of other origins could make a browser send them.

        Args:
            authorization: value of the header; None if missing.
            address: address of the caller.

        Raises:
            ManagementError: 401 without a valid token, 429 after too many wrong ones.
        """
        if authorization is None:
            raise _unauthenticated("AuthenticationFailed", "The 'Authorization' header is missing.")
        scheme, _, token = authorization.partition(" ")
        why = _WRONG
        try:
            actor = await self._find(token.strip()) if scheme.lower() == "bearer" else None
        except WrongTokenError as error:
            actor, why = None, str(error)
        if actor is not None:  # even during a delay: behind a proxy, wrong tokens of others have the same address
            return actor
        if pause := self._backoff.wait(address):
            seconds = math.ceil(pause)
            raise ManagementError(
                429,
                "TooManyRequests",
                Message(
                    "Too many wrong tokens came from this address. Please retry after {seconds} seconds.",
                    seconds=seconds,
                ),
                headers={"Retry-After": str(seconds)},
            )
        self._backoff.failed(address)
        raise _unauthenticated("InvalidAuthenticationToken", f"The access token is invalid: {why}")

    async def _find(self, token: str) -> Actor | None:
        if not token or not token.isascii():
            return None
        found = await asyncio.to_thread(self._tokens.find, token)  # reads the database
        if found is not None:
            return Actor.of(f"token:{found.name}", found.role, found.resource)
        for other in self._others:
            if actor := await other.identify(token):
                return actor
        return None


def _unauthenticated(code: str, message: str) -> ManagementError:
    text = f"Authentication failed. {message}"
    return ManagementError(401, code, text, headers={"WWW-Authenticate": 'Bearer realm="mien"'})
