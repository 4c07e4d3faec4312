"""The persons of person groups and large person groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.contract.versions import ALL
from mien.gallery import Person
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.body import read_json
from mien.wire.collection_docs import Documents
from mien.wire.context import EMPTY, Context, answer, ref_of, without_none
from mien.wire.families import FAMILIES, Family
from mien.wire.fields import changed_text, parse_page, text


def person_operations(context: Context) -> list[Operation]:
    """The rows of both kinds of groups for the router."""
    groups = [family for family in FAMILIES if family.kind.has_persons]
    return [operation for family in groups for operation in Persons(context, family).operations()]


@dataclass(frozen=True, slots=True)
class Persons:
    """The handlers of the persons of one kind of group."""

    context: Context
    family: Family

    def operations(self) -> list[Operation]:
        """The rows of this kind for the router."""
        family, docs = self.family, Documents(self.family)
        name, action = f"{family.name} Person", f"{family.action}/persons"
        several = f"{family.one}/persons"
        one = f"{several}/{{personId}}"
        return [
            Operation(
                f"{name} - List", "GET", several, self.show_all, ALL, f"{action}/read", 1, describe=docs.list_persons
            ),
            Operation(
                f"{name} - Create", "POST", several, self.create, ALL, f"{action}/action", 1,
                describe=docs.create_person,
            ),
            Operation(f"{name} - Get", "GET", one, self.show, ALL, f"{action}/read", 1, describe=docs.get_person),
            Operation(
                f"{name} - Update", "PATCH", one, self.update, ALL, f"{action}/write", 1, describe=docs.update_person
            ),
            Operation(
                f"{name} - Delete", "DELETE", one, self.delete, ALL, f"{action}/delete", 1,
                describe=docs.delete_person,
            ),
        ]  # fmt: skip

    async def create(self, exchange: Exchange) -> Response:
        """Make a person without faces and return its id."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = text(body, "name"), text(body, "userData")
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            return answer({"personId": self.context.gallery.persons.create(ref, name or "", user_data)})

        return await self.context.run(self.family.rows, work)

    async def show(self, exchange: Exchange) -> Response:
        """Return a person with the ids of the faces."""
        ref, person_id = ref_of(exchange, self.family), exchange.parameters["personId"]

        def work() -> Response:
            return answer(person_json(self.context.gallery.persons.get(ref, person_id)))

        return await self.context.run(self.family.rows, work)

    async def show_all(self, exchange: Exchange) -> Response:
        """Return a page of persons by ascending id."""
        page = parse_page(exchange.request)
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            found = self.context.gallery.persons.page(ref, page.start, page.top)
            return answer([person_json(person) for person in found])

        return await self.context.run(self.family.rows, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change name, user data, or both."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = changed_text(body, "name"), changed_text(body, "userData")
        ref, person_id = ref_of(exchange, self.family), exchange.parameters["personId"]

        def work() -> Response:
            self.context.gallery.persons.update(ref, person_id, name=name, user_data=user_data)
            return EMPTY

        return await self.context.run(self.family.rows, work)

    async def delete(self, exchange: Exchange) -> Response:
        """Delete a person with all faces."""
        ref, person_id = ref_of(exchange, self.family), exchange.parameters["personId"]

        def work() -> Response:
            self.context.gallery.persons.delete(ref, person_id)
            return EMPTY

        return await self.context.run(self.family.rows, work)


def person_json(person: Person) -> dict[str, Any]:
    """Return a person of a group as JSON."""
    return without_none(
        {
            "personId": person.person_id,
            "persistedFaceIds": list(person.persisted_face_ids),
            "name": person.name,
            "userData": person.user_data,
        }
    )
