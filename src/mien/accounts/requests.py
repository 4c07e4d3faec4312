"""A request for limited access, and the steps that it may take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from mien.accounts.intake_checks import IntakeFinding
from mien.contract.features import Feature
from mien.messages import Message


class RequestState(StrEnum):
    """The state of a request."""

    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


STATES: Final = {
    RequestState.SUBMITTED: Message("submitted"),
    RequestState.IN_REVIEW: Message("in_review"),
    RequestState.APPROVED: Message("approved"),
    RequestState.REJECTED: Message("rejected"),
    RequestState.REVOKED: Message("revoked"),
    RequestState.WITHDRAWN: Message("withdrawn"),
    RequestState.EXPIRED: Message("expired"),
}
"""The states in words, for messages."""

OPEN: Final = frozenset({RequestState.SUBMITTED, RequestState.IN_REVIEW, RequestState.APPROVED})


@dataclass(frozen=True, slots=True)
class Step:
    """A step that a person takes: from which states to which, and what a refusal advises."""

    name: str
    done: str
    sources: frozenset[RequestState]
    target: RequestState
    needs_reason: bool = False


REVIEW: Final = Step("review", Message("reviewed"), frozenset({RequestState.SUBMITTED}), RequestState.IN_REVIEW)
APPROVE: Final = Step("approve", Message("approved"), frozenset({RequestState.IN_REVIEW}), RequestState.APPROVED)
REJECT: Final = Step(
    "reject", Message("rejected"), frozenset({RequestState.IN_REVIEW}), RequestState.REJECTED, needs_reason=True
)
REVOKE: Final = Step(
    "revoke",
    Message("revoked"),
    frozenset({RequestState.APPROVED, RequestState.EXPIRED}),
    RequestState.REVOKED,
    needs_reason=True,
)
RENEW: Final = Step(
    "renew", Message("renewed"), frozenset({RequestState.APPROVED, RequestState.EXPIRED}), RequestState.APPROVED
)
WITHDRAW: Final = Step("withdraw", Message("withdrawn"), OPEN, RequestState.WITHDRAWN)

ADVICE: Final = {
    RequestState.SUBMITTED: Message("take it into review first"),
    RequestState.IN_REVIEW: Message("approve or reject it first"),
    RequestState.APPROVED: Message("it can be renewed, revoked or withdrawn"),
    RequestState.EXPIRED: Message("it can be renewed or revoked"),
    RequestState.REJECTED: Message("that is final; make a new request"),
    RequestState.REVOKED: Message("that is final; make a new request"),
    RequestState.WITHDRAWN: Message("that is final; make a new request"),
}


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A request for limited access.

    Attributes:
        id: identifies it.
        resource_id: which resource wants access.
        resource_name: its name.
        features: to what.
        organisation: the organisation behind it.
        contact: contact for questions.
        use_case: the use case, in the applicant's words.
        state: its current state.
        requested_by: name of the person who created it.
        requested_at: time of the request.
        changed_by: name of the person who changed the state last.
        changed_at: time of that change.
        reason: why it was rejected or revoked, or a note to another step; None without.
        expires_at: end of the approval; None if there is none or it does not end.
        by_requester: whether its last approval was given by the person who requested it.
        findings: points that the description leaves open, for the reviewer.
    """

    id: UUID
    resource_id: UUID
    resource_name: str
    features: frozenset[Feature]
    organisation: str
    contact: str
    use_case: str
    state: RequestState
    requested_by: str
    requested_at: datetime
    changed_by: str
    changed_at: datetime
    reason: str | None
    expires_at: datetime | None
    by_requester: bool
    findings: tuple[IntakeFinding, ...]
