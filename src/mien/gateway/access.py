"""Authentication: the endpoint, key or token of a request, and their errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol, TypeVar

from mien.accounts import Resource
from mien.gateway.endpoints import Endpoint, Endpoints
from mien.gateway.errors import (
    AccessDeniedError,
    BadTokenError,
    KeysDisabledError,
    PermissionDeniedError,
    TokenNeedsSubdomainError,
    UnknownHostError,
)
from mien.gateway.exchange import Authentication, Exchange, Principal, Request
from mien.gateway.hints import key_of, missing_key_hint, wrong_key_hint
from mien.gateway.origin import OriginFinder
from mien.gateway.roles import allowed, data_action, grants, missing_role_hint
from mien.gateway.short_tokens import ShortTokens
from mien.gateway.tokens import TokenVerifier

T = TypeVar("T")

_WARM_SECONDS = 4.0  # shorter than the accounts cache their results
_WARM_ENTRIES = 10_000
_BEARER = "bearer "


class AccountLookup(Protocol):
    """The accounts, as the gateway needs them; calls may read the database, and are cached."""

    def find_by_key(self, key: str) -> Resource | None:
        """Return the resource that a key belongs to, or None."""
        ...

    def find_by_subdomain(self, label: str) -> Resource | None:
        """Return the resource with a custom subdomain (in lower case), or None."""
        ...

    def allows_origin(self, origin: str) -> bool:
        """Return whether any resource allows calls from web pages of an origin."""
        ...


@dataclass(frozen=True, slots=True)
class _Shown:
    """The caller's credential and identity."""

    resource: Resource
    principal: Principal


class Access:
    """The gateway's first step, which determines the caller from the host and the key or token.

    Args:
        accounts: finds resources.
        endpoints: parses host names.
        origin: determines the requested host.
        short_tokens: reads the tokens that keys are exchanged for; None for a server without them.
        verifier: verifies tokens of the issuer; None if no issuer is trusted.
        in_place: whether cached look-ups take microseconds and may run on the event loop.
    """

    def __init__(
        self,
        accounts: AccountLookup,
        endpoints: Endpoints,
        origin: OriginFinder,
        short_tokens: ShortTokens | None = None,
        verifier: TokenVerifier | None = None,
        *,
        in_place: bool = True,
    ) -> None:
        self._accounts = accounts
        self._endpoints = endpoints
        self._origin = origin
        self._short_tokens = short_tokens
        self._verifier = verifier
        self._in_place = in_place
        self._warm: dict[int, float] = {}

    async def __call__(self, exchange: Exchange) -> None:
        """Set the exchange's caller and principal.

        Raises:
            UnknownHostError: the host is below the domain, but belongs to no resource.
            AccessDeniedError: the key or token is missing, unknown, or belongs to another resource than the host.
            BadTokenError: the token is not genuine, has expired, or is not valid yet.
            TokenNeedsSubdomainError: the host of a request with an issuer's token does not name a resource.
            KeysDisabledError: the resource does not accept keys.
            IssuerUnavailableError: the token cannot be verified now.
        """
        endpoint = self._endpoints.of(self._origin.host(exchange.request))
        owner = await self._owner(endpoint)
        if not exchange.operation.needs_key:
            return
        shown = await self._shown(exchange.request, endpoint, owner)
        resource = shown.resource
        self._check_endpoint(resource, endpoint, owner)
        if not resource.local_auth and shown.principal.authentication is not Authentication.ISSUER_TOKEN:
            raise KeysDisabledError
        exchange.caller, exchange.principal = resource, shown.principal

    async def _owner(self, endpoint: Endpoint) -> Resource | None:
        """Return the resource that the host belongs to, or None."""
        if endpoint.unknown:
            raise UnknownHostError(
                f"A host below {self._endpoints.domain} is {self._endpoints.custom('NAME')} "
                f"or LOCATION.{self._endpoints.custom('api')}."
            )
        if endpoint.subdomain is None:
            return None
        owner = await self._find(self._accounts.find_by_subdomain, endpoint.subdomain)
        if owner is None:
            raise UnknownHostError(f"No resource of this server has the subdomain {endpoint.subdomain[:64]!r}.")
        return owner

    async def _shown(self, request: Request, endpoint: Endpoint, owner: Resource | None) -> _Shown:
        key = key_of(request)
        if key is not None:
            return _Shown(await self._of_key(key), Principal(Authentication.KEY))
        authorization = request.header(b"authorization") or ""
        if authorization[: len(_BEARER)].lower() != _BEARER:
            raise AccessDeniedError(missing_key_hint(request))
        token = authorization[len(_BEARER) :].strip()
        if self._short_tokens is not None and self._short_tokens.is_short_token(token):
            key = self._short_tokens.key_of(token)
            resource = await self._find(self._accounts.find_by_key, key)
            if resource is None:
                raise BadTokenError("The key that the token was exchanged for is no longer valid.")
            return _Shown(resource, Principal(Authentication.SHORT_TOKEN))
        if self._verifier is None:
            raise AccessDeniedError(missing_key_hint(request))
        if owner is None:
            raise TokenNeedsSubdomainError(self._token_host_hint(endpoint))
        identity = await self._verifier.verify(token)
        principal = Principal(
            Authentication.ISSUER_TOKEN,
            identity.subject,
            grants(identity.roles),
            identity.about,
            identity.name,
        )
        return _Shown(owner, principal)

    async def _of_key(self, key: str) -> Resource:
        found = await self._find(self._accounts.find_by_key, key) if key else None
        if found is None:
            raise AccessDeniedError(wrong_key_hint(key))
        return found

    def _token_host_hint(self, endpoint: Endpoint) -> str:
        came = "A regional endpoint" if endpoint.region else "This host"
        return (
            f"{came} does not say which resource the token is for: "
            f"call https://{self._endpoints.custom('SUBDOMAIN')} of the resource."
        )

    def _check_endpoint(self, resource: Resource, endpoint: Endpoint, owner: Resource | None) -> None:
        """Refuse a key of one resource at the endpoint of another, or of another region."""
        if owner is not None and owner.id != resource.id:
            raise AccessDeniedError(
                f"The key is one of another resource than {endpoint.subdomain}: {self._own_endpoints(resource)}"
            )
        if endpoint.region is not None and endpoint.region != resource.location.lower():
            raise AccessDeniedError(
                f"The key's resource is in {resource.location}, not in {endpoint.region}: "
                f"{self._own_endpoints(resource)}"
            )

    def _own_endpoints(self, resource: Resource) -> str:
        own = self._endpoints.custom(resource.custom_subdomain) if resource.custom_subdomain else None
        regional = self._endpoints.regional(resource.location)
        return f"call {own} or {regional}." if own else f"call {regional}."

    async def _find(self, finder: Callable[[str], T | None], name: str) -> T | None:
        """Look up a resource: directly if it is cached, else in a thread, because that may read the database."""
        if not self._in_place:
            return await asyncio.to_thread(finder, name)
        now = monotonic()
        mark = hash((finder, name))
        if self._warm.get(mark, 0.0) > now:
            return finder(name)
        found = await asyncio.to_thread(finder, name)
        if found is not None:
            if len(self._warm) >= _WARM_ENTRIES:
                self._warm.clear()
            self._warm[mark] = now + _WARM_SECONDS
        return found


async def check_data_action(exchange: Exchange) -> None:
    """The gateway's step that checks the principal's roles; a key allows every operation.

    Raises:
        PermissionDeniedError: no role allows the operation.
    """
    principal, resource = exchange.principal, exchange.caller
    if principal is None or resource is None or principal.grants is None:
        return
    action = data_action(exchange.operation.action)
    if not allowed(principal.grants, resource.name, action):
        raise PermissionDeniedError(missing_role_hint(principal.grants, resource.name, action, principal.about))
