"""What the front door tells of every answer, turned into counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol
from uuid import UUID

from mien.events.metrics import NOBODY
from mien.events.recorder import Recorder

UNKNOWN: Final = "Unknown"
"""The operation of calls to a path that no operation has."""


class Request(Protocol):
    """What is looked at of a request."""

    @property
    def received(self) -> int:
        """Bytes of the body that were read."""
        ...

    def header(self, name: bytes) -> str | None:
        """Return a header by its name in lower case."""
        ...


class Operation(Protocol):
    """What is looked at of an operation."""

    @property
    def name(self) -> str:
        """As in Azure's texts."""
        ...

    @property
    def transactions(self) -> int:
        """How many billed transactions one successful call is."""
        ...


class Caller(Protocol):
    """Whose call it is."""

    @property
    def id(self) -> UUID:
        """The resource's id."""
        ...


class Exchange(Protocol):
    """What is looked at of a call that found its operation."""

    @property
    def operation(self) -> Operation:
        """What answered."""
        ...

    @property
    def caller(self) -> Caller | None:
        """The resource, if it was found."""
        ...

    @property
    def blocked(self) -> bool:
        """Whether it was refused for the number of calls."""
        ...


class Response(Protocol):
    """What is looked at of an answer."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def body(self) -> bytes:
        """The body."""
        ...

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """Headers of this answer in particular."""
        ...


class CallObserver:
    """An observer of the front door that counts calls."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __call__(self, request: Request, exchange: Exchange | None, response: Response, seconds: float) -> None:
        """Count one answer."""
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


def error_code(response: Response) -> str:
    """The error code that an answer names in its header, cut to what is stored."""
    for name, value in response.headers:
        if name == b"x-ms-error-code":
            return value.decode("latin-1")[:64]
    return ""


def body_size(request: Request) -> int:
    """How many bytes the body of a request had, or as many of them as came."""
    announced = request.header(b"content-length")
    if announced is not None and announced.isdigit() and len(announced) < 12:
        return int(announced)
    return request.received
