"""The state of one request: the request, its operation, its caller, and the response."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from mien.accounts import Resource
from mien.gateway.errors import BodyTimeoutError, BodyTooLargeError, ClientGoneError
from mien.gateway.roles import PrincipalRole

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON_TYPE = b"application/json; charset=utf-8"
ENDLESS = "mien.endless"
"""Key in the ASGI scope of a request whose answer has no end, such as a stream of events: a server that stops does not
wait for it."""
_DRAIN_BYTES = 16 * 1024 * 1024


class Request:
    """An ASGI request; properties are parsed when they are read.

    Attributes:
        method: upper-case HTTP method.
        path: decoded path, in the letter case that was sent.
        headers: raw header pairs, names in lower case.
        received: number of body bytes read so far.
    """

    __slots__ = ("_query", "_receive", "headers", "method", "path", "received", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        self.received = 0
        self._receive = receive
        self._query: list[tuple[str, str]] | None = None

    def header(self, name: bytes) -> str | None:
        """Return the value of the first header with a name (in lower case), or None."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query parameters in their order, names in lower case, with empty values."""
        if self._query is None:
            raw = self.scope.get("query_string", b"").decode("latin-1")
            pairs = parse_qsl(raw, keep_blank_values=True, errors="replace") if raw else []
            self._query = [(name.lower(), value) for name, value in pairs]
        return self._query

    def query_value(self, name: str) -> str | None:
        """Return the first value of a query parameter (name in lower case), or None."""
        for key, value in self.query:
            if key == name:
                return value
        return None

    async def read(self, limit: int, seconds: float) -> bytes:
        """Return the whole body.

        Args:
            limit: maximum size, in bytes; no more is held in memory.
            seconds: time limit for the client.

        Raises:
            BodyTooLargeError: the Content-Length or the data exceeds the limit.
            BodyTimeoutError: the body did not arrive in time.
            ClientGoneError: the connection was closed before the end of the body.
        """
        announced = self.header(b"content-length")
        if announced is not None and announced.isdigit() and int(announced[:20]) > limit:
            # Clients read the response after they have sent the body, so the server reads and discards the rest.
            raise BodyTooLargeError(limit, endless=int(announced[:20]) > limit + _DRAIN_BYTES)
        try:
            async with asyncio.timeout(seconds):
                return await self._read(limit)
        except TimeoutError:
            raise BodyTimeoutError from None

    async def _read(self, limit: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientGoneError
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            self.received = size
            more: bool = message.get("more_body", False)
            if size > limit:
                # Without a Content-Length the rest is of unknown size: read and discard a limited part of it.
                if more and size <= limit + _DRAIN_BYTES:
                    chunks.clear()
                    continue
                raise BodyTooLargeError(limit, endless=more)
            chunks.append(chunk)
            if not more:
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)


@dataclass(frozen=True, slots=True)
class Response:
    """A response: status, body, and its headers in addition to those of all responses."""

    status: int = 200
    body: bytes = b""
    content_type: bytes = JSON_TYPE
    headers: Sequence[tuple[bytes, bytes]] = ()


Handler = Callable[["Exchange"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the contract, or a page of the service; an entry of a router's table.

    Attributes:
        name: Azure's name, such as "Face - Detect"; for rate limits, metrics and logs.
        method: HTTP method.
        template: path below `/face/{version}` with `{names}`, such as `/persongroups/{personGroupId}`; the whole path
            of a page.
        handler: returns the response; raises errors that the gateway's `explain` maps.
        versions: names of the API versions with this operation; empty for a page.
        action: action for role-based access, such as "detect"; `mien.gateway.roles` and `gates` decide by it.
        transactions: billed transactions of one successful call.
        needs_key: whether the caller must send a key or token.
        describe: returns the operation's OpenAPI object for the name of a version; None for an undocumented one.
    """

    name: str
    method: str
    template: str
    handler: Handler
    versions: frozenset[str] = frozenset()
    action: str = ""
    transactions: int = 0
    needs_key: bool = True
    describe: Callable[[str], Mapping[str, Any]] | None = None


class Authentication(StrEnum):
    """How a caller was authenticated."""

    KEY = "key"
    SHORT_TOKEN = "short token"  # noqa: S105  a name, not a secret
    ISSUER_TOKEN = "issuer token"  # noqa: S105  likewise


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller of an operation.

    Attributes:
        authentication: how it was authenticated.
        subject: id of the principal at the token's issuer; None for a caller with a key.
        grants: its roles; None for a caller with a key, which may do everything.
        about: the claims of its token to which a role could be assigned, as text.
        name: name in the issuer's token, for audit entries; empty for a caller with a key.
    """

    authentication: Authentication
    subject: str | None = None
    grants: tuple[PrincipalRole, ...] | None = None
    about: str = ""
    name: str = ""


@dataclass(slots=True)
class Exchange:
    """The state of one request from the gateway to its handler and back.

    Attributes:
        request: the request.
        operation: the operation that handles it.
        version: the API version of the path in canonical spelling; empty for a page.
        parameters: values of the template's names, as sent.
        request_id: a new guid, returned as `apim-request-id`.
        caller: the calling resource; None before authentication, and for pages.
        principal: the authenticated caller; None before authentication, and for pages.
        blocked: whether the call exceeded the rate or the volume.
    """

    request: Request
    operation: Operation
    version: str
    parameters: Mapping[str, str]
    request_id: str
    caller: Resource | None = None
    principal: Principal | None = None
    blocked: bool = False

    @property
    def resource(self) -> Resource:
        """The calling resource.

        Raises:
            RuntimeError: the caller is not set.
        """
        if self.caller is None:
            raise RuntimeError(f"{self.operation.name} ran without a caller")
        return self.caller

    @property
    def resource_id(self) -> UUID:
        """Id of the calling resource.

        Raises:
            RuntimeError: the caller is not set.
        """
        return self.resource.id


@dataclass(frozen=True, slots=True)
class Route:
    """The operation of a request, with its version and path parameters."""

    operation: Operation
    version: str
    parameters: Mapping[str, str]
