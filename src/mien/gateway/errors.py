"""What can go wrong at the front door; the wire maps these to the contract's errors."""

from __future__ import annotations


class GatewayError(Exception):
    """Base of everything that the gateway raises on purpose."""


class AccessDeniedError(GatewayError):
    """No resource belongs to what the caller showed.

    Attributes:
        hint: what looks wrong with it, or None when it looks like a key but is not one of ours.
    """

    def __init__(self, hint: str | None = None) -> None:
        super().__init__(hint or "unknown key")
        self.hint = hint


class OverloadedError(GatewayError):
    """The workers and the queue before them are full.

    Attributes:
        retry_after: whole seconds after which a place is likely to be free.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"no place in the queue, retry after {retry_after} s")
        self.retry_after = retry_after


class BodyTooLargeError(GatewayError):
    """The request body is longer than allowed.

    Attributes:
        limit: the most bytes that are accepted.
        endless: whether so much more is coming that the connection is better closed than read to its end.
    """

    def __init__(self, limit: int, *, endless: bool = False) -> None:
        super().__init__(f"the body is longer than {limit} bytes")
        self.limit = limit
        self.endless = endless


class BodyTimeoutError(GatewayError):
    """The client did not send the whole body in time."""


class ClientGoneError(GatewayError):
    """The client closed the connection before its request was complete; nobody is left to answer."""
