"""Records failed calls."""

from __future__ import annotations

from mien.events.calls import ObservedExchange, ObservedRequest, ObservedResponse, error_code
from mien.events.failed_calls import FailedCalls, NotedCall
from mien.gateway.call_counter import UNKNOWN
from mien.gateway.exchange import Request
from mien.gateway.origin import OriginFinder


class FailedCallObserver:
    """An observer of the gateway that records failed calls.

    Args:
        calls: stores the failed calls.
        origin: determines the caller's address behind trusted proxies.
    """

    def __init__(self, calls: FailedCalls, origin: OriginFinder) -> None:
        self._calls = calls
        self._origin = origin

    def __call__(
        self, request: ObservedRequest, exchange: ObservedExchange | None, response: ObservedResponse, seconds: float
    ) -> None:
        """Record a call if its response is an error."""
        if response.status < 400:
            return
        caller = exchange.caller if exchange is not None else None
        address = self._origin.client(request) if isinstance(request, Request) else None
        self._calls.note(
            NotedCall(
                resource_id=None if caller is None else caller.id,
                at=self._calls.now(),
                operation=exchange.operation.name if exchange is not None else UNKNOWN,
                method=request.method,
                status=response.status,
                code=error_code(response),
                body=response.body,
                address="" if address is None else str(address),
                request_id=exchange.request_id if exchange is not None else "",
                seconds=seconds,
            )
        )
