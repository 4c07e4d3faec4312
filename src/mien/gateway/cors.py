"""CORS: which web pages may call the server and read its responses. Cookies are never allowed.

Operations with a key: each resource lists its allowed origins, none by default. A preflight request has no key or
token, so the host decides; if the host names no resource, an origin is allowed if any resource allows it. The call
itself follows the setting of the resource whose key it has.

Operations with the token of a liveness session: the server's operator lists the allowed origins. All is a safe default,
because a page can only use the token that it was given.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mien.accounts import Resource
from mien.contract.headers import CLIENT_REQUEST_ID, ERROR_CODE, KEY_HEADER, REQUEST_ID
from mien.contract.problem import Problem
from mien.gateway.access import AccountLookup
from mien.gateway.endpoints import Endpoints
from mien.gateway.exchange import Exchange, Request, Response, Route
from mien.gateway.origin import OriginFinder

Headers = Sequence[tuple[bytes, bytes]]

_EXPOSED: Final = ", ".join(
    ("operation-location", "location", REQUEST_ID, "retry-after", ERROR_CODE, CLIENT_REQUEST_ID)
).encode()
_METHODS: Final = b"GET, POST, PUT, PATCH, DELETE"
_NAMES: Final = re.compile(r"[A-Za-z0-9_-]+(?:\s*,\s*[A-Za-z0-9_-]+)*")
_USUAL_NAMES: Final = f"{KEY_HEADER.lower()}, authorization, content-type"
_SESSION_NAMES: Final = f"authorization, content-type, {CLIENT_REQUEST_ID}".encode()
_SECONDS: Final = b"600"
_VARY: Final = (b"vary", b"origin")


_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Origins:
    """Allowed origins of web pages.

    Attributes:
        allowed: origins such as `https://shop.example`, in lower case; `*` for all.
    """

    allowed: frozenset[str] = frozenset({_ANY})

    @classmethod
    def parse(cls, text: str) -> Origins:
        """Parse a comma-separated list of origins."""
        return cls(frozenset(part.strip().rstrip("/").lower() for part in text.split(",") if part.strip()))

    def allow(self, page: str | None) -> bool:
        """Return whether an `Origin` header is allowed; calls without it (None) do not come from a web page."""
        return page is None or _ANY in self.allowed or page.lower() in self.allowed

    def headers(self, page: str | None) -> Headers:
        """Return the CORS headers of a response; none if the origin is not allowed."""
        return () if page is None or not self.allow(page) else _for_page(page)

    def preflight(self, page: str | None) -> Headers:
        """Return the headers of the response to a preflight for a call with a session's token."""
        allowed = self.headers(page)
        return (*_preflight(b"POST", _SESSION_NAMES), *allowed) if allowed else ()


@dataclass(frozen=True, slots=True)
class Cors:
    """Answers preflight requests, and adds CORS headers to responses.

    Attributes:
        accounts: the resources.
        endpoints: parses host names.
        origin: determines the requested host.
    """

    accounts: AccountLookup
    endpoints: Endpoints
    origin: OriginFinder

    async def preflight(self, request: Request, match: Callable[[str], Route]) -> Response | None:
        """Return the response to a preflight request; None for other requests and for origins that are not allowed.

        Args:
            request: any request with the method OPTIONS.
            match: finds the operation of a method and this path, or raises `Problem`.
        """
        page, method = request.header(b"origin"), request.header(b"access-control-request-method")
        if page is None or method is None:
            return None
        try:
            operation = match(method.upper()).operation
        except Problem:
            return None
        if not operation.needs_key or not await self._allows(request, None, page):
            return None
        wanted = request.header(b"access-control-request-headers") or _USUAL_NAMES
        names = wanted if _NAMES.fullmatch(wanted) else _USUAL_NAMES
        return Response(
            204,
            headers=(*_preflight(_METHODS, names.encode("latin-1")), *_for_page(page)),
        )

    async def headers(self, request: Request, exchange: Exchange | None) -> Headers:
        """Return the CORS headers of a response; none if the origin is missing or not allowed."""
        page = request.header(b"origin")
        if page is None or (exchange is not None and not exchange.operation.needs_key):
            return ()
        caller = None if exchange is None else exchange.caller
        return _for_page(page) if await self._allows(request, caller, page) else ()

    async def _allows(self, request: Request, caller: Resource | None, page: str) -> bool:
        if caller is None:
            label = self.endpoints.of(self.origin.host(request)).subdomain
            if label is None:
                return await asyncio.to_thread(self.accounts.allows_origin, page)
            caller = await asyncio.to_thread(self.accounts.find_by_subdomain, label)
        return caller is not None and Origins(frozenset(caller.cors_origins)).allow(page)


def _preflight(methods: bytes, names: bytes) -> Headers:
    return (
        (b"access-control-allow-methods", methods),
        (b"access-control-allow-headers", names),
        (b"access-control-max-age", _SECONDS),
    )


def _for_page(page: str) -> Headers:
    return (
        (b"access-control-allow-origin", page.encode("latin-1")),
        (b"access-control-expose-headers", _EXPOSED),
        _VARY,
    )
