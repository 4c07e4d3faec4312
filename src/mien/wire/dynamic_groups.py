"""Dynamic person groups: sets of persons of the directory, without training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.contract.versions import DIRECTORY
from mien.gallery.types import DynamicGroup
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire import directory_docs as docs
from mien.wire.body import read_json
from mien.wire.context import EMPTY, Context, answer, without_none
from mien.wire.directory import accepted
from mien.wire.fields import changed_text, ids, parse_page, text
from mien.wire.ports import PersonDirectory

_ROWS = "person_directory"
_REFERENCES = "person_directory/references"
_GROUPS = "/dynamicpersongroups"
_GROUP = "/dynamicpersongroups/{dynamicPersonGroupId}"
_NAME = "PersonDirectory DynamicPersonGroup"


@dataclass(frozen=True, slots=True)
class DynamicGroups:
    """The handlers of dynamic person groups."""

    context: Context
    services: PersonDirectory

    def operations(self) -> list[Operation]:
        """The rows of this family for the router."""
        read, write = "dynamicpersongroups/read", "dynamicpersongroups/write"
        table: list[tuple[str, str, str, Any, str, Any]] = [
            ("List", "GET", _GROUPS, self.show_all, read, docs.list_groups),
            ("Create", "PUT", _GROUP, self.create, write, docs.create_group),
            ("Get", "GET", _GROUP, self.show, read, docs.get_group),
            ("Update", "PATCH", _GROUP, self.update, write, docs.update_group),
            ("Delete", "DELETE", _GROUP, self.delete, "dynamicpersongroups/delete", docs.delete_group),
            ("List Persons", "GET", f"{_GROUP}/persons", self.persons, read, docs.list_persons_of_group),
        ]
        return [
            Operation(f"{_NAME} - {verb}", method, path, handler, DIRECTORY, action, 1, describe=describe)
            for verb, method, path, handler, action, describe in table
        ]

    async def create(self, exchange: Exchange) -> Response:
        """Make a group; with persons it is a write that an operation tells of."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data, add = text(body, "name"), text(body, "userData"), ids(body, "addPersonIds")
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
        page, resource_id = parse_page(exchange.request), exchange.resource_id

        def work() -> Response:
            found = self.services.dynamic_groups.page(resource_id, page.start, page.top)
            return answer([_group_json(group) for group in found])

        return await self.context.run(_ROWS, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change name, user data or persons; with persons it is a write that an operation tells of."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = changed_text(body, "name"), changed_text(body, "userData")
        add, remove = ids(body, "addPersonIds"), ids(body, "removePersonIds")
        resource_id, group_id = exchange.resource_id, _group_id(exchange)

        def work() -> Response:
            started = self.services.dynamic_groups.update(
                resource_id, group_id, name=name, user_data=user_data, add=add, remove=remove
            )
            return accepted(self.context, exchange, started, "", None) if add or remove else EMPTY

        return await self.context.run(_ROWS, work)

    async def delete(self, exchange: Exchange) -> Response:
        """Delete a group; its persons stay."""
        resource_id, group_id = exchange.resource_id, _group_id(exchange)

        def work() -> Response:
            started = self.services.dynamic_groups.delete(resource_id, group_id)
            return accepted(self.context, exchange, started, "", None)

        return await self.context.run(_ROWS, work)

    async def persons(self, exchange: Exchange) -> Response:
        """Return the ids of a group's persons."""
        page = parse_page(exchange.request)
        resource_id, group_id = exchange.resource_id, _group_id(exchange)

        def work() -> Response:
            found = self.services.dynamic_groups.persons(resource_id, group_id, page.start, page.top)
            return answer({"personIds": found})

        return await self.context.run(_REFERENCES, work)


def _group_id(exchange: Exchange) -> str:
    return exchange.parameters["dynamicPersonGroupId"]


def _group_json(group: DynamicGroup) -> dict[str, Any]:
    return without_none({"dynamicPersonGroupId": group.group_id, "name": group.name, "userData": group.user_data})
