"""Limited access: requests for features, their review, approval for a time, renewal, revocation."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.accounts.errors import (
    AlreadyRequestedError,
    InvalidValueError,
    OwnRequestError,
    ReasonMissingError,
    TransitionError,
)
from mien.accounts.records import bump, features_of, state_of
from mien.accounts.request_rows import find_row, new_row, request_of, resource_name
from mien.accounts.requests import (
    ADVICE,
    APPROVE,
    OPEN,
    REJECT,
    RENEW,
    REVIEW,
    REVOKE,
    STATES,
    WITHDRAW,
    AccessRequest,
    RequestState,
    Step,
)
from mien.accounts.types import DEVELOPMENT_TERMS, Resource
from mien.accounts.validation import checked_text
from mien.clock import Clock
from mien.contract.features import ALL_FEATURES, REQUESTED_APART, Feature
from mien.events import AuditLog
from mien.messages import Message
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import AccessRequestRow, ResourceRow

APPROVED_FOR: Final = timedelta(days=365)

BY_REQUESTER: Final = "approved by the requester"
"""Says in the audit log that nobody else looked at a request."""


def _several(_resource_id: UUID) -> int:
    """Assume that others could approve a request, so that nobody approves their own."""
    return 2


class AccessRequests:
    """The requests of all resources. Every step goes into the audit log with who took it.

    A request goes submitted → in review → approved or rejected; an approval expires, and can be renewed (verified
    again) or revoked; what is not over yet can be withdrawn. All processes see a step at their next look-up.

    Args:
        database: the database.
        clock: the clock.
        audit: the audit log; the database's own log when None.
        approved_for: how long an approval lasts unless its reviewer says otherwise.
        approvers: counts the people who may approve requests of a resource; with several, none approves their own.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        approved_for: timedelta = APPROVED_FOR,
        approvers: Callable[[UUID], int] = _several,
    ) -> None:
        self._approvers = approvers
        self.approved_for = approved_for
        self._database = database
        self._clock = clock
        self._audit = audit

    def submit(
        self,
        resource_id: UUID,
        features: Collection[Feature],
        *,
        organisation: str,
        contact: str,
        use_case: str,
        actor: str,
    ) -> AccessRequest:
        """Send a request.

        Args:
            resource_id: which resource wants access.
            features: to what: Identification and Verification together or either; each of the others alone.
            organisation: the organisation behind it, up to 200 characters.
            contact: contact for questions: an e-mail address or telephone number.
            use_case: whose faces, for which purpose and why, up to 4000 characters.
            actor: name of the actor, for the audit log.

        Raises:
            ResourceNotFoundError: there is no such resource.
            InvalidValueError: a text is missing or too long, or the features cannot be requested together.
            AlreadyRequestedError: a request for one of the features is under way or approved.
        """
        wanted = frozenset(features)
        if not wanted:
            raise InvalidValueError("features", "a request names at least one feature")
        if len(wanted) > 1 and (apart := wanted & REQUESTED_APART):
            names = " and ".join(sorted(apart))
            raise InvalidValueError(
                "features", "{names} must be requested apart from other features, each by itself", names=names
            )
        row = new_row(
            resource_id,
            wanted,
            actor=actor,
            now=self._clock.now(),
            organisation=checked_text("organisation", organisation, 200),
            contact=checked_text("contact", contact, 200),
            use_case=checked_text("use_case", use_case, 4000),
        )
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            name = resource_name(session, resource_id)
            self._check_not_open(session, resource_id, wanted)
            session.add(row)
            session.flush()
            request = request_of(row, name, self._clock.now())
            flags = ", ".join(one.rule for one in request.findings)
            self._record(session, "request", request, actor, flagged=flags or None)
        return request

    def review(self, request_id: UUID, *, actor: str) -> AccessRequest:
        """Start the review of a submitted request.

        Raises:
            AccessRequestNotFoundError: there is none.
            TransitionError: it is past that state.
        """
        return self._take(REVIEW, request_id, actor, None)

    def approve(
        self, request_id: UUID, *, actor: str, lasts: timedelta | None = None, note: str | None = None
    ) -> AccessRequest:
        """Approve a request in review.

        Args:
            request_id: id of the request.
            actor: name of the approver, for the audit log.
            lasts: how long the approval lasts; the usual time when None.
            note: a note for the applicant.

        Raises:
            AccessRequestNotFoundError: there is none.
            TransitionError: it is not in review.
            InvalidValueError: `lasts` is not positive.
            OwnRequestError: `actor` requested it, and the server has other administrators.
        """
        return self._take(APPROVE, request_id, actor, note, self.approved_for if lasts is None else lasts)

    def reject(self, request_id: UUID, *, actor: str, reason: str) -> AccessRequest:
        """Reject a request in review.

        Raises:
            AccessRequestNotFoundError: there is none.
            TransitionError: it is not in review.
            ReasonMissingError: no reason was given.
        """
        return self._take(REJECT, request_id, actor, reason)

    def revoke(self, request_id: UUID, *, actor: str, reason: str) -> AccessRequest:
        """Revoke an approval.

        Raises:
            AccessRequestNotFoundError: there is none.
            TransitionError: it is not approved.
            ReasonMissingError: no reason was given.
        """
        return self._take(REVOKE, request_id, actor, reason)

    def renew(
        self, request_id: UUID, *, actor: str, lasts: timedelta | None = None, note: str | None = None
    ) -> AccessRequest:
        """Renew an approval after verifying the use again; it never becomes shorter.

        Raises:
            AccessRequestNotFoundError: there is none.
            TransitionError: it is neither approved nor expired.
            InvalidValueError: `lasts` is not positive.
            AlreadyRequestedError: it has expired, and a newer request is under way.
            OwnRequestError: `actor` requested it, and the server has other administrators.
        """
        return self._take(RENEW, request_id, actor, note, self.approved_for if lasts is None else lasts)

    def withdraw(self, request_id: UUID, *, actor: str, note: str | None = None) -> AccessRequest:
        """Withdraw a request, or give an approval back.

        Raises:
            AccessRequestNotFoundError: there is none.
            TransitionError: it has ended already.
        """
        return self._take(WITHDRAW, request_id, actor, note)

    def get(self, request_id: UUID) -> AccessRequest:
        """Return a request.

        Raises:
            AccessRequestNotFoundError: there is none.
        """
        with self._database.read(EVERY_RESOURCE) as session:
            row = find_row(session, request_id)
            return request_of(row, resource_name(session, row.resource_id, deleted=True), self._clock.now())

    def requests(
        self, resource_id: UUID | None = None, states: Collection[RequestState] | None = None
    ) -> list[AccessRequest]:
        """Return requests, oldest first.

        Args:
            resource_id: of this resource only.
            states: in these states only.
        """
        query = select(AccessRequestRow, ResourceRow.name).join(
            ResourceRow, ResourceRow.id == AccessRequestRow.resource_id
        )
        if resource_id is not None:
            query = query.where(AccessRequestRow.resource_id == resource_id)
        with self._database.read(EVERY_RESOURCE) as session:
            rows = session.execute(query.order_by(AccessRequestRow.requested_at, AccessRequestRow.request_id))
            found = [request_of(row, name, self._clock.now()) for row, name in rows]
        return [one for one in found if states is None or one.state in states]

    def expire_due(self) -> int:
        """Mark approvals that are over as expired, and note that in the audit log.

        They stopped to count at their hour, without this.

        Returns:
            How many were marked.
        """
        over = (
            AccessRequestRow.state == RequestState.APPROVED.value,
            AccessRequestRow.expires_at <= self._clock.now(),
        )
        with self._database.read(EVERY_RESOURCE) as session:
            if session.scalar(select(AccessRequestRow.request_id).where(*over).limit(1)) is None:
                return 0
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            rows = session.scalars(select(AccessRequestRow).where(*over)).all()
            for row in rows:
                row.state = RequestState.EXPIRED.value
            for row in rows:
                request = request_of(row, resource_name(session, row.resource_id, deleted=True), self._clock.now())
                self._record(session, "expire", request, "mien")
        return len(rows)

    def approve_for_development(self, resource: Resource) -> None:
        """Approve everything that was never requested, without end, for a resource that only tries things out."""
        if resource.access_state.keys() >= ALL_FEATURES:
            return
        actor = DEVELOPMENT_TERMS.accepted_by
        text = "Made by mien serve --dev to try the service out on one's own machine."
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            mine = select(AccessRequestRow).where(AccessRequestRow.resource_id == resource.id)
            requested = frozenset[Feature]().union(*(features_of(row) for row in session.scalars(mine)))
            missing = ALL_FEATURES - requested  # what was revoked since stays so
            if not missing:
                return
            row = new_row(
                resource.id,
                missing,
                actor=actor,
                now=self._clock.now(),
                organisation="development",
                contact="nobody",
                use_case=text,
            )
            row.state = RequestState.APPROVED.value
            session.add(row)
            session.flush()
            self._record(session, "approve", request_of(row, resource.name, self._clock.now()), actor, development=True)

    def _take(
        self, step: Step, request_id: UUID, actor: str, reason: str | None, lasts: timedelta | None = None
    ) -> AccessRequest:
        """Take a step and record it.

        Args:
            step: the step.
            request_id: id of the request.
            actor: name of the actor.
            reason: a reason or note.
            lasts: how long the approval that the step gives lasts; None for a step that gives none.

        Raises:
            AccessRequestNotFoundError: there is none.
            ResourceNotFoundError: its resource is deleted.
            TransitionError: its state does not allow the step.
            ReasonMissingError: the step needs a reason.
            InvalidValueError: `lasts` is not positive, or the reason is too long.
            AlreadyRequestedError: a newer request is under way.
            OwnRequestError: `actor` requested it, and others could approve it.
        """
        reason = checked_text("reason", reason, 1000) if reason and reason.strip() else None
        if step.needs_reason and reason is None:
            raise ReasonMissingError(step.done)
        if lasts is not None and lasts <= timedelta(0):
            raise InvalidValueError("lasts", "the duration of an approval must be positive")
        alone = lasts is not None and self._decides_alone(request_id, actor)
        now = self._clock.now()
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            row = find_row(session, request_id)
            name = resource_name(session, row.resource_id)
            state = RequestState(state_of(row, now))
            if state not in step.sources:
                raise TransitionError(request_id, STATES[state], step.done, ADVICE[state])
            if state is RequestState.EXPIRED and step is RENEW:
                self._check_not_open(session, row.resource_id, features_of(row))
            row.state, row.changed_by, row.changed_at, row.reason = step.target.value, actor, now, reason
            details: dict[str, str | None] = {}
            if lasts is not None:
                endless = step is RENEW and row.expires_at is None
                ends = None if endless else max(now + lasts, row.expires_at or now)
                row.expires_at, row.by_requester = ends, alone
                details["expires_at"] = None if ends is None else ends.isoformat(timespec="seconds")
            if alone:
                details["note"] = BY_REQUESTER
            session.flush()
            request = request_of(row, name, self._clock.now())
            self._record(session, step.name, request, actor, was=state.value, **details)
        return request

    def _decides_alone(self, request_id: UUID, actor: str) -> bool:
        """Whether somebody decides on their own request, as the only administrator.

        Raises:
            AccessRequestNotFoundError: there is none.
            OwnRequestError: others could decide.
        """
        request = self.get(request_id)
        if request.requested_by != actor:
            return False
        if self._approvers(request.resource_id) > 1:
            raise OwnRequestError(request_id)
        return True

    def _check_not_open(self, session: Session, resource_id: UUID, features: frozenset[Feature]) -> None:
        now = self._clock.now()
        for row in session.scalars(select(AccessRequestRow).where(AccessRequestRow.resource_id == resource_id)):
            state = RequestState(state_of(row, now))
            if state in OPEN and (both := features_of(row) & features):
                said = Message("in review") if state is RequestState.IN_REVIEW else STATES[state]
                raise AlreadyRequestedError(min(both), said, row.request_id)

    def _record(
        self, session: Session, step: str, request: AccessRequest, actor: str, **details: str | bool | None
    ) -> None:
        about = {
            "request": str(request.id),
            "features": ",".join(sorted(request.features)),
            "state": request.state.value,
            **details,
        }
        if request.reason is not None:
            about["reason"] = request.reason[:99]  # the log refuses longer texts without spaces
        self._audit.record_in(
            session, actor=actor, action=f"access.{step}", resource_id=request.resource_id, details=about
        )
