"""Errors of liveness sessions. No HTTP here: the wire maps them to the contract's errors or to messages."""

from __future__ import annotations

from enum import StrEnum


class SessionError(Exception):
    """Base of the errors of liveness sessions; the text can be shown as a hint."""


class SessionNotFoundError(SessionError):
    """There is no such session of this resource and kind: it never was, was deleted, or is older than 48 hours."""


class SessionImageNotFoundError(SessionError):
    """There is no session image with that id: it never existed, or its session was deleted."""


class InvalidSessionStartError(SessionError):
    """The start of a page is not the id of a listed item."""


class ModeNotAvailableError(SessionError):
    """The server lacks a model without which no attempt of a session in this mode can succeed."""


class VerifyImageError(SessionError):
    """The verify image cannot serve as a reference."""


class NoReferenceFaceError(VerifyImageError):
    """There is no face in the verify image."""


class SeveralReferenceFacesError(VerifyImageError):
    """There is more than one face in the verify image."""


class TokenFault(StrEnum):
    """Why a token is refused."""

    MALFORMED = "malformed"
    KEY = "key"
    FOREIGN = "foreign"
    EXPIRED = "expired"
    GONE = "gone"
    USED_UP = "used up"
    ADDRESS = "address"
    CLOSED = "closed"


REASONS = {
    TokenFault.MALFORMED: "This is not a session token.",
    TokenFault.KEY: "A key of the resource was passed where the session's authToken belongs. A key must never reach a "
    "client: create the session on your server and hand over the authToken of the answer.",
    TokenFault.FOREIGN: "The token was not signed by this server, or was changed.",
    TokenFault.EXPIRED: "The token has expired: create another session.",
    TokenFault.GONE: "The session of the token does not exist: it was deleted, or is older than 48 hours.",
    TokenFault.USED_UP: "The session takes no more attempts: create another one.",
    TokenFault.ADDRESS: "The session was made for another address (expectedClientIpAddress).",
    TokenFault.CLOSED: "The resource of the session does not serve liveness detection, or not to this network address.",
}


class TokenRefusedError(SessionError):
    """A token is refused.

    Attributes:
        refusal: why.
    """

    def __init__(self, refusal: TokenFault) -> None:
        super().__init__(REASONS[refusal])
        self.refusal = refusal


class LockedOutError(SessionError):
    """Too many attempts of this device, user or address have failed.

    Attributes:
        retry_after: whole seconds until the next attempt is accepted.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts have failed; try again in {retry_after} s")
        self.retry_after = retry_after


class AttemptOverError(SessionError):
    """The attempt has ended: its session was deleted, its time is over, or another one took its place."""
