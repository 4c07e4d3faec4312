"""The ASGI application that every request passes: finds the operation, runs the steps, sends the response."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from random import getrandbits
from time import perf_counter
from typing import Final, Protocol

import structlog

from mien.contract.headers import (
    CLIENT_REQUEST_ID,
    ERROR_CODE,
    REQUEST_ID,
    SERVER_MILLISECONDS,
    TRANSACTIONS,
    wire_name,
)
from mien.contract.problem import Problem
from mien.gateway.cors import Cors
from mien.gateway.errors import ClientGoneError, StorageUnavailableError
from mien.gateway.exchange import Exchange, Receive, Request, Response, Route, Scope, Send
from mien.gateway.origin import OriginFinder
from mien.gateway.throttled_log import ThrottledLog
from mien.storage.faults import StorageFault, fault_of
from mien.storage.reserve import deleting
from mien.workers import OWNER

Step = Callable[[Exchange], Awaitable[None]]
"""A check before the handler, such as a rate limit; raises an error to refuse the request."""

Observer = Callable[[Request, Exchange | None, Response, float], None]
"""Called after every response with request, exchange (None for an unknown path), response and duration in seconds."""

_PLATFORM = (
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains; preload"),
    (b"x-content-type-options", b"nosniff"),
)
_EMPTY_JSON: Final = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_REQUEST_ID: Final = wire_name(REQUEST_ID)
_CLIENT_REQUEST_ID: Final = wire_name(CLIENT_REQUEST_ID)
_ERROR_CODE: Final = wire_name(ERROR_CODE)
_SERVER_MILLISECONDS: Final = wire_name(SERVER_MILLISECONDS)
_TRANSACTIONS: Final = wire_name(TRANSACTIONS)

log = structlog.get_logger("mien.gateway")


def _new_id() -> str:
    """Return a random guid (version 4). It is not a secret, so a fast generator is enough."""
    digits = f"{getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[getrandbits(2)]}{digits[17:20]}-{digits[20:]}"


class RouteFinder(Protocol):
    """Finds the operation of a request."""

    def match(self, method: str, path: str, endpoint: Callable[[], str]) -> Route:
        """Return the operation of a method and path; raise a problem with the reason if there is none."""
        ...


class Gateway:
    """The gateway as an ASGI application for `http` scopes.

    Args:
        router: finds the operation.
        steps: checks that run in order before the handler.
        explain: maps an exception to an error response; an unexpected one to a 500.
        observers: called with every response.
        origin: determines the server's URL as the caller sees it.
        cors: allows calls from web pages; None for a server without CORS.
        make_room: frees space for a deletion on a full disk; returns whether it freed any.
    """

    def __init__(
        self,
        router: RouteFinder,
        steps: Sequence[Step],
        explain: Callable[[Exception], Problem],
        observers: Sequence[Observer] = (),
        *,
        origin: OriginFinder | None = None,
        cors: Cors | None = None,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        self._make_room = make_room
        self._router = router
        self._steps = tuple(steps)
        self._explain = explain
        self._observers = tuple(observers)
        self._throttled = ThrottledLog()
        self._origin = origin or OriginFinder()
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request."""
        start = perf_counter()
        request = Request(scope, receive)
        request_id = _new_id()
        exchange: Exchange | None = None
        try:
            found = self._match(request, request.method)
            exchange = Exchange(request, found.operation, found.version, found.parameters, request_id)
            for step in self._steps:
                await step(exchange)
            OWNER.set(exchange.caller.id if exchange.caller else None)  # the worker queue is fair between resources
            response = await self._answer(found, exchange)
        except ClientGoneError:
            return
        except Exception as error:
            asked = await self._preflight(request) if exchange is None else None
            response = asked or self._refusal(error, request_id)
        seconds = perf_counter() - start
        headers = self._headers(request, exchange, response, seconds)
        if self._cors is not None and request.method != "OPTIONS" and request.header(b"origin") is not None:
            headers += await self._cors.headers(request, exchange)
        headers.append((_REQUEST_ID, request_id.encode()))
        body = b"" if request.method == "HEAD" else response.body
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        for observe in self._observers:
            observe(request, exchange, response, seconds)

    async def _answer(self, found: Route, exchange: Exchange) -> Response:
        """Run the handler; if the disk is full, retry a deletion in the space that is reserved for that."""
        if exchange.request.method != "DELETE":
            return await found.operation.handler(exchange)
        with deleting():
            try:
                return await found.operation.handler(exchange)
            except Exception as error:
                if fault_of(error) is not StorageFault.FULL or not self._make_room():
                    raise
                return await found.operation.handler(exchange)

    def _match(self, request: Request, method: str) -> Route:
        return self._router.match(method, self._origin.path(request), lambda: self._origin(request))

    async def _preflight(self, request: Request) -> Response | None:
        if self._cors is None or request.method != "OPTIONS":
            return None
        return await self._cors.preflight(request, lambda method: self._match(request, method))

    def _refusal(self, error: Exception, request_id: str) -> Response:
        fault = fault_of(error)
        if fault is not None:  # one line per second without traceback: an outage is not a bug
            self._throttled.warning(log, "storage failed", reason=fault.value, request_id=request_id)
            error = StorageUnavailableError(fault)
        problem = self._explain(error)
        if problem.status >= 500 and fault is None and not isinstance(error, Problem):
            # As text: structlog's tracebacks show local variables, among them keys and images.
            trace = "".join(traceback.format_exception(error))
            log.error("request failed", request_id=request_id, status=problem.status, traceback=trace)
        headers = ((_ERROR_CODE, problem.code.encode("latin-1")), *problem.headers)
        return Response(problem.status, problem.body(), headers=headers)

    @staticmethod
    def _headers(
        request: Request, exchange: Exchange | None, response: Response, seconds: float
    ) -> list[tuple[bytes, bytes]]:
        headers = [
            *response.headers,
            *_PLATFORM,
            (_SERVER_MILLISECONDS, b"%d" % round(seconds * 1000)),
        ]
        if response.status != HTTPStatus.NO_CONTENT:
            headers.append((b"content-length", b"%d" % len(response.body)))
        # aiohttp's `json()` reads an empty body of this type as None, and fails on one without a type (decision 0165).
        if response.body or response.status in _EMPTY_JSON:
            headers.append((b"content-type", response.content_type))
        if exchange is not None and exchange.operation.transactions and response.status < 400:
            meter = b"CognitiveServices.Face.Transaction=%d" % exchange.operation.transactions
            headers.append((_TRANSACTIONS, meter))
        client_id = request.header(_CLIENT_REQUEST_ID)
        if client_id is not None:
            headers.append((_CLIENT_REQUEST_ID, client_id.encode("latin-1")))
        return headers
