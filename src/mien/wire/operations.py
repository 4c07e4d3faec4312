"""The status of asynchronous writes (202) to the person directory and to v1.0's snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.contract.versions import BY_NAME, DIRECTORY, SNAPSHOTS, Version
from mien.gallery import OperationState
from mien.gallery.directory.services import DirectoryServices
from mien.gallery.types import AsyncOperation as Write
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.context import Context, answer, without_none
from mien.wire.schemas import DATE, GUID, TEXT, Json, in_path, operation, record
from mien.wire.training import timestamp

_PATH = "/operations/{operationId}"


def _describe(version_name: str) -> Json:
    return operation(
        "getOperation",
        "Says what became of a write that was answered with 202. Kept for 48 hours.",
        parameters=[in_path("operationId")],
        result=_schema(BY_NAME[version_name]),
        says="The state of the write.",
    )


def _schema(version: Version) -> Json:
    """Return the schema of `operation_json`."""
    states = [version.not_started if state is OperationState.NOT_STARTED else state.value for state in OperationState]
    fields: Json = {"status": {"enum": states}, "createdTime": DATE}
    further: Json = {"lastActionTime": DATE, "message": TEXT}
    if version.name in SNAPSHOTS:
        further["resourceLocation"] = TEXT
    else:
        fields = {"operationId": GUID, **fields}
        further["finishedTime"] = DATE
    return record({**fields, **further}, optional=further)


@dataclass(frozen=True, slots=True)
class OperationHandlers:
    """The handler of operation statuses."""

    context: Context
    services: DirectoryServices

    def operations(self) -> list[Operation]:
        """Return the operations of this family."""
        return [
            Operation(
                "PersonDirectory - Get Operation Status", "GET", _PATH, self, DIRECTORY, "operations/read", 1,
                describe=_describe,
            ),
            Operation(
                "Snapshot - Get Operation Status", "GET", _PATH, self, SNAPSHOTS, "operations/read", 1,
                describe=_describe,
            ),
        ]  # fmt: skip

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the status of a write, which is stored for 48 hours."""
        resource_id, operation_id = exchange.resource_id, exchange.parameters["operationId"]
        version = BY_NAME[exchange.version]

        def work() -> Response:
            return answer(operation_json(self.services.operations.get(resource_id, operation_id), version))

        return await self.context.run("person_directory", work)


def operation_json(write: Write, version: Version) -> dict[str, Any]:
    """Return the status of a write in a version's spelling."""
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
