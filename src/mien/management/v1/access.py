"""Routes for requests for limited access and their approval."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from mien.accounts import AccessRequest, AccessRequests, Accounts, Feature, RequestState
from mien.accounts.errors import AccessRequestNotFoundError
from mien.events import AuditLog
from mien.management.login import Actor
from mien.management.roles import Permission
from mien.management.routing import AnyApprover, AnyReader, AnyRequester, Shown, Strict, resource_filter
from mien.management.v1.fields import ResourceName, Sorted, find

Text = Annotated[str, Field(min_length=1, max_length=4000)]


class RequestWanted(Strict):
    """A request for limited access."""

    resource: ResourceName
    features: Annotated[list[Feature], Field(min_length=1, max_length=4)]
    organisation: Text
    contact: Text
    use_case: Text


class Note(Strict):
    """A step with a note; rejecting and revoking need a reason, which the applicant reads."""

    reason: Annotated[str | None, Field(max_length=1000)] = None


class Approval(Note):
    """An approval for a time; the server's setting when it is not said for how long."""

    days: Annotated[float | None, Field(gt=0, le=3650)] = None


class FindingSeen(Shown):
    """Something that a description leaves open."""

    rule: str
    explanation: str


class RequestSeen(Shown):
    """A request as it stands."""

    id: UUID
    resource_id: UUID
    resource_name: str
    features: Annotated[list[Feature], Sorted]
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
    findings: list[FindingSeen]


class RequestList(Shown):
    """Requests, oldest first."""

    value: list[RequestSeen]


class StepSeen(Shown):
    """A step of a request, from the audit log."""

    at: datetime
    actor: str
    action: str
    details: dict[str, str | int | float | bool | None]


class History(Shown):
    """The history of a request, oldest first."""

    value: list[StepSeen]


def routes(access: AccessRequests, accounts: Accounts, audit: AuditLog) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/access-requests", tags=["limited access"])

    def found(request_id: UUID, actor: Actor, permission: Permission) -> AccessRequest:
        """Return a request of a resource that the caller may see."""
        request = access.get(request_id)
        if not actor.sees(request.resource_id):
            raise AccessRequestNotFoundError(request_id)
        actor.require(permission, "this", request.resource_id)
        return request

    @router.get("")
    def list_requests(
        actor: AnyReader,
        resource: Annotated[str | None, Query(max_length=64, description="Name or id; of this resource only.")] = None,
        state: Annotated[list[RequestState] | None, Query(description="In these states only.")] = None,
    ) -> RequestList:
        """List requests, oldest first."""
        owner = (
            None if resource is None else resource_filter(actor, Permission.SEE, find(accounts, resource).id, resource)
        )
        requests = (one for one in access.requests(owner, state) if actor.may(Permission.SEE, one.resource_id))
        return RequestList(value=[_seen(one) for one in requests])

    @router.post("", status_code=201)
    def submit_request(body: RequestWanted, actor: AnyRequester) -> RequestSeen:
        """Request limited access for a resource. `findings` lists what the description does not say."""
        owner = find(accounts, body.resource).id
        resource_filter(actor, Permission.REQUEST, owner, body.resource)
        made = access.submit(
            owner,
            body.features,
            organisation=body.organisation,
            contact=body.contact,
            use_case=body.use_case,
            actor=actor.name,
        )
        return _seen(made)

    @router.get("/{request_id}")
    def get_request(request_id: UUID, actor: AnyReader) -> RequestSeen:
        """Return a request."""
        return _seen(found(request_id, actor, Permission.SEE))

    @router.get("/{request_id}/history")
    def get_history(request_id: UUID, actor: AnyReader) -> History:
        """Return who took which step of a request when, oldest first."""
        about = found(request_id, actor, Permission.SEE)
        entries = audit.search(resource_id=about.resource_id, action="access.*", limit=1000)
        steps = [one for one in reversed(entries) if one.details.get("request") == str(request_id)]
        return History(value=[StepSeen.model_validate(one) for one in steps])

    def step(name: str, take: Callable[[UUID, str, str | None], AccessRequest], said: str) -> None:
        @router.post("/{request_id}/" + name, name=f"{name}_request", description=said)
        def endpoint(request_id: UUID, actor: AnyApprover, body: Note | None = None) -> RequestSeen:
            found(request_id, actor, Permission.APPROVE)
            return _seen(take(request_id, actor.name, body.reason if body else None))

    def long_step(
        name: str, take: Callable[[UUID, str, str | None, timedelta | None], AccessRequest], said: str
    ) -> None:
        @router.post("/{request_id}/" + name, name=f"{name}_request", description=said)
        def endpoint(request_id: UUID, actor: AnyApprover, body: Approval | None = None) -> RequestSeen:
            found(request_id, actor, Permission.APPROVE)
            body = body or Approval()
            lasts = None if body.days is None else timedelta(days=body.days)
            return _seen(take(request_id, actor.name, body.reason, lasts))

    step("review", lambda one, who, _note: access.review(one, actor=who), "Take a request into review.")
    long_step(
        "approve",
        lambda one, who, note, lasts: access.approve(one, actor=who, note=note, lasts=lasts),
        "Approve a request that is in review, for a time.",
    )
    step("reject", lambda one, who, why: access.reject(one, actor=who, reason=why or ""), "Reject it, with a reason.")
    step("revoke", lambda one, who, why: access.revoke(one, actor=who, reason=why or ""), "Revoke it, with a reason.")
    long_step(
        "renew",
        lambda one, who, note, lasts: access.renew(one, actor=who, note=note, lasts=lasts),
        "Renew an approval after verifying the use again.",
    )
    step("withdraw", lambda one, who, note: access.withdraw(one, actor=who, note=note), "Withdraw a request.")
    return router


def _seen(request: AccessRequest) -> RequestSeen:
    return RequestSeen.model_validate(request)
