"""Counts calls for the metrics."""

from __future__ import annotations

from typing import Final

from mien.events.calls import ObservedExchange, ObservedRequest, ObservedResponse, body_size, error_code
from mien.events.metrics import NOBODY
from mien.events.recorder import Recorder

UNKNOWN: Final = "Unknown"
"""The operation name of calls to unknown paths."""


class CallObserver:
    """An observer of the gateway that counts calls."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __call__(
        self, request: ObservedRequest, exchange: ObservedExchange | None, response: ObservedResponse, seconds: float
    ) -> None:
        """Count a call."""
        status = response.status
        operation, caller, transactions = UNKNOWN, None, 0
        if exchange is not None:
            operation, caller = exchange.operation.name, exchange.caller
            if status < 400:
                transactions = exchange.operation.transactions
        self._recorder.call(
            NOBODY if caller is None else caller.id,
            operation,
            status,
            error_code(response) if status >= 400 else "",
            seconds=seconds,
            data_in=body_size(request),
            data_out=len(response.body),
            transactions=transactions,
            blocked=exchange is not None and exchange.blocked,
        )
