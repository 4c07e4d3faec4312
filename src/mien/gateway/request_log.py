"""The request log for diagnosis: one structured line per call of resources with the log switched on.

Off by default. Bodies of requests and of successful responses are left out, because they contain faces.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from mien.contract.headers import CLIENT_REQUEST_ID
from mien.events.calls import ObservedExchange, ObservedRequest, ObservedResponse, body_size
from mien.events.redaction import CallRedactor

_LONGEST: Final = 2_000
_MOST_HEADERS: Final = 60

_log = structlog.get_logger("mien.requests")


class RequestLog:
    """An observer of the gateway that logs calls.

    Args:
        write: writes the fields of a line; None for the service's log.
    """

    def __init__(self, write: Callable[[Mapping[str, object]], None] | None = None) -> None:
        self._write = write or (lambda fields: _log.info("request", **fields))

    def __call__(
        self, request: ObservedRequest, exchange: ObservedExchange | None, response: ObservedResponse, seconds: float
    ) -> None:
        """Log a call if its resource has the log switched on."""
        if exchange is not None and exchange.caller is not None and exchange.caller.request_log:
            self._write(describe(request, exchange, response, seconds))


def describe(
    request: ObservedRequest, exchange: ObservedExchange, response: ObservedResponse, seconds: float
) -> dict[str, object]:
    """Return the fields of a line, with keys and tokens redacted."""
    caller = exchange.caller
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers]
    query = request.query
    redactor = CallRedactor(headers, query)
    client = request.scope.get("client")
    client_request_id = request.header(CLIENT_REQUEST_ID.encode())
    fields: dict[str, object] = {
        "request_id": exchange.request_id,
        "client_request_id": None if client_request_id is None else redactor.text(client_request_id)[:200],
        "resource": None if caller is None else caller.name,
        "resource_id": None if caller is None else str(caller.id),
        "operation": exchange.operation.name,
        "method": request.method,
        "path": redactor.text(request.path)[:_LONGEST],
        "query": [[redactor.text(name)[:200], redactor.named(name, value)[:_LONGEST]] for name, value in query],
        "headers": [
            [redactor.text(name)[:200], redactor.named(name, value)[:_LONGEST]]
            for name, value in headers[:_MOST_HEADERS]
        ],
        "client": client[0] if client else None,
        "status": response.status,
        "milliseconds": round(seconds * 1000, 3),
        "bytes_in": body_size(request),
        "bytes_out": len(response.body),
    }
    if response.status >= 400:
        fields["error"] = _error(response.body, redactor)
    return fields


def _error(body: bytes, redactor: CallRedactor) -> object:
    try:
        return redactor.tree(json.loads(body))
    except ValueError:
        return redactor.text(body.decode("utf-8", "replace"))[:_LONGEST]
