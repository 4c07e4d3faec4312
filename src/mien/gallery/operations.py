"""Results of asynchronous writes, available for 48 hours."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.gallery.errors import OperationNotFoundError
from mien.gallery.kinds import parse_id
from mien.gallery.types import AsyncOperation, OperationState
from mien.storage import Database
from mien.storage.retention import delete_expired
from mien.storage.tables import OperationRow

KEPT_FOR: Final = timedelta(hours=48)
"""How long operations are stored (contract, section 7)."""


class Operations:
    """The operations of a resource.

    Writes are complete when the call returns: the transaction of the change records the operation as succeeded. A
    failed write returns its error and records no operation.

    Args:
        database: the database.
        clock: the clock.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def succeeded(self, session: Session, resource_id: UUID, resource_location: str | None = None) -> str:
        """Record the write of a session.

        Args:
            session: the writing session of the write.
            resource_id: id of the resource that owns it.
            resource_location: path of the created resource below `/face/v1.0`, or None.

        Returns:
            The operation id.
        """
        now = self._clock.now()
        operation_id = uuid4()
        session.add(
            OperationRow(
                resource_id=resource_id,
                operation_id=operation_id,
                status=OperationState.SUCCEEDED.value,
                created_at=now,
                action_at=now,
                finished_at=now,
                message=None,
                resource_location=resource_location,
                expires_at=now + KEPT_FOR,
            )
        )
        return str(operation_id)

    def get(self, resource_id: UUID, operation_id: str) -> AsyncOperation:
        """Return an operation.

        Raises:
            OperationNotFoundError: there is no such operation, or it is older than 48 hours.
        """
        parsed = parse_id(operation_id)
        row = None
        if parsed is not None:
            with self._database.read(resource_id) as session:
                row = session.scalar(select(OperationRow).where(OperationRow.operation_id == parsed))
        if row is None or self._clock.now() >= row.expires_at:
            raise OperationNotFoundError("there is no such operation, or it is older than 48 hours")
        return AsyncOperation(
            str(row.operation_id),
            OperationState(row.status),
            row.created_at,
            row.action_at,
            row.finished_at,
            row.message,
            row.resource_location,
        )

    def purge_expired(self) -> int:
        """Delete expired operations, in short transactions.

        Returns:
            The number of deleted operations.
        """
        return delete_expired(self._database, OperationRow.operation_id, OperationRow.expires_at, self._clock.now())
