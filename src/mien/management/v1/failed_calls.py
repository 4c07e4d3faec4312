"""The route for the latest failed calls of a resource."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from mien.accounts import Accounts
from mien.events.failed_calls import KEPT, FailedCalls
from mien.management.roles import Permission
from mien.management.routing import AnyReader, Shown, resource_filter
from mien.management.v1.fields import ResourceName, resource_id


class FailedCallSeen(Shown):
    """A call that was answered with an error, without its body and key."""

    id: int
    at: datetime
    operation: str
    method: str
    status: int
    code: str
    message: str
    hint: str
    address: str
    request_id: str
    milliseconds: int


class FailedCallList(Shown):
    """Failed calls, newest first; for the next page give the last one's id as `before`."""

    value: list[FailedCallSeen]


def routes(calls: FailedCalls, accounts: Accounts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/failed-calls", tags=["failed calls"])

    @router.get("")
    def search(
        caller: AnyReader,
        *,
        resource: Annotated[
            ResourceName | None, Query(description="Whose; without, calls of no known resource (a wrong key).")
        ] = None,
        code: Annotated[str, Query(max_length=64)] = "",
        operation: Annotated[str, Query(max_length=80)] = "",
        status: Annotated[int | None, Query(ge=4, le=599, description="4 and 5 stand for 4xx and 5xx.")] = None,
        before: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
        limit: Annotated[int, Query(ge=1, le=KEPT)] = 100,
    ) -> FailedCallList:
        """List the last calls that failed: time, operation, code, hint, the caller's address and the request id."""
        wanted = None if resource is None else resource_id(accounts, resource)
        calls.flush()
        found = calls.search(
            resource_filter(caller, Permission.SEE, wanted, resource),
            code=code,
            operation=operation,
            status=status,
            before=before,
            limit=limit,
        )
        return FailedCallList(value=[FailedCallSeen.model_validate(one) for one in found])

    return router
