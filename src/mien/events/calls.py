"""The front door's notification of observers after each call, and the protocols through which they read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID


class Request(Protocol):
    """The view of a request for observers."""

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


class ObservedOperation(Protocol):
    """The view of an operation for observers."""

    @property
    def name(self) -> str:
        """The name in Azure's texts."""
        ...

    @property
    def transactions(self) -> int:
        """How many billed transactions one successful call is."""
        ...


class Caller(Protocol):
    """The caller of a call."""

    @property
    def id(self) -> UUID:
        """The resource's id."""
        ...

    @property
    def name(self) -> str:
        """The resource's name."""
        ...

    @property
    def request_log(self) -> bool:
        """Whether its calls are logged."""
        ...


class Exchange(Protocol):
    """The view of a routed call for observers."""

    @property
    def operation(self) -> ObservedOperation:
        """The operation that handled it."""
        ...

    @property
    def caller(self) -> Caller | None:
        """The resource, if it was found."""
        ...

    @property
    def blocked(self) -> bool:
        """Whether it was refused because of the number of calls."""
        ...

    @property
    def request_id(self) -> str:
        """The request id that the client receives as `apim-request-id`."""
        ...


class Response(Protocol):
    """The view of a response for observers."""

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
