"""The operations that train large face lists and groups, and return the training status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mien.contract.versions import ALL, BY_NAME, Version
from mien.gallery import TrainingState, TrainingStatus
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.context import Context, answer, ref_of
from mien.wire.families import FAMILIES, Family
from mien.wire.schemas import (
    COLLECTION_ID,
    DATE,
    DATE_OR_NULL,
    TEXT,
    Json,
    described,
    header,
    in_path,
    operation,
    record,
)

OPERATION_LOCATION = b"operation-location"


def training_operations(context: Context) -> list[Operation]:
    """Return the operations of the three kinds with training."""
    trained = [family for family in FAMILIES if family.kind.trained]
    return [operation for family in trained for operation in TrainingHandlers(context, family).operations()]


@dataclass(frozen=True, slots=True)
class TrainingHandlers:
    """The handlers of the training of one kind of collection."""

    context: Context
    family: Family

    def operations(self) -> list[Operation]:
        """Return the operations of this kind."""
        family = self.family
        noun, one = family.noun.lower(), [in_path(family.id_name, COLLECTION_ID)]

        def describe_status(version: str) -> Json:
            return operation(
                f"get{family.name}TrainingStatus", f"Says how the last training of a {noun} went or is going.",
                parameters=one, result=_status_schema(BY_NAME[version]), says="The training status.",
            )  # fmt: skip

        return [
            Operation(
                f"{family.name} - Train", "POST", f"{family.one}/train", self.start, ALL,
                f"{family.action}/train/action", 1,
                describe=described(
                    f"train{family.name}",
                    f"Trains a {noun} in the background. Searches see what it was when it was last trained.",
                    parameters=one, status=202, says="The training has been accepted.",
                    headers={"operation-Location": header("Where to ask for the training status.")},
                ),
            ),
            Operation(
                f"{family.name} - Get Training Status", "GET", f"{family.one}/training", self.status, ALL,
                f"{family.action}/training/read", 1, describe=describe_status,
            ),
        ]  # fmt: skip

    async def start(self, exchange: Exchange) -> Response:
        """Start a training in the background, and return the absolute URL of its status in a header.

        Without the header, the pollers of the official SDKs assume that the training is complete; with a relative URL,
        they poll the wrong path.
        """
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            self.context.gallery.training.start(ref)  # refuses ids that are not valid in a URL
            where = self.context.address(exchange, f"{self.family.path}/{ref.collection_id}/training")
            return Response(202, headers=((OPERATION_LOCATION, where),))

        return await self.context.run(self.family.rows, work)

    async def status(self, exchange: Exchange) -> Response:
        """Return the status of the last or current training."""
        ref, version = ref_of(exchange, self.family), BY_NAME[exchange.version]

        def work() -> Response:
            return answer(status_json(self.context.gallery.training.status(ref), version))

        return await self.context.run(self.family.rows, work)


def _status_schema(version: Version) -> Json:
    """Return the schema of `status_json`."""
    states = [version.not_started if state is TrainingState.NOT_STARTED else state.value for state in TrainingState]
    dates = ("createdDateTime", "lastActionDateTime", "lastSuccessfulTrainingDateTime")
    optional = ["message"] if version.null_dates else ["message", *dates[1:]]
    date = DATE_OR_NULL if version.null_dates else DATE
    return record({"status": {"enum": states}, **dict.fromkeys(dates, date), "message": TEXT}, optional=optional)


def status_json(status: TrainingStatus, version: Version) -> dict[str, Any]:
    """Return a training status in a version's spelling."""
    state = version.not_started if status.status is TrainingState.NOT_STARTED else status.status.value
    dates = {
        "createdDateTime": status.created,
        "lastActionDateTime": status.last_action,
        "lastSuccessfulTrainingDateTime": status.last_success,
    }
    shown = {name: None if date is None else timestamp(date) for name, date in dates.items()}
    if not version.null_dates:
        shown = {name: date for name, date in shown.items() if date is not None}
    message = {} if status.message is None else {"message": status.message}
    return {"status": state, **shown, **message}


def timestamp(moment: datetime) -> str:
    """Return a time in the service's format: UTC with milliseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
