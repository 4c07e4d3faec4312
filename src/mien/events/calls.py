"""The protocols through which observers read a call that the gateway has answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from mien.contract.headers import ERROR_CODE, wire_name

_ERROR_CODE: Final = wire_name(ERROR_CODE)


class ObservedRequest(Protocol):
    """A request, as observers see it."""

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
        """Raw header pairs, names in lower case."""
        ...

    @property
    def query(self) -> list[tuple[str, str]]:
        """Decoded query parameters."""
        ...

    @property
    def received(self) -> int:
        """Number of body bytes that were read."""
        ...

    @property
    def scope(self) -> Mapping[str, Any]:
        """The ASGI scope."""
        ...

    def header(self, name: bytes) -> str | None:
        """Return a header by its name in lower case."""
        ...


class ObservedOperation(Protocol):
    """An operation, as observers see it."""

    @property
    def name(self) -> str:
        """The name that Azure's documentation uses."""
        ...

    @property
    def transactions(self) -> int:
        """Billed transactions of one successful call."""
        ...


class ObservedCaller(Protocol):
    """The resource that made a call, as observers see it."""

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
        """Whether the request log is switched on for it."""
        ...


class ObservedExchange(Protocol):
    """A routed call, as observers see it."""

    @property
    def operation(self) -> ObservedOperation:
        """The operation that handled it."""
        ...

    @property
    def caller(self) -> ObservedCaller | None:
        """The calling resource, if it is known."""
        ...

    @property
    def blocked(self) -> bool:
        """Whether the call exceeded the rate or the volume of the tier."""
        ...

    @property
    def request_id(self) -> str:
        """The request id that the client receives as `apim-request-id`."""
        ...


class ObservedResponse(Protocol):
    """A response, as observers see it."""

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
        """Headers of this response, without those that all responses have."""
        ...


def error_code(response: ObservedResponse) -> str:
    """Return the error code in a response's header, cut to the stored length; empty for a success."""
    for name, value in response.headers:
        if name == _ERROR_CODE:
            return value.decode("latin-1")[:64]
    return ""


def body_size(request: ObservedRequest) -> int:
    """Return the size of a request's body in bytes; of an incomplete one, the bytes that arrived."""
    announced = request.header(b"content-length")
    if announced is not None and announced.isdigit() and len(announced) < 12:
        return int(announced)
    return request.received
