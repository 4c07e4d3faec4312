"""The latest failed calls of each resource, so that people can see what failed, why, and what to do.

Stored are the time, operation, status, code, message, hint, the caller's address and the request id, but no bodies,
keys or paths. Failed calls are queued in memory; the thread that writes the metrics stores them seconds later.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, select

from mien.clock import Clock
from mien.logs import redact
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import FailedCallRow

KEPT: Final = 1000
"""Stored calls per resource."""
KEPT_FOR: Final = timedelta(days=30)
_TEXT: Final = 600
_BODY: Final = 20_000


@dataclass(frozen=True, slots=True)
class FailedCall:
    """A call that was answered with an error.

    Attributes:
        id: ascending; used for paging.
        at: time of the response.
        operation: name of the operation; `Unknown` if the path has none.
        method: HTTP method.
        status: HTTP status.
        code: error code.
        message: error message, as the caller received it.
        hint: the hint of the response; empty if there is none.
        address: IP address of the caller; empty if unknown.
        request_id: value of the response's `apim-request-id` header.
        milliseconds: duration of the call.
    """

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


@dataclass(frozen=True, slots=True)
class NotedCall:
    """A failed call in memory; its response body is parsed when it is written to the database."""

    resource_id: UUID | None
    at: datetime
    operation: str
    method: str
    status: int
    code: str
    body: bytes
    address: str
    request_id: str
    seconds: float


class FailedCalls:
    """The failed calls in a database, shared by all its processes.

    Args:
        database: the database.
        clock: the clock.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: dict[UUID | None, deque[NotedCall]] = {}

    def now(self) -> datetime:
        """Return the current time (UTC)."""
        return self._clock.now()

    def note(self, call: NotedCall) -> None:
        """Queue a call for writing; if the queue is full, the oldest call is dropped."""
        with self._lock:
            calls = self._noted.get(call.resource_id)
            if calls is None:
                calls = self._noted[call.resource_id] = deque(maxlen=KEPT)
            calls.append(call)

    def flush(self) -> int:
        """Write the queued calls, keep only the latest `KEPT` of each resource, and return how many were written."""
        with self._lock:
            taken, self._noted = self._noted, {}
        rows = [_row(call) for calls in taken.values() for call in calls]
        if not rows:
            return 0
        with self._database.write(EVERY_RESOURCE) as session:
            alive = self._alive(session, {call for call in taken if call is not None})
            rows = [row for row in rows if row["resource_id"] is None or row["resource_id"] in alive]
            if rows:
                session.execute(insert(FailedCallRow), sorted(rows, key=lambda row: row["at"]))
            for resource_id in taken:
                whose = _of_resource(resource_id)
                oldest = select(FailedCallRow.id).where(whose).order_by(FailedCallRow.id.desc()).limit(1).offset(KEPT)
                session.execute(
                    delete(FailedCallRow)
                    .where(whose, FailedCallRow.id <= oldest.scalar_subquery())
                    .execution_options(synchronize_session=False)
                )
        return len(rows)

    @staticmethod
    def _alive(session: Any, wanted: set[UUID]) -> set[UUID]:
        """Return the ids of the resources that still exist; one may have been purged since the call."""
        from mien.storage.tables import ResourceRow  # noqa: PLC0415  only needed after a failure

        return set(session.scalars(select(ResourceRow.id).where(ResourceRow.id.in_(wanted))))

    def search(
        self,
        resource_id: UUID | None,
        *,
        code: str = "",
        operation: str = "",
        status: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[FailedCall]:
        """Return failed calls, newest first.

        Args:
            resource_id: id of the resource; None for calls whose resource is unknown, such as those with a wrong key.
            code: only calls with this error code; empty for all.
            operation: only calls of this operation; empty for all.
            status: only calls with this status; 4 stands for 4xx and 5 for 5xx.
            before: only calls with a lower id.
            limit: maximum number of calls, 1 to `KEPT`.
        """
        query = select(FailedCallRow).where(_of_resource(resource_id)).order_by(FailedCallRow.id.desc())
        if code:
            query = query.where(FailedCallRow.code == code)
        if operation:
            query = query.where(FailedCallRow.operation == operation)
        if status is not None and status < 10:
            query = query.where(FailedCallRow.status.between(status * 100, status * 100 + 99))
        elif status is not None:
            query = query.where(FailedCallRow.status == status)
        if before is not None:
            query = query.where(FailedCallRow.id < before)
        with self._database.read(EVERY_RESOURCE) as session:
            return [_seen(row) for row in session.scalars(query.limit(max(1, min(limit, KEPT))))]

    def kinds(self, resource_id: UUID | None) -> tuple[list[str], list[str]]:
        """Return the error codes and the operations of the stored calls, as choices for filters."""
        with self._database.read(EVERY_RESOURCE) as session:
            query = select(FailedCallRow.code, FailedCallRow.operation).where(_of_resource(resource_id)).distinct()
            found = session.execute(query).all()
        return sorted({code for code, _ in found}), sorted({operation for _, operation in found})

    def purge(self) -> int:
        """Delete calls older than `KEPT_FOR`, because addresses are personal data. Return how many were deleted."""
        with self._database.write(EVERY_RESOURCE) as session:
            old = delete(FailedCallRow).where(FailedCallRow.at <= self._clock.now() - KEPT_FOR)
            return len(session.scalars(old.returning(FailedCallRow.id)).all())


def _of_resource(resource_id: UUID | None) -> ColumnElement[bool]:
    column = FailedCallRow.resource_id
    return column.is_(None) if resource_id is None else column == resource_id


def _row(call: NotedCall) -> dict[str, Any]:
    message, hint = message_and_hint(call.body)
    return {
        "resource_id": call.resource_id,
        "at": call.at,
        "operation": call.operation[:80],
        "method": call.method[:10],
        "status": call.status,
        "code": call.code[:64],
        "message": redact(message)[:_TEXT],
        "hint": redact(hint)[:_TEXT],
        "address": call.address[:64],
        "request_id": call.request_id[:64],
        "milliseconds": round(call.seconds * 1000),
    }


def message_and_hint(body: bytes) -> tuple[str, str]:
    """Return the message and the hint in an error's body; each is empty if it cannot be read."""
    try:
        answer = json.loads(body[:_BODY])
    except ValueError:
        return "", ""
    error = answer.get("error", answer) if isinstance(answer, dict) else {}
    if not isinstance(error, dict):
        return "", ""
    inner = error.get("innererror")
    details = inner.get("details") if isinstance(inner, dict) else None
    hint = details.get("hint") if isinstance(details, dict) else None
    return str(error.get("message") or ""), str(hint or "")


def _seen(row: FailedCallRow) -> FailedCall:
    return FailedCall(
        row.id,
        row.at,
        row.operation,
        row.method,
        row.status,
        row.code,
        row.message,
        row.hint,
        row.address,
        row.request_id,
        row.milliseconds,
    )
