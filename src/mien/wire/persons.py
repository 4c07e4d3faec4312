"""The persons of person groups and large person groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.contract.versions import ALL
from mien.gallery import Person
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.body import read_json
from mien.wire.context import EMPTY, Context, answer, ref_of, without_none
from mien.wire.families import FAMILIES, Family
from mien.wire.fields import CHANGE_BODY, CREATE_BODY, NAME, NEW_NAME, NEW_USER_DATA, PAGE, USER_DATA
from mien.wire.schemas import COLLECTION_ID, GUID, array, described, in_path, record

_SCHEMA = record(
    {"personId": GUID, "persistedFaceIds": array(GUID), "name": NAME.schema, "userData": USER_DATA.schema},
    optional=["userData"],
)


def person_operations(context: Context) -> list[Operation]:
    """Return the operations on the persons of both kinds of groups."""
    groups = [family for family in FAMILIES if family.kind.has_persons]
    return [operation for family in groups for operation in PersonHandlers(context, family).operations()]


@dataclass(frozen=True, slots=True)
class PersonHandlers:
    """The handlers of the persons of one kind of group."""

    context: Context
    family: Family

    def operations(self) -> list[Operation]:
        """Return the operations of this kind."""
        family = self.family
        name, action, noun = f"{family.name} Person", f"{family.action}/persons", family.noun.lower()
        several = f"{family.one}/persons"
        one = f"{several}/{{personId}}"
        of_group = [in_path(family.id_name, COLLECTION_ID)]
        of_person = [*of_group, in_path("personId")]
        return [
            Operation(
                f"{name} - List", "GET", several, self.show_all, ALL, f"{action}/read", 1,
                describe=described(
                    f"list{family.name}Persons", f"Lists the persons of a {noun} by ascending id.",
                    parameters=[*of_group, *PAGE.parameters], result=array(_SCHEMA), says="The persons.",
                ),
            ),
            Operation(
                f"{name} - Create", "POST", several, self.create, ALL, f"{action}/action", 1,
                describe=described(
                    f"create{family.name}Person", "Makes a person without faces.", parameters=of_group,
                    body=CREATE_BODY, result=record({"personId": GUID}), says="The id of the person.",
                ),
            ),
            Operation(
                f"{name} - Get", "GET", one, self.show, ALL, f"{action}/read", 1,
                describe=described(
                    f"get{family.name}Person", "Returns a person with the ids of the enrolled faces.",
                    parameters=of_person, result=_SCHEMA, says="The person.",
                ),
            ),
            Operation(
                f"{name} - Update", "PATCH", one, self.update, ALL, f"{action}/write", 1,
                describe=described(
                    f"update{family.name}Person", "Changes name, userData or both.", parameters=of_person,
                    body=CHANGE_BODY,
                ),
            ),
            Operation(
                f"{name} - Delete", "DELETE", one, self.delete, ALL, f"{action}/delete", 1,
                describe=described(
                    f"delete{family.name}Person", "Deletes a person with all faces.", parameters=of_person
                ),
            ),
        ]  # fmt: skip

    async def create(self, exchange: Exchange) -> Response:
        """Create a person without faces and return its id."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = NAME.read(body), USER_DATA.read(body)
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
        page = PAGE.read(exchange.request)
        ref = ref_of(exchange, self.family)

        def work() -> Response:
            found = self.context.gallery.persons.page(ref, page.start, page.top)
            return answer([person_json(person) for person in found])

        return await self.context.run(self.family.rows, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change name, user data, or both."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = NEW_NAME.read(body), NEW_USER_DATA.read(body)
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
