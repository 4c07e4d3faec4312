"""The person directory: persons and their faces. Writes are answered with 202 and an operation to ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mien.contract.versions import DIRECTORY
from mien.gallery import Person, Started
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire import directory_docs as docs
from mien.wire.body import read_json
from mien.wire.context import EMPTY, Context, answer, without_none
from mien.wire.fields import changed_text, parse_page, text
from mien.wire.gallery_faults import REMOVAL
from mien.wire.persisted_faces import face_json, parse_enrol_query
from mien.wire.ports import PersonDirectory
from mien.wire.training import OPERATION_LOCATION

_ROWS = "person_directory"
_PERSONS = "/persons"
_PERSON = "/persons/{personId}"
_FACES = "/persons/{personId}/recognitionModels/{recognitionModel}/persistedfaces"
_FACE = f"{_FACES}/{{persistedFaceId}}"
_NAME = "PersonDirectory Person"


def accepted(context: Context, exchange: Exchange, started: Started, made: str, id_name: str | None) -> Response:
    """Return the 202 of a write that an operation tells of.

    Args:
        context: knows the address of the server.
        exchange: the call.
        started: what the gallery began.
        made: path of what was made, below the version; empty for a deletion.
        id_name: what the id of it is called in the answer; None for an answer without a body.
    """
    headers: dict[bytes, bytes] = {OPERATION_LOCATION: context.address(exchange, f"/operations/{started.operation_id}")}
    if made:
        headers[b"location"] = context.address(exchange, made)
    if id_name is None:
        return Response(202, headers=tuple(headers.items()))
    return answer({id_name: started.id}, 202, headers)


@dataclass(frozen=True, slots=True)
class Directory:
    """The handlers of the person directory."""

    context: Context
    services: PersonDirectory

    def operations(self) -> list[Operation]:
        """The rows of this family for the router."""
        read, write, delete = "persons/read", "persons/write", "persons/delete"
        face_read, face_write = "persons/persistedfaces/read", "persons/persistedfaces/write"
        table: list[tuple[str, str, str, Any, str, Any]] = [
            ("List", "GET", _PERSONS, self.show_all, read, docs.list_persons),
            ("Create", "POST", _PERSONS, self.create, "persons/action", docs.create_person),
            ("Get", "GET", _PERSON, self.show, read, docs.get_person),
            ("Update", "PATCH", _PERSON, self.update, write, docs.update_person),
            ("Delete", "DELETE", _PERSON, self.delete, delete, docs.delete_person),
            (
                "Get Dynamic Person Group References", "GET", f"{_PERSON}/dynamicPersonGroupReferences", self.groups,
                read, docs.list_groups_of_person,
            ),
            ("List Faces", "GET", _FACES, self.show_faces, face_read, docs.list_faces),
            ("Add Face", "POST", _FACES, self.add_face, face_write, docs.add_face),
            ("Get Face", "GET", _FACE, self.show_face, face_read, docs.get_face),
            ("Update Face", "PATCH", _FACE, self.update_face, face_write, docs.update_face),
            ("Delete Face", "DELETE", _FACE, self.delete_face, "persons/persistedfaces/delete", docs.delete_face),
        ]  # fmt: skip
        return [
            Operation(f"{_NAME} - {verb}", method, path, handler, DIRECTORY, action, 1, describe=describe)
            for verb, method, path, handler, action, describe in table
        ]

    async def create(self, exchange: Exchange) -> Response:
        """Make a person without faces."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = text(body, "name"), text(body, "userData")
        resource_id = exchange.resource_id

        def work() -> Response:
            started = self.services.directory.create(resource_id, name or "", user_data)
            return accepted(self.context, exchange, started, f"{_PERSONS}/{started.id}", "personId")

        return await self.context.run(_ROWS, work)

    async def show(self, exchange: Exchange) -> Response:
        """Return a person."""
        resource_id, person_id = exchange.resource_id, exchange.parameters["personId"]

        def work() -> Response:
            return answer(_person_json(self.services.directory.get(resource_id, person_id)))

        return await self.context.run(_ROWS, work)

    async def show_all(self, exchange: Exchange) -> Response:
        """Return a page of persons by ascending id."""
        page, resource_id = parse_page(exchange.request), exchange.resource_id

        def work() -> Response:
            found = self.services.directory.page(resource_id, page.start, page.top)
            return answer([_person_json(person) for person in found])

        return await self.context.run(_ROWS, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change name, user data, or both."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = changed_text(body, "name"), changed_text(body, "userData")
        resource_id, person_id = exchange.resource_id, exchange.parameters["personId"]

        def work() -> Response:
            self.services.directory.update(resource_id, person_id, name=name, user_data=user_data)
            return EMPTY

        return await self.context.run(_ROWS, work)

    async def delete(self, exchange: Exchange) -> Response:
        """Delete a person with all faces and memberships."""
        resource_id, person_id = exchange.resource_id, exchange.parameters["personId"]

        def work() -> Response:
            started = self.services.directory.delete(resource_id, person_id)
            return accepted(self.context, exchange, started, "", None)

        return await self.context.run(_ROWS, work)

    async def groups(self, exchange: Exchange) -> Response:
        """Return the dynamic groups that a person is in."""
        page = parse_page(exchange.request)
        resource_id, person_id = exchange.resource_id, exchange.parameters["personId"]

        def work() -> Response:
            found = self.services.directory.groups_of(resource_id, person_id, page.start, page.top)
            return answer({"dynamicPersonGroupIds": found})

        return await self.context.run(_ROWS, work)

    async def add_face(self, exchange: Exchange) -> Response:
        """Enrol the one face of an image under a recognition model."""
        query = parse_enrol_query(exchange.request, self.context.labels)
        image = await self.context.image(exchange)
        resource_id, person_id, model = _of_faces(exchange)

        def work() -> Response:
            started = self.services.directory.add_face(
                resource_id,
                person_id,
                model,
                image,
                target=query.target,
                operating_point=query.operating_point,
                user_data=query.user_data,
            )
            made = f"{_PERSONS}/{person_id.lower()}/recognitionModels/{model}/persistedfaces/{started.id}"
            return accepted(self.context, exchange, started, made, "persistedFaceId")

        return await self.context.run(_ROWS, work)

    async def show_faces(self, exchange: Exchange) -> Response:
        """Return the ids of a person's faces of one recognition model."""
        resource_id, person_id, model = _of_faces(exchange)

        def work() -> Response:
            found = self.services.directory.face_ids(resource_id, person_id, model)
            return answer({"personId": person_id.lower(), "persistedFaceIds": found})

        return await self.context.run(_ROWS, work)

    async def show_face(self, exchange: Exchange) -> Response:
        """Return a face's id and user data."""
        resource_id, person_id, model = _of_faces(exchange)
        face_id = exchange.parameters["persistedFaceId"]

        def work() -> Response:
            return answer(face_json(self.services.directory.get_face(resource_id, person_id, model, face_id)))

        return await self.context.run(_ROWS, work)

    async def update_face(self, exchange: Exchange) -> Response:
        """Change a face's user data; null removes it, and a body without it changes nothing."""
        body = await read_json(exchange.request, self.context.limits)
        changes, user_data = "userdata" in body, text(body, "userData")
        resource_id, person_id, model = _of_faces(exchange)
        face_id = exchange.parameters["persistedFaceId"]

        def work() -> Response:
            if changes:
                self.services.directory.update_face(resource_id, person_id, model, face_id, user_data)
            else:
                self.services.directory.get_face(resource_id, person_id, model, face_id)
            return EMPTY

        return await self.context.run(_ROWS + REMOVAL, work)

    async def delete_face(self, exchange: Exchange) -> Response:
        """Delete a face with its template."""
        resource_id, person_id, model = _of_faces(exchange)
        face_id = exchange.parameters["persistedFaceId"]

        def work() -> Response:
            started = self.services.directory.delete_face(resource_id, person_id, model, face_id)
            return accepted(self.context, exchange, started, "", None)

        return await self.context.run(_ROWS + REMOVAL, work)


def _of_faces(exchange: Exchange) -> tuple[Any, str, str]:
    """Return resource, person and recognition model of a path below a person's faces."""
    given: Mapping[str, str] = exchange.parameters
    return exchange.resource_id, given["personId"], given["recognitionModel"].lower()


def _person_json(person: Person) -> dict[str, Any]:
    return without_none({"personId": person.person_id, "name": person.name, "userData": person.user_data})
