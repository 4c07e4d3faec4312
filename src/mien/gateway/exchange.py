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
_DRAIN_BYTES = 16 * 1024 * 1024


class Request:
    """A thin view of an ASGI request: nothing is parsed before it is requested.

    Attributes:
        method: upper-case HTTP method.
        path: decoded path, as sent (case kept).
        headers: raw pairs, names in lower case.
        received: bytes of the body that were read so far.
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
        """Return the first header called `name` (lower case), or None."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query's pairs in their order: names in lower case, blank values kept."""
        if self._query is None:
            raw = self.scope.get("query_string", b"").decode("latin-1")
            pairs = parse_qsl(raw, keep_blank_values=True, errors="replace") if raw else []
            self._query = [(name.lower(), value) for name, value in pairs]
        return self._query

    def query_value(self, name: str) -> str | None:
        """Return the first value of the query parameter `name` (lower case), or None."""
        for key, value in self.query:
            if key == name:
                return value
        return None

    async def read(self, limit: int, seconds: float) -> bytes:
        """Read the whole body, with or without a Content-Length.

        Args:
            limit: the most bytes to accept; never more than this is kept in memory.
            seconds: how long the client may take to send it.

        Raises:
            BodyTooLargeError: it is longer, by its Content-Length or by its data.
            BodyTimeoutError: it did not arrive in time.
            ClientGoneError: the connection ended before the body did.
        """
        announced = self.header(b"content-length")
        if announced is not None and announced.isdigit() and int(announced[:20]) > limit:
            # The server reads and drops the rest, so that the client, which sends before it listens, gets the answer.
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
                # Without a length nobody knows how much is still to come: read on for a while, as above.
                if more and size <= limit + _DRAIN_BYTES:
                    chunks.clear()
                    continue
                raise BodyTooLargeError(limit, endless=more)
            chunks.append(chunk)
            if not more:
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: status, body, and headers besides those that every answer carries."""

    status: int = 200
    body: bytes = b""
    content_type: bytes = JSON_TYPE
    headers: Sequence[tuple[bytes, bytes]] = ()


Handler = Callable[["Exchange"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract, or one page of the service: a line in a router's table.

    Attributes:
        name: as in Azure's texts, such as "Face - Detect"; for rate limits, metrics and logs.
        method: HTTP method.
        template: path below `/face/{version}` with `{names}`, such as `/persongroups/{personGroupId}`; for a page
            the whole path.
        handler: awaits the exchange, gives the response; raises what the gateway's `explain` knows.
        versions: names of the API versions that have it; empty for a page.
        action: the role-based access action, such as "detect"; what `mien.gateway.roles` and `gates` go by.
        transactions: how many billed transactions one successful call is.
        needs_key: whether the caller must show a key.
        describe: gives the operation's OpenAPI object for the name of a version; None leaves it undocumented.
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
    """How a caller showed who it is."""

    KEY = "key"
    SHORT_TOKEN = "short token"  # noqa: S105  a name, not a secret
    ISSUER_TOKEN = "issuer token"  # noqa: S105  likewise


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of an operation.

    Attributes:
        authentication: by what it was recognised.
        subject: the principal's id with the token's issuer; None for a caller with a key.
        grants: its roles; None for a caller with a key, which may do everything.
        about: the claims of its token to which a role could be assigned.
        name: name in the issuer's token, for records; empty for a caller with a key.
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
        request_id: a fresh guid, sent back as `apim-request-id`.
        caller: the resource that asks; None until a step has set it, and for pages.
        principal: the caller; None before authentication.
        blocked: whether it was refused for the number of calls, by rate or volume.
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
        """The resource that asks.

        Raises:
            RuntimeError: no step has set the caller; an operation that needs one must not run without.
        """
        if self.caller is None:
            raise RuntimeError(f"{self.operation.name} ran without a caller")
        return self.caller

    @property
    def resource_id(self) -> UUID:
        """Id of the resource that asks.

        Raises:
            RuntimeError: no step has set the caller; an operation that needs one must not run without.
        """
        return self.resource.id


@dataclass(frozen=True, slots=True)
class Route:
    """The route for a method and path."""

    operation: Operation
    version: str
    parameters: Mapping[str, str]
