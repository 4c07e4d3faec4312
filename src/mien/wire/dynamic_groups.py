"""Dynamic person groups: sets of persons of the directory that need no training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.contract.versions import DIRECTORY
from mien.gallery.directory.services import DirectoryServices
from mien.gallery.types import DynamicGroup
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.body import read_json
from mien.wire.context import EMPTY, Context, answer, without_none
from mien.wire.directory import ACCEPTED, accepted
from mien.wire.fields import NAME, NEW_NAME, NEW_USER_DATA, PAGE, USER_DATA, Field, body_of, ids
from mien.wire.schemas import COLLECTION_ID, GUID, Describe, Json, always, array, described, in_path, operation, record

_ROWS = "person_directory"
_REFERENCES = "person_directory/references"
_GROUPS = "/dynamicpersongroups"
_GROUP = "/dynamicpersongroups/{dynamicPersonGroupId}"
_NAME = "PersonDirectory DynamicPersonGroup"
_OF_GROUP = [in_path("dynamicPersonGroupId", COLLECTION_ID)]
_ADD = Field("addPersonIds", array(GUID, 1), ids)
_REMOVE = Field("removePersonIds", array(GUID, 1), ids)
_CHANGES: list[Field[Any]] = [NEW_NAME, NEW_USER_DATA, _ADD, _REMOVE]
_SCHEMA = record(
    {"dynamicPersonGroupId": COLLECTION_ID, "name": NAME.schema, "userData": USER_DATA.schema}, optional=["userData"]
)


def _with_persons(plain: Json) -> Describe:
    """Describe a write that returns 202 if it adds or removes persons."""
    persons = {"202": {"description": "Accepted: persons are added or removed.", "headers": ACCEPTED}}
    return always({**plain, "responses": {**plain["responses"], **persons}})


@dataclass(frozen=True, slots=True)
class DynamicGroupHandlers:
    """The handlers of dynamic person groups."""

    context: Context
    services: DirectoryServices

    def operations(self) -> list[Operation]:
        """Return the operations of this family."""
        read, write = "dynamicpersongroups/read", "dynamicpersongroups/write"
        table: list[tuple[str, str, str, Any, str, Describe]] = [
            (
                "List", "GET", _GROUPS, self.show_all, read,
                described(
                    "listDynamicPersonGroups", "Lists the dynamic person groups by ascending id.",
                    parameters=PAGE.parameters, result=array(_SCHEMA), says="The groups.",
                ),
            ),
            (
                "Create", "PUT", _GROUP, self.create, write,
                _with_persons(
                    operation(
                        "createDynamicPersonGroup",
                        "Makes a dynamic person group under an id of your choice, with persons or without.",
                        parameters=_OF_GROUP, body=body_of(NAME, USER_DATA, _ADD, optional=[USER_DATA, _ADD]),
                    )
                ),
            ),
            (
                "Get", "GET", _GROUP, self.show, read,
                described(
                    "getDynamicPersonGroup", "Returns a dynamic person group.", parameters=_OF_GROUP, result=_SCHEMA,
                    says="The group.",
                ),
            ),
            (
                "Update", "PATCH", _GROUP, self.update, write,
                _with_persons(
                    operation(
                        "updateDynamicPersonGroup", "Changes name, userData, or the persons of a group.",
                        parameters=_OF_GROUP, body=body_of(*_CHANGES, optional=_CHANGES),
                    )
                ),
            ),
            (
                "Delete", "DELETE", _GROUP, self.delete, "dynamicpersongroups/delete",
                described(
                    "deleteDynamicPersonGroup", "Deletes a dynamic person group; its persons stay.",
                    parameters=_OF_GROUP, status=202, headers=ACCEPTED,
                ),
            ),
            (
                "List Persons", "GET", f"{_GROUP}/persons", self.persons, read,
                described(
                    "listDynamicPersonGroupPersons", "Lists the persons of a dynamic person group.",
                    parameters=[*_OF_GROUP, *PAGE.parameters], result=record({"personIds": array(GUID)}),
                    says="The ids of the persons.",
                ),
            ),
        ]  # fmt: skip
        return [
            Operation(f"{_NAME} - {verb}", method, path, handler, DIRECTORY, action, 1, describe=describe)
            for verb, method, path, handler, action, describe in table
        ]

    async def create(self, exchange: Exchange) -> Response:
        """Create a group; asynchronous if persons are added."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data, add = NAME.read(body), USER_DATA.read(body), _ADD.read(body)
        resource_id, group_id = exchange.resource_id, _group_id(exchange)

        def work() -> Response:
            started = self.services.dynamic_groups.create(resource_id, group_id, name or "", user_data, add)
            return accepted(self.context, exchange, started, "", None) if add else EMPTY

        return await self.context.run(_ROWS, work)

    async def show(self, exchange: Exchange) -> Response:
        """Return a group."""
        resource_id, group_id = exchange.resource_id, _group_id(exchange)

        def work() -> Response:
            return answer(_group_json(self.services.dynamic_groups.get(resource_id, group_id)))

        return await self.context.run(_ROWS, work)

    async def show_all(self, exchange: Exchange) -> Response:
        """Return a page of groups by ascending id."""
        page, resource_id = PAGE.read(exchange.request), exchange.resource_id

        def work() -> Response:
            found = self.services.dynamic_groups.page(resource_id, page.start, page.top)
            return answer([_group_json(group) for group in found])

        return await self.context.run(_ROWS, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change name, user data or persons; asynchronous if persons change."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = NEW_NAME.read(body), NEW_USER_DATA.read(body)
        add, remove = _ADD.read(body), _REMOVE.read(body)
        resource_id, group_id = exchange.resource_id, _group_id(exchange)

        def work() -> Response:
            started = self.services.dynamic_groups.update(
                resource_id, group_id, name=name, user_data=user_data, add=add, remove=remove
            )
            return accepted(self.context, exchange, started, "", None) if add or remove else EMPTY

        return await self.context.run(_ROWS, work)

    async def delete(self, exchange: Exchange) -> Response:
        """Delete a group but not its persons."""
        resource_id, group_id = exchange.resource_id, _group_id(exchange)

        def work() -> Response:
            started = self.services.dynamic_groups.delete(resource_id, group_id)
            return accepted(self.context, exchange, started, "", None)

        return await self.context.run(_ROWS, work)

    async def persons(self, exchange: Exchange) -> Response:
        """Return the ids of a group's persons."""
        page = PAGE.read(exchange.request)
        resource_id, group_id = exchange.resource_id, _group_id(exchange)

        def work() -> Response:
            found = self.services.dynamic_groups.persons(resource_id, group_id, page.start, page.top)
            return answer({"personIds": found})

        return await self.context.run(_REFERENCES, work)


def _group_id(exchange: Exchange) -> str:
    return exchange.parameters["dynamicPersonGroupId"]


def _group_json(group: DynamicGroup) -> dict[str, Any]:
    return without_none({"dynamicPersonGroupId": group.group_id, "name": group.name, "userData": group.user_data})
