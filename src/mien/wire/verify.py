"""Face - Verify: whether two faces, or a face and a person, are the same."""

from __future__ import annotations

from dataclasses import dataclass

from mien.contract.catalogue import row
from mien.contract.versions import ALL, BY_NAME
from mien.gallery import CollectionRef, Verification
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.body import read_json
from mien.wire.context import Context, answer
from mien.wire.families import LARGE_PERSON_GROUP, PERSON_GROUP
from mien.wire.fields import Body, text
from mien.wire.recognition_docs import describe_verify

_ROWS = "verify"
_FACE_ID = row("verify.face_id_invalid")
_PERSON_ID = row("verify.person_id_invalid")
_BOTH = row("identify.both_groups")
_NEITHER = row("identify.no_group")


@dataclass(frozen=True, slots=True)
class Verify:
    """The handler of Verify."""

    context: Context

    def operations(self) -> list[Operation]:
        """The rows of this family for the router."""
        return [Operation("Face - Verify", "POST", "/verify", self, ALL, "verify", 1, describe=describe_verify)]

    async def __call__(self, exchange: Exchange) -> Response:
        """Compare, and say how sure the answer is; 0.5 is where the same person begins."""
        body = await read_json(exchange.request, self.context.limits)
        resource_id = exchange.resource_id
        if body.get("faceid") is None or body.get("faceid1") is not None or body.get("faceid2") is not None:
            first, second = _face_id(body, "faceId1"), _face_id(body, "faceId2")

            def work() -> Response:
                return _answer(self.context.gallery.recognition.verify(resource_id, first, second))

            return await self.context.run(_ROWS, work)
        face_id, person_id = _face_id(body, "faceId"), text(body, "personId")
        if not person_id:
            raise _PERSON_ID.problem(hint="personId is missing.")
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


def _face_id(body: Body, name: str) -> str:
    value = text(body, name)
    if not value:
        raise _FACE_ID.problem(
            hint=f"{name} is missing. Send faceId1 and faceId2, or faceId and personId and where the person is."
        )
    return value


def _scope(exchange: Exchange, body: Body) -> CollectionRef | None:
    """Return the group that the person is in; None for the person directory."""
    group, large_group = text(body, PERSON_GROUP.id_name), text(body, LARGE_PERSON_GROUP.id_name)
    if group is not None and large_group is not None:
        raise _BOTH.problem()
    if group is not None:
        return CollectionRef(exchange.resource_id, PERSON_GROUP.kind, group)
    if large_group is not None:
        return CollectionRef(exchange.resource_id, LARGE_PERSON_GROUP.kind, large_group)
    return None


def _answer(verified: Verification) -> Response:
    return answer({"isIdentical": verified.is_identical, "confidence": verified.confidence})
