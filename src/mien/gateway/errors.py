"""Errors of the front door; the wire maps them to the contract's errors."""

from __future__ import annotations

from collections.abc import Sequence

from mien.accounts import Feature, Sku
from mien.storage.faults import StorageFault


class GatewayError(Exception):
    """Base of the errors of the gateway."""


class UnknownHostError(GatewayError):
    """The host of the request is below the server's domain, but no resource has it.

    Attributes:
        hint: the problem with the host.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


class AccessDeniedError(GatewayError):
    """No resource belongs to what the caller showed.

    Attributes:
        hint: the problem with the key, or None if it looks like a key but is unknown.
    """

    def __init__(self, hint: str | None = None) -> None:
        super().__init__(hint or "unknown key")
        self.hint = hint


class BadTokenError(GatewayError):
    """A bearer token is malformed, expired, not for this service, or not signed by whom it should be.

    Attributes:
        hint: the problem.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


class TokenNeedsSubdomainError(GatewayError):
    """A token of the issuer came to a host that does not name a resource.

    Attributes:
        hint: the address to send it to.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


class IssuerUnavailableError(GatewayError):
    """The issuer's signing keys are not known and cannot be fetched now: nobody can tell whether a token is genuine."""


class StorageUnavailableError(GatewayError):
    """The database does not answer or is read-only, or the disk is full.

    Attributes:
        hint: a hint for the caller; None for none.
        retry_after: whole seconds after which another try makes sense.
    """

    def __init__(self, fault: StorageFault) -> None:
        super().__init__(fault.value)
        full = fault is StorageFault.FULL
        self.hint = "The server's disk is full: it can read, not store." if full else None
        self.retry_after = 60 if full else 5


class PermissionDeniedError(GatewayError):
    """A genuine token's principal has no role on the resource that allows the operation.

    Attributes:
        hint: the data action that is missing, and what the principal has.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


class KeysDisabledError(GatewayError):
    """The resource takes no keys; one was sent, or a token that was exchanged for one."""


class NetworkDeniedError(GatewayError):
    """The caller's address may not call the resource.

    Attributes:
        public_access: whether the resource is open to addresses that its rules name; else to private endpoints only.
        hint: which address was seen.
    """

    def __init__(self, hint: str, *, public_access: bool) -> None:
        super().__init__(hint)
        self.public_access = public_access
        self.hint = hint


class RateExceededError(GatewayError):
    """More calls than the resource's tier allows in so short a time.

    Attributes:
        operation: its name, for the message.
        version: the API version.
        sku: the resource's tier.
        retry_after: whole seconds until a call is allowed again.
        rate: the allowed rate, such as "20 calls in 60 s".
    """

    def __init__(self, operation: str, version: str, sku: Sku, retry_after: int, rate: str) -> None:
        super().__init__(f"more than {rate}")
        self.operation = operation
        self.version = version
        self.sku = sku
        self.retry_after = retry_after
        self.rate = rate


class VolumeExceededError(GatewayError):
    """The free tier's calls of this month are used up.

    Attributes:
        days: how long until the next month begins.
        limit: calls a month.
    """

    def __init__(self, days: float, limit: int) -> None:
        super().__init__(f"more than {limit} calls this month")
        self.days = days
        self.limit = limit


class FeatureNotGrantedError(GatewayError):
    """The resource is not approved for what it asked for.

    Attributes:
        missing: the features, any of which may be enough; in the order in which they are named to the caller.
        hint: how the resource's requests for them stand.
    """

    def __init__(self, missing: Sequence[Feature], hint: str) -> None:
        super().__init__(f"not approved for {', '.join(missing)}")
        self.missing = tuple(missing)
        self.hint = hint


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
