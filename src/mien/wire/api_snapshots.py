"""Snapshots of v1.0: frozen copies of collections, to be applied in the same resource or in others of this server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from mien.contract.catalogue import row
from mien.contract.versions import SNAPSHOTS
from mien.gallery import UNSET, CollectionRef, Kind, Started, Transfer
from mien.gateway.exchange import Exchange, Operation, Request, Response
from mien.wire import directory_docs as docs
from mien.wire.body import read_json
from mien.wire.context import EMPTY, Context, answer, without_none
from mien.wire.families import BY_KIND, FAMILIES
from mien.wire.fields import BODY_INVALID, Body, changed_text, ids, shown, text
from mien.wire.ports import PersonDirectory
from mien.wire.training import OPERATION_LOCATION, timestamp

_ROWS = "transfer"
_ALL = "/snapshots"
_ONE = "/snapshots/{snapshotId}"
_MODE = "CreateNew"
_TYPE_INVALID = row("mien.snapshot_type_invalid")
_MODE_INVALID = row("mien.snapshot_mode_invalid")
_KINDS = {family.name.lower(): family.kind for family in FAMILIES}


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The handlers of snapshots."""

    context: Context
    services: PersonDirectory

    def operations(self) -> list[Operation]:
        """The rows of this family for the router."""
        table: list[tuple[str, str, str, Any, str, Any]] = [
            ("List", "GET", _ALL, self.show_all, "snapshots/read", docs.list_snapshots),
            ("Take", "POST", _ALL, self.take, "snapshots/action", docs.take_snapshot),
            ("Get", "GET", _ONE, self.show, "snapshots/read", docs.get_snapshot),
            ("Update", "PATCH", _ONE, self.update, "snapshots/write", docs.update_snapshot),
            ("Delete", "DELETE", _ONE, self.delete, "snapshots/delete", docs.delete_snapshot),
            ("Apply", "POST", f"{_ONE}/apply", self.apply, "snapshots/apply/action", docs.apply_snapshot),
        ]
        return [
            Operation(f"Snapshot - {verb}", method, path, handler, SNAPSHOTS, action, 1, describe=describe)
            for verb, method, path, handler, action, describe in table
        ]

    async def take(self, exchange: Exchange) -> Response:
        """Copy a collection, with what its last training made."""
        body = await read_json(exchange.request, self.context.limits)
        kind = _kind(text(body, "type") or "")
        scope, user_data = _scope(body), text(body, "userData")
        if not scope:
            raise BODY_INVALID.problem(
                hint="applyScope must hold at least one subscription id; `mien resource show NAME` prints a resource's."
            )
        ref = CollectionRef(exchange.resource_id, kind, _object_id(body))

        def work() -> Response:
            return _accepted(self.services.transfers.take(ref, scope, user_data))

        return await self.context.run(_ROWS, work)

    async def show(self, exchange: Exchange) -> Response:
        """Return a snapshot that this resource took or may apply."""
        resource_id, snapshot_id = exchange.resource_id, exchange.parameters["snapshotId"]

        def work() -> Response:
            return answer(_snapshot_json(self.services.transfers.get(resource_id, snapshot_id)))

        return await self.context.run(_ROWS, work)

    async def show_all(self, exchange: Exchange) -> Response:
        """Return the snapshots that this resource took or may apply."""
        resource_id = exchange.resource_id
        wanted = exchange.request.query_value("type")
        kind, scope = (_kind(wanted) if wanted else None), _scope_query(exchange.request)

        def work() -> Response:
            found = self.services.transfers.all(resource_id, kind, scope)
            return answer([_snapshot_json(transfer) for transfer in found])

        return await self.context.run(_ROWS, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change who may apply it, the user data, or both."""
        body = await read_json(exchange.request, self.context.limits)
        scope = UNSET if body.get("applyscope") is None else _scope(body)
        user_data = changed_text(body, "userData")
        resource_id, snapshot_id = exchange.resource_id, exchange.parameters["snapshotId"]

        def work() -> Response:
            self.services.transfers.update(resource_id, snapshot_id, apply_scope=scope, user_data=user_data)
            return EMPTY

        return await self.context.run(_ROWS, work)

    async def delete(self, exchange: Exchange) -> Response:
        """Delete a snapshot."""
        resource_id, snapshot_id = exchange.resource_id, exchange.parameters["snapshotId"]

        def work() -> Response:
            self.services.transfers.delete(resource_id, snapshot_id)
            return EMPTY

        return await self.context.run(_ROWS, work)

    async def apply(self, exchange: Exchange) -> Response:
        """Make a new collection of a snapshot."""
        body = await read_json(exchange.request, self.context.limits)
        mode = text(body, "mode")
        if mode is not None and mode.lower() != _MODE.lower():
            raise _MODE_INVALID.problem(hint=f"It is {_MODE}.")
        resource_id, snapshot_id = exchange.resource_id, exchange.parameters["snapshotId"]
        object_id = _object_id(body)

        def work() -> Response:
            return _accepted(self.services.transfers.apply(resource_id, snapshot_id, object_id))

        return await self.context.run(_ROWS, work)


def _accepted(started: Started) -> Response:
    """Return the 202 of v1.0: relative to the version, as programs of its time cut the id out of it."""
    return Response(202, headers=((OPERATION_LOCATION, f"/operations/{started.operation_id}".encode()),))


def _kind(given: str) -> Kind:
    kind = _KINDS.get(given.lower())
    if kind is None:
        raise _TYPE_INVALID.problem(hint=f"It is one of {', '.join(family.name for family in FAMILIES)}.")
    return kind


def _object_id(body: Body) -> str:
    value = text(body, "objectId")
    if not value:
        raise BODY_INVALID.problem(hint="objectId is missing.")
    return value


def _scope(body: Body) -> list[UUID]:
    return [UUID(entry) for entry in ids(body, "applyScope")]


def _scope_query(request: Request) -> list[UUID]:
    given = [part.strip() for part in (request.query_value("applyscope") or "").split(",") if part.strip()]
    try:
        return [UUID(part) for part in given]
    except ValueError:
        raise BODY_INVALID.problem(hint=f"applyScope is {shown(','.join(given))}: GUIDs, joined by commas.") from None


def _snapshot_json(transfer: Transfer) -> dict[str, Any]:
    return without_none(
        {
            "id": transfer.transfer_id,
            "account": transfer.account,
            "type": BY_KIND[Kind(transfer.kind)].name,
            "applyScope": list(transfer.apply_scope),
            "userData": transfer.user_data,
            "createdTime": timestamp(transfer.created),
            "lastUpdateTime": timestamp(transfer.last_update),
        }
    )
