"""The person directory: persons and their faces. Writes return 202 and the URL of their operation's status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mien.contract.versions import DIRECTORY
from mien.gallery import Person, Started
from mien.gallery.directory.services import DirectoryServices
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.body import read_json
from mien.wire.collections import FACE_SCHEMA
from mien.wire.context import EMPTY, Context, answer, without_none
from mien.wire.fields import (
    CHANGE_BODY,
    CREATE_BODY,
    FACE_BODY,
    FACE_DATA,
    NAME,
    NEW_NAME,
    NEW_USER_DATA,
    PAGE,
    USER_DATA,
)
from mien.wire.gallery_faults import REMOVAL
from mien.wire.persisted_faces import ENROL_PARAMETERS, face_json, parse_enrol_query
from mien.wire.schemas import (
    COLLECTION_ID,
    GUID,
    IMAGE_BODY,
    MODEL,
    Describe,
    array,
    described,
    header,
    in_path,
    record,
)
from mien.wire.training import OPERATION_LOCATION

_ROWS = "person_directory"
_PERSONS = "/persons"
_PERSON = "/persons/{personId}"
_FACES = "/persons/{personId}/recognitionModels/{recognitionModel}/persistedfaces"
_FACE = f"{_FACES}/{{persistedFaceId}}"
_NAME = "PersonDirectory Person"
_OF_PERSON = [in_path("personId")]
_OF_FACES = [*_OF_PERSON, in_path("recognitionModel", MODEL)]
_OF_FACE = [*_OF_FACES, in_path("persistedFaceId")]
_SCHEMA = record({"personId": GUID, "name": NAME.schema, "userData": USER_DATA.schema}, optional=["userData"])

ACCEPTED = {"operation-Location": header("Where to ask what became of it; kept for 48 hours.")}
"""The response headers of an asynchronous write."""
_MADE = {**ACCEPTED, "Location": header("What was made.")}


def accepted(context: Context, exchange: Exchange, started: Started, made: str, id_name: str | None) -> Response:
    """Return the 202 of an asynchronous write.

    Args:
        context: determines the URLs in the response.
        exchange: the call.
        started: the started operation.
        made: path of the created object, below the version; empty for a deletion.
        id_name: property with its id in the response; None for a response without a body.
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
    services: DirectoryServices

    def operations(self) -> list[Operation]:
        """Return the operations of this family."""
        read, write, delete = "persons/read", "persons/write", "persons/delete"
        face_read, face_write = "persons/persistedfaces/read", "persons/persistedfaces/write"
        table: list[tuple[str, str, str, Any, str, Describe]] = [
            (
                "List", "GET", _PERSONS, self.show_all, read,
                described(
                    "listPersons", "Lists the persons of the directory by ascending id.", parameters=PAGE.parameters,
                    result=array(_SCHEMA), says="The persons.",
                ),
            ),
            (
                "Create", "POST", _PERSONS, self.create, "persons/action",
                described(
                    "createPerson", "Makes a person without faces.", body=CREATE_BODY,
                    result=record({"personId": GUID}), status=202, says="The id of the person.", headers=_MADE,
                ),
            ),
            (
                "Get", "GET", _PERSON, self.show, read,
                described("getPerson", "Returns a person.", parameters=_OF_PERSON, result=_SCHEMA, says="The person."),
            ),
            (
                "Update", "PATCH", _PERSON, self.update, write,
                described(
                    "updatePerson", "Changes name, userData or both.", parameters=_OF_PERSON, body=CHANGE_BODY
                ),
            ),
            (
                "Delete", "DELETE", _PERSON, self.delete, delete,
                described(
                    "deletePerson", "Deletes a person with all faces and memberships.", parameters=_OF_PERSON,
                    status=202, headers=ACCEPTED,
                ),
            ),
            (
                "Get Dynamic Person Group References", "GET", f"{_PERSON}/dynamicPersonGroupReferences", self.groups,
                read,
                described(
                    "listDynamicPersonGroupsOfPerson", "Lists the dynamic person groups that a person is in.",
                    parameters=[*_OF_PERSON, *PAGE.parameters],
                    result=record({"dynamicPersonGroupIds": array(COLLECTION_ID)}), says="The ids of the groups.",
                ),
            ),
            (
                "List Faces", "GET", _FACES, self.show_faces, face_read,
                described(
                    "listPersonFaces", "Lists the faces that a person has under a recognition model.",
                    parameters=_OF_FACES, result=record({"personId": GUID, "persistedFaceIds": array(GUID)}),
                    says="The ids of the faces.",
                ),
            ),
            (
                "Add Face", "POST", _FACES, self.add_face, face_write,
                described(
                    "addPersonFace", "Enrols the one face of an image for a person. The image is not kept.",
                    parameters=[*_OF_FACES, *ENROL_PARAMETERS], body=IMAGE_BODY,
                    result=record({"persistedFaceId": GUID}), status=202, says="The id of the face.", headers=_MADE,
                ),
            ),
            (
                "Get Face", "GET", _FACE, self.show_face, face_read,
                described(
                    "getPersonFace", "Returns a face.", parameters=_OF_FACE, result=FACE_SCHEMA, says="The face."
                ),
            ),
            (
                "Update Face", "PATCH", _FACE, self.update_face, face_write,
                described(
                    "updatePersonFace", "Changes the userData of a face.", parameters=_OF_FACE, body=FACE_BODY
                ),
            ),
            (
                "Delete Face", "DELETE", _FACE, self.delete_face, "persons/persistedfaces/delete",
                described(
                    "deletePersonFace", "Deletes a face.", parameters=_OF_FACE, status=202, headers=ACCEPTED
                ),
            ),
        ]  # fmt: skip
        return [
            Operation(f"{_NAME} - {verb}", method, path, handler, DIRECTORY, action, 1, describe=describe)
            for verb, method, path, handler, action, describe in table
        ]

    async def create(self, exchange: Exchange) -> Response:
        """Create a person without faces."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = NAME.read(body), USER_DATA.read(body)
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
        page, resource_id = PAGE.read(exchange.request), exchange.resource_id

        def work() -> Response:
            found = self.services.directory.page(resource_id, page.start, page.top)
            return answer([_person_json(person) for person in found])

        return await self.context.run(_ROWS, work)

    async def update(self, exchange: Exchange) -> Response:
        """Change name, user data, or both."""
        body = await read_json(exchange.request, self.context.limits)
        name, user_data = NEW_NAME.read(body), NEW_USER_DATA.read(body)
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
        page = PAGE.read(exchange.request)
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
        """Change a face's user data; null removes it, an absent property changes nothing."""
        body = await read_json(exchange.request, self.context.limits)
        changes, user_data = "userdata" in body, FACE_DATA.read(body)
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
    """Return the resource id, person id and recognition model of a path below a person's faces."""
    given: Mapping[str, str] = exchange.parameters
    return exchange.resource_id, given["personId"], given["recognitionModel"].lower()


def _person_json(person: Person) -> dict[str, Any]:
    return without_none({"personId": person.person_id, "name": person.name, "userData": person.user_data})
