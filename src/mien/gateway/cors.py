"""CORS: which web pages may call, and read the answers. Nothing is allowed with cookies.

For what takes a key, a resource names the origins of its pages; until then there are none. A browser asks before a
call (a preflight), without key or token: then the host decides, and a host that names no resource allows what any
resource of the server allows. The call itself goes by the setting of the resource whose key it shows.

For what takes the token of a liveness session, the server's operator names the origins. Any is a safe default there: a
page has no more than the token that it was handed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mien.accounts import Resource
from mien.contract.problem import Problem
from mien.gateway.access import Accounts
from mien.gateway.endpoints import Endpoints
from mien.gateway.exchange import Exchange, Request, Response, Route
from mien.gateway.origin import OriginFinder

Headers = Sequence[tuple[bytes, bytes]]

_EXPOSED: Final = b"operation-location, location, apim-request-id, retry-after, x-ms-error-code, x-ms-client-request-id"
_METHODS: Final = b"GET, POST, PUT, PATCH, DELETE"
_NAMES: Final = re.compile(r"[A-Za-z0-9_-]+(?:\s*,\s*[A-Za-z0-9_-]+)*")
_USUAL_NAMES: Final = "ocp-apim-subscription-key, authorization, content-type"
_SECONDS: Final = b"600"
_VARY: Final = (b"vary", b"origin")


_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins of web pages that may call.

    Attributes:
        allowed: origins such as `https://shop.example`, in lower case; `*` for all.
    """

    allowed: frozenset[str] = frozenset({_ANY})

    @classmethod
    def parse(cls, text: str) -> Origins:
        """Read origins with commas between them."""
        return cls(frozenset(part.strip().rstrip("/").lower() for part in text.split(",") if part.strip()))

    def allow(self, page: str | None) -> bool:
        """Return whether a call with this `Origin` is served; one without it is not from a web page."""
        return page is None or _ANY in self.allowed or page.lower() in self.allowed

    def headers(self, page: str | None) -> Headers:
        """Return the headers that let a page read the answer; none for a page that may not."""
        return () if page is None or not self.allow(page) else _for_page(page)

    def preflight(self, page: str | None) -> Headers:
        """Return the headers of the answer to a browser that asks about a call with a session's token."""
        allowed = self.headers(page)
        return (
            (*_preflight(b"POST", b"authorization, content-type, x-ms-client-request-id"), *allowed) if allowed else ()
        )


@dataclass(frozen=True, slots=True)
class Cors:
    """Answers browsers' questions, and adds the headers that let a page read an answer.

    Attributes:
        accounts: the resources.
        endpoints: reads hosts.
        origin: finds the host that a caller asked.
    """

    accounts: Accounts
    endpoints: Endpoints
    origin: OriginFinder

    async def preflight(self, request: Request, match: Callable[[str], Route]) -> Response | None:
        """Return the answer to a browser's question before a call; None for anything else.

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
        """Return what lets the calling page read the answer; nothing when it may not, or when no page calls."""
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
