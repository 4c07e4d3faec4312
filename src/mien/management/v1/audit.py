"""Routes to search, export and verify the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from mien.accounts import Accounts
from mien.events import AuditLog
from mien.management.errors import ManagementError
from mien.management.roles import Permission
from mien.management.routing import AUDITORS, AnyAuditor, Shown, resource_filter
from mien.management.v1.fields import Moment, ResourceName, resource_id

_Sequence = Annotated[int, Query(ge=0, le=2**53)]


class EntrySeen(Shown):
    """An entry of the log."""

    sequence: int
    at: datetime
    actor: str
    action: str
    resource_id: UUID | None
    details: dict[str, str | int | float | bool | None]
    previous: str
    hash: str


class EntryList(Shown):
    """Entries, newest first; for the next page give the last one's sequence as `before`."""

    value: list[EntrySeen]


class Verified(Shown):
    """The result of verifying the whole chain; store `entries` and `head` elsewhere, to pass them as `known` later."""

    sound: bool
    entries: int
    head: str
    broken: int | None
    reason: str | None
    keyed_from: int | None


def routes(audit: AuditLog, accounts: Accounts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/audit", tags=["audit"])

    @router.get("")
    def search(
        caller: AnyAuditor,
        *,
        resource: Annotated[ResourceName | None, Query()] = None,
        actor: Annotated[str | None, Query(max_length=200)] = None,
        action: Annotated[str | None, Query(max_length=100, description="A `*` at the end: anything.")] = None,
        since: Annotated[Moment | None, Query()] = None,
        until: Annotated[Moment | None, Query()] = None,
        before: _Sequence | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> EntryList:
        """Search the log; a caller whose role is limited to a resource searches the entries about that one."""
        wanted = None if resource is None else resource_id(accounts, resource)
        found = audit.search(
            resource_id=resource_filter(caller, Permission.AUDIT, wanted, resource),
            actor=actor,
            action=action,
            since=since,
            until=until,
            before=before,
            limit=limit,
        )
        return EntryList(value=[EntrySeen.model_validate(one) for one in found])

    @router.get(
        "/export",
        dependencies=AUDITORS,
        response_class=StreamingResponse,
        responses={200: {"content": {"application/x-ndjson": {}}}},
    )
    def export(after: _Sequence = 0) -> StreamingResponse:
        """Export the log as lines of JSON, oldest first; `mien audit verify` checks such a file without the server."""

        def lines() -> Iterator[str]:
            for line in audit.export(after=after):
                yield line + "\n"

        headers = {"Content-Disposition": 'attachment; filename="mien-audit.jsonl"'}
        return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)

    @router.get("/verify", dependencies=AUDITORS)
    def verify(
        sequence: Annotated[int | None, Query(ge=1, le=2**53, description="Of an entry noted elsewhere.")] = None,
        hash: Annotated[str | None, Query(pattern=r"^([0-9a-f]{64}|hmac-[\w-]{43})$", description="Its hash.")] = None,  # noqa: A002  the parameter's name
    ) -> Verified:
        """Check the whole chain; with an entry that was noted elsewhere, also that the log still has it."""
        if (sequence is None) != (hash is None):
            text = "The parameters 'sequence' and 'hash' go together."
            raise ManagementError(400, "InvalidParameter", text, target="hash")
        known = None if sequence is None or hash is None else (sequence, hash)
        found = audit.verify(known=known)
        return Verified(
            sound=found.broken is None,
            entries=found.entries,
            head=found.head,
            broken=found.broken,
            reason=found.reason,
            keyed_from=found.keyed_from,
        )

    return router
