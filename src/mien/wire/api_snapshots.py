"""Snapshots of v1.0: immutable copies of collections, which can be applied to any resource of this server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from mien.contract.catalogue import row
from mien.contract.versions import SNAPSHOTS
from mien.gallery import UNSET, CollectionRef, Kind, Started, Transfer
from mien.gallery.directory.services import DirectoryServices
from mien.gateway.exchange import Exchange, Operation, Request, Response
from mien.wire.body import read_json
from mien.wire.context import EMPTY, Context, answer, without_none
from mien.wire.families import BY_KIND, FAMILIES
from mien.wire.fields import (
    BODY_INVALID,
    NEW_USER_DATA,
    USER_DATA,
    Body,
    Field,
    QueryOptions,
    body_of,
    ids,
    shown,
    text,
)
from mien.wire.schemas import COLLECTION_ID, DATE, GUID, TEXT, Describe, Json, array, described, in_path, query, record
from mien.wire.training import OPERATION_LOCATION, timestamp

_ROWS = "transfer"
_ALL = "/snapshots"
_ONE = "/snapshots/{snapshotId}"
_CREATE_NEW = "CreateNew"
_TYPE_INVALID = row("mien.snapshot_type_invalid")
_MODE_INVALID = row("mien.snapshot_mode_invalid")
_KINDS = {family.name.lower(): family.kind for family in FAMILIES}


def _kind(given: str) -> Kind:
    kind = _KINDS.get(given.lower())
    if kind is None:
        raise _TYPE_INVALID.problem(hint=f"It is one of {', '.join(family.name for family in FAMILIES)}.")
    return kind


def _object_id(body: Body, name: str) -> str:
    value = text(body, name)
    if not value:
        raise BODY_INVALID.problem(hint=f"{name} is missing.")
    return value


def _scope(body: Body, name: str) -> list[UUID]:
    return [UUID(entry) for entry in ids(body, name)]


def _scope_query(request: Request) -> list[UUID]:
    given = [part.strip() for part in (request.query_value("applyscope") or "").split(",") if part.strip()]
    try:
        return [UUID(part) for part in given]
    except ValueError:
        raise BODY_INVALID.problem(hint=f"applyScope is {shown(','.join(given))}: GUIDs, joined by commas.") from None


def _mode(body: Body, name: str) -> None:
    mode = text(body, name)
    if mode is not None and mode.lower() != _CREATE_NEW.lower():
        raise _MODE_INVALID.problem(hint=f"It is {_CREATE_NEW}.")


def _asked_kind(request: Request) -> Kind | None:
    wanted = request.query_value("type")
    return _kind(wanted) if wanted else None


_NAMES: Json = {"type": "string", "enum": [family.name for family in FAMILIES]}
_TYPE = Field("type", _NAMES, lambda body, name: _kind(text(body, name) or ""))
_OBJECT = Field("objectId", COLLECTION_ID, _object_id)
_SCOPE = Field("applyScope", array(GUID, 1), _scope)
_MODE = Field("mode", {"type": "string", "enum": [_CREATE_NEW]}, _mode)
_ASKED_TYPE = QueryOptions((query("type", _NAMES, "Only of this type."),), _asked_kind)
_ASKED_SCOPE = QueryOptions(
    ({**query("applyScope", array(GUID), "Only those that these may apply."), "explode": False},), _scope_query
)
_OF_SNAPSHOT = [in_path("snapshotId")]
_ACCEPTED = {
    "operation-Location": {
        "description": "Where to ask what became of it, relative to the version.",
        "schema": {"type": "string", "format": "uri-reference"},
    }
}
_SCHEMA = record(
    {
        "id": GUID,
        "account": TEXT,
        "type": _NAMES,
        "applyScope": _SCOPE.schema,
        "userData": USER_DATA.schema,
        "createdTime": DATE,
        "lastUpdateTime": DATE,
    },
    optional=["userData"],
)


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The handlers of snapshots."""

    context: Context
    services: DirectoryServices

    def operations(self) -> list[Operation]:
        """Return the operations of this family."""
        table: list[tuple[str, str, str, Any, str, Describe]] = [
            (
                "List", "GET", _ALL, self.show_all, "snapshots/read",
                described(
                    "listSnapshots", "Lists the snapshots that this resource took or may apply.",
                    parameters=[*_ASKED_TYPE.parameters, *_ASKED_SCOPE.parameters], result=array(_SCHEMA),
                    says="The snapshots.",
                ),
            ),
            (
                "Take", "POST", _ALL, self.take, "snapshots/action",
                described(
                    "takeSnapshot", "Copies a collection, with what its last training made.",
                    body=body_of(_TYPE, _OBJECT, _SCOPE, USER_DATA, optional=[USER_DATA]), status=202,
                    headers=_ACCEPTED,
                ),
            ),
            (
                "Get", "GET", _ONE, self.show, "snapshots/read",
                described(
                    "getSnapshot", "Returns a snapshot.", parameters=_OF_SNAPSHOT, result=_SCHEMA,
                    says="The snapshot.",
                ),
            ),
            (
                "Update", "PATCH", _ONE, self.update, "snapshots/write",
                described(
                    "updateSnapshot", "Changes who may apply a snapshot, its userData, or both.",
                    parameters=_OF_SNAPSHOT, body=body_of(_SCOPE, NEW_USER_DATA, optional=[_SCOPE, NEW_USER_DATA]),
                ),
            ),
            (
                "Delete", "DELETE", _ONE, self.delete, "snapshots/delete",
                described("deleteSnapshot", "Deletes a snapshot.", parameters=_OF_SNAPSHOT),
            ),
            (
                "Apply", "POST", f"{_ONE}/apply", self.apply, "snapshots/apply/action",
                described(
                    "applySnapshot", "Makes a new collection of a snapshot.", parameters=_OF_SNAPSHOT,
                    body=body_of(_OBJECT, _MODE, optional=[_MODE]), status=202, headers=_ACCEPTED,
                ),
            ),
        ]  # fmt: skip
        return [
            Operation(f"Snapshot - {verb}", method, path, handler, SNAPSHOTS, action, 1, describe=describe)
            for verb, method, path, handler, action, describe in table
        ]

    async def take(self, exchange: Exchange) -> Response:
        """Copy a collection with its trained index."""
        body = await read_json(exchange.request, self.context.limits)
        kind, scope, user_data = _TYPE.read(body), _SCOPE.read(body), USER_DATA.read(body)
        if not scope:
            raise BODY_INVALID.problem(
                hint="applyScope must hold at least one subscription id; `mien resource show NAME` prints a resource's."
            )
        ref = CollectionRef(exchange.resource_id, kind, _OBJECT.read(body))

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
        kind, scope = _ASKED_TYPE.read(exchange.request), _ASKED_SCOPE.read(exchange.request)

        def work() -> Response:
            found = self.services.transfers.all(resource_id, kind, scope)
            return answer([_snapshot_json(transfer) for transfer in found])

        return await self.context.run(_ROWS, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change the resources that may apply a snapshot, its user data, or both."""
        body = await read_json(exchange.request, self.context.limits)
        scope = UNSET if body.get("applyscope") is None else _SCOPE.read(body)
        user_data = NEW_USER_DATA.read(body)
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
        """Create a new collection from a snapshot."""
        body = await read_json(exchange.request, self.context.limits)
        _MODE.read(body)
        resource_id, snapshot_id = exchange.resource_id, exchange.parameters["snapshotId"]
        object_id = _OBJECT.read(body)

        def work() -> Response:
            return _accepted(self.services.transfers.apply(resource_id, snapshot_id, object_id))

        return await self.context.run(_ROWS, work)


def _accepted(started: Started) -> Response:
    """Return v1.0's 202, with a location relative to the version: old programs extract the id from it."""
    return Response(202, headers=((OPERATION_LOCATION, f"/operations/{started.operation_id}".encode()),))


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
