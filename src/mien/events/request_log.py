"""The request log for diagnosis: one structured line for each call of the resources that have it switched on.

Off by default. A line has everything but the request's body and the body of a success: those hold faces.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import structlog

from mien.events.blotting import Blotter
from mien.events.observer import Operation, Response, body_size

_LONGEST: Final = 2_000
_MOST_HEADERS: Final = 60
_CLIENT_REQUEST_ID: Final = "x-ms-client-request-id"

_log = structlog.get_logger("mien.requests")


class Request(Protocol):
    """What is written down of a request."""

    @property
    def method(self) -> str:
        """Upper-case HTTP method."""
        ...

    @property
    def path(self) -> str:
        """Decoded path."""
        ...

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """Raw pairs, names in lower case."""
        ...

    @property
    def query(self) -> list[tuple[str, str]]:
        """Decoded pairs."""
        ...

    @property
    def received(self) -> int:
        """Bytes of the body that were read."""
        ...

    @property
    def scope(self) -> Mapping[str, Any]:
        """The ASGI scope."""
        ...

    def header(self, name: bytes) -> str | None:
        """Return a header by its name in lower case."""
        ...


class Caller(Protocol):
    """Whose call it is."""

    @property
    def id(self) -> UUID:
        """The resource's id."""
        ...


class Exchange(Protocol):
    """What is written down of a call that found its operation."""

    @property
    def operation(self) -> Operation:
        """What answered."""
        ...

    @property
    def caller(self) -> Caller | None:
        """The resource, if it was found."""
        ...

    @property
    def request_id(self) -> str:
        """What the client sees as `apim-request-id`."""
        ...


class RequestLog:
    """An observer of the front door that writes calls down.

    Args:
        write: takes the fields of a line; the service's log when None.
    """

    def __init__(self, write: Callable[[Mapping[str, object]], None] | None = None) -> None:
        self._write = write or (lambda fields: _log.info("request", **fields))

    def __call__(self, request: Request, exchange: Exchange | None, response: Response, seconds: float) -> None:
        """Write one call down, if its resource has the log switched on now."""
        if exchange is not None and getattr(exchange.caller, "request_log", False):
            self._write(describe(request, exchange, response, seconds))


def describe(request: Request, exchange: Exchange, response: Response, seconds: float) -> dict[str, object]:
    """Return the fields of a line, with keys and tokens blotted out."""
    caller = exchange.caller
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers]
    query = request.query
    blot = Blotter(headers, query)
    client = request.scope.get("client")
    client_request_id = request.header(_CLIENT_REQUEST_ID.encode())
    fields: dict[str, object] = {
        "request_id": exchange.request_id,
        "client_request_id": None if client_request_id is None else blot.text(client_request_id)[:200],
        "resource": getattr(caller, "name", None),
        "resource_id": None if caller is None else str(caller.id),
        "operation": exchange.operation.name,
        "method": request.method,
        "path": blot.text(request.path)[:_LONGEST],
        "query": [[blot.text(name)[:200], blot.named(name, value)[:_LONGEST]] for name, value in query],
        "headers": [
            [blot.text(name)[:200], blot.named(name, value)[:_LONGEST]] for name, value in headers[:_MOST_HEADERS]
        ],
        "client": client[0] if client else None,
        "status": response.status,
        "milliseconds": round(seconds * 1000, 3),
        "bytes_in": body_size(request),
        "bytes_out": len(response.body),
    }
    if response.status >= 400:
        fields["error"] = _error(response.body, blot)
    return fields


def _error(body: bytes, blot: Blotter) -> object:
    try:
        return blot.tree(json.loads(body))
    except ValueError:
        return blot.text(body.decode("utf-8", "replace"))[:_LONGEST]
