"""Training of large face lists and groups: asked for, and asked after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mien.contract.versions import ALL, BY_NAME, Version
from mien.gallery import TrainingState, TrainingStatus
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.collection_docs import Documents
from mien.wire.context import Context, answer, ref_of
from mien.wire.families import FAMILIES, Family

OPERATION_LOCATION = b"operation-location"


def training_operations(context: Context) -> list[Operation]:
    """The rows of the three kinds that are trained for the router."""
    trained = [family for family in FAMILIES if family.kind.trained]
    return [operation for family in trained for operation in Training(context, family).operations()]


@dataclass(frozen=True, slots=True)
class Training:
    """The handlers of the training of one kind of collection."""

    context: Context
    family: Family

    def operations(self) -> list[Operation]:
        """The rows of this kind for the router."""
        family, docs = self.family, Documents(self.family)
        return [
            Operation(
                f"{family.name} - Train", "POST", f"{family.one}/train", self.start, ALL,
                f"{family.action}/train/action", 1, describe=docs.train,
            ),
            Operation(
                f"{family.name} - Get Training Status", "GET", f"{family.one}/training", self.status, ALL,
                f"{family.action}/training/read", 1, describe=docs.training_status,
            ),
        ]  # fmt: skip

    async def start(self, exchange: Exchange) -> Response:
        """Begin to train in the background, and say where to ask how it goes.

        Without the header, or with a relative address in it, the pollers of the official SDKs take the training for
        done, or ask at the wrong place.
        """
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            self.context.gallery.training.start(ref)  # refuses ids that are not fit for an address
            where = self.context.address(exchange, f"{self.family.path}/{ref.collection_id}/training")
            return Response(202, headers=((OPERATION_LOCATION, where),))

        return await self.context.run(self.family.rows, work)

    async def status(self, exchange: Exchange) -> Response:
        """Return how the last training went or is going."""
        ref, version = ref_of(exchange, self.family), BY_NAME[exchange.version]

        def work() -> Response:
            return answer(status_json(self.context.gallery.training.status(ref), version))

        return await self.context.run(self.family.rows, work)


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
    """Return a moment as the service writes it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
