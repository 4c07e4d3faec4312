"""Errors of the gateway; `wire` maps them to the contract's errors."""

from __future__ import annotations

from collections.abc import Sequence

from mien.accounts import Feature, Sku
from mien.storage.faults import StorageFault


class GatewayError(Exception):
    """Base of the errors of the gateway."""


class UnknownHostError(GatewayError):
    """The requested host is below the server's domain, but belongs to no resource.

    Attributes:
        hint: the problem with the host.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


class AccessDeniedError(GatewayError):
    """The key or token is missing, unknown, or belongs to another resource than the host.

    Attributes:
        hint: the problem; None for a key that is unknown but well-formed.
    """

    def __init__(self, hint: str | None = None) -> None:
        super().__init__(hint or "unknown key")
        self.hint = hint


class BadTokenError(GatewayError):
    """A bearer token is malformed, expired, not for this service, or not signed by its issuer.

    Attributes:
        hint: the problem.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


class TokenNeedsSubdomainError(GatewayError):
    """The host of a request with an issuer's token does not name a resource.

    Attributes:
        hint: the host to call instead.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


class IssuerUnavailableError(GatewayError):
    """The issuer's signing keys are not available, so its tokens cannot be verified."""


class StorageUnavailableError(GatewayError):
    """The database does not answer or is read-only, or the disk is full.

    Attributes:
        hint: a hint for the caller; None for none.
        retry_after: delay before the next attempt, in whole seconds.
    """

    def __init__(self, fault: StorageFault) -> None:
        super().__init__(fault.value)
        full = fault is StorageFault.FULL
        self.hint = "The server's disk is full: it can read, not store." if full else None
        self.retry_after = 60 if full else 5


class PermissionDeniedError(GatewayError):
    """The token is genuine, but no role of its principal on the resource allows the operation.

    Attributes:
        hint: the missing data action, and the roles of the principal.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


class KeysDisabledError(GatewayError):
    """The resource does not accept keys, nor tokens that were exchanged for one."""


class NetworkDeniedError(GatewayError):
    """The caller's address may not call the resource.

    Attributes:
        public_access: whether addresses in the resource's rules may call it; if not, only private endpoints may.
        hint: the caller's address and the reason.
    """

    def __init__(self, hint: str, *, public_access: bool) -> None:
        super().__init__(hint)
        self.public_access = public_access
        self.hint = hint


class RateExceededError(GatewayError):
    """The rate limit of the resource's tier is exceeded.

    Attributes:
        operation: name of the operation, for the message.
        version: the API version.
        sku: the resource's tier.
        retry_after: delay until the next allowed call, in whole seconds.
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
        days: days until the next month begins.
        limit: allowed calls per month.
    """

    def __init__(self, days: float, limit: int) -> None:
        super().__init__(f"more than {limit} calls this month")
        self.days = days
        self.limit = limit


class FeatureNotGrantedError(GatewayError):
    """The resource is not approved for a feature that the request needs.

    Attributes:
        missing: the missing features, in the order of the message; one of them may suffice.
        hint: status of the resource's approval requests.
    """

    def __init__(self, missing: Sequence[Feature], hint: str) -> None:
        super().__init__(f"not approved for {', '.join(missing)}")
        self.missing = tuple(missing)
        self.hint = hint


class BodyTooLargeError(GatewayError):
    """The request body is longer than allowed.

    Attributes:
        limit: maximum size, in bytes.
        endless: whether too much is left to read, so that the connection should be closed.
    """

    def __init__(self, limit: int, *, endless: bool = False) -> None:
        super().__init__(f"the body is longer than {limit} bytes")
        self.limit = limit
        self.endless = endless


class BodyTimeoutError(GatewayError):
    """The client did not send the whole body in time."""


class ClientGoneError(GatewayError):
    """The client closed the connection before its request was complete."""
