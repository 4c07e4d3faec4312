"""What became of writes that were answered with 202: of the person directory, and of v1.0's snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.contract.versions import BY_NAME, DIRECTORY, SNAPSHOTS, Version
from mien.gallery import OperationState
from mien.gallery.types import Operation as Write
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire import directory_docs as docs
from mien.wire.context import Context, answer, without_none
from mien.wire.ports import PersonDirectory
from mien.wire.training import timestamp

_PATH = "/operations/{operationId}"


@dataclass(frozen=True, slots=True)
class Operations:
    """The handler of operations."""

    context: Context
    services: PersonDirectory

    def operations(self) -> list[Operation]:
        """The rows of this family for the router."""
        return [
            Operation(
                "PersonDirectory - Get Operation Status", "GET", _PATH, self, DIRECTORY, "operations/read", 1,
                describe=docs.get_operation,
            ),
            Operation(
                "Snapshot - Get Operation Status", "GET", _PATH, self, SNAPSHOTS, "operations/read", 1,
                describe=docs.get_operation,
            ),
        ]  # fmt: skip

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the state of a write; it is kept for 48 hours."""
        resource_id, operation_id = exchange.resource_id, exchange.parameters["operationId"]
        version = BY_NAME[exchange.version]

        def work() -> Response:
            return answer(operation_json(self.services.operations.get(resource_id, operation_id), version))

        return await self.context.run("person_directory", work)


def operation_json(write: Write, version: Version) -> dict[str, Any]:
    """Return the state of a write in a version's spelling."""
    of_snapshot = version.name in SNAPSHOTS
    return without_none(
        {
            "operationId": None if of_snapshot else write.operation_id,
            "status": version.not_started if write.status is OperationState.NOT_STARTED else write.status.value,
            "createdTime": timestamp(write.created),
            "lastActionTime": timestamp(write.last_action),
            "finishedTime": None if of_snapshot or write.finished is None else timestamp(write.finished),
            "resourceLocation": write.resource_location if of_snapshot else None,
            "message": write.message,
        }
    )
