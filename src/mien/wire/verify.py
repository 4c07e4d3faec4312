"""Face - Verify: compares two faces, or a face and a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mien.contract.catalogue import row
from mien.contract.versions import ALL, BY_NAME
from mien.gallery import CollectionRef, Verification
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.body import read_json
from mien.wire.context import Context, answer
from mien.wire.families import LARGE_PERSON_GROUP, PERSON_GROUP
from mien.wire.fields import Body, Field, text
from mien.wire.schemas import BOOLEAN, COLLECTION_ID, GUID, UNIT, Json, json_body, operation, record

_ROWS = "verify"
_FACE_ID = row("verify.face_id_invalid")
_PERSON_ID = row("verify.person_id_invalid")
_BOTH = row("identify.both_groups")
_NEITHER = row("identify.no_group")


def _face_id(body: Body, name: str) -> str:
    value = text(body, name)
    if not value:
        raise _FACE_ID.problem(
            hint=f"{name} is missing. Send faceId1 and faceId2, or faceId and personId and where the person is."
        )
    return value


def _person_id(body: Body, name: str) -> str:
    value = text(body, name)
    if not value:
        raise _PERSON_ID.problem(hint=f"{name} is missing.")
    return value


_FIRST, _SECOND, _FACE = (Field(name, GUID, _face_id) for name in ("faceId1", "faceId2", "faceId"))
_PERSON = Field("personId", GUID, _person_id)
_GROUP = Field(PERSON_GROUP.id_name, COLLECTION_ID, text)
_LARGE_GROUP = Field(LARGE_PERSON_GROUP.id_name, COLLECTION_ID, text)


def _describe(version: str) -> Json:
    shapes: list[tuple[Field[Any], ...]] = [(_FIRST, _SECOND), (_FACE, _PERSON, _GROUP), (_FACE, _PERSON, _LARGE_GROUP)]
    if BY_NAME[version].directory_searches:
        shapes.append((_FACE, _PERSON))
    return operation(
        "verify",
        "Says whether two faces, or a face and a person, are the same. Without a group the person is looked for in the "
        "person directory.",
        body=json_body({"anyOf": [record({one.name: one.schema for one in shape}) for shape in shapes]}),
        result=record({"isIdentical": BOOLEAN, "confidence": UNIT}),
        says="Whether they are the same, and how sure that is: from 0.5 on they are.",
    )


@dataclass(frozen=True, slots=True)
class Verify:
    """The handler of Verify."""

    context: Context

    def operations(self) -> list[Operation]:
        """Return the operations of this family."""
        return [Operation("Face - Verify", "POST", "/verify", self, ALL, "verify", 1, describe=_describe)]

    async def __call__(self, exchange: Exchange) -> Response:
        """Return whether the faces are of the same person, and the confidence, which is at least 0.5 if they are."""
        body = await read_json(exchange.request, self.context.limits)
        resource_id = exchange.resource_id
        if body.get("faceid") is None or body.get("faceid1") is not None or body.get("faceid2") is not None:
            first, second = _FIRST.read(body), _SECOND.read(body)

            def work() -> Response:
                return _answer(self.context.gallery.recognition.verify(resource_id, first, second))

            return await self.context.run(_ROWS, work)
        face_id, person_id = _FACE.read(body), _PERSON.read(body)
        version, directory = BY_NAME[exchange.version], self.context.directory
        scope = _scope(exchange, body)
        if scope is None and (directory is None or not version.directory_searches):
            raise _NEITHER.problem(hint=f"{version.name} has no person directory: name the group of the person.")

        def work_person() -> Response:
            if scope is not None:
                recognition = self.context.gallery.recognition
                return _answer(recognition.verify_person(resource_id, face_id, person_id, scope))
            assert directory is not None
            return _answer(directory.recognition.verify_person(resource_id, face_id, person_id))

        return await self.context.run(_ROWS, work_person)


def _scope(exchange: Exchange, body: Body) -> CollectionRef | None:
    """Return the group of the person; None for the person directory."""
    group, large_group = _GROUP.read(body), _LARGE_GROUP.read(body)
    if group is not None and large_group is not None:
        raise _BOTH.problem()
    if group is not None:
        return CollectionRef(exchange.resource_id, PERSON_GROUP.kind, group)
    if large_group is not None:
        return CollectionRef(exchange.resource_id, LARGE_PERSON_GROUP.kind, large_group)
    return None


def _answer(verified: Verification) -> Response:
    return answer({"isIdentical": verified.is_identical, "confidence": verified.confidence})
