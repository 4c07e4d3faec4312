"""Face - Group: divides faces into groups of one person each."""

from __future__ import annotations

from dataclasses import dataclass

from mien.contract.catalogue import row
from mien.contract.limits import GROUP_FACE_IDS
from mien.contract.versions import ALL
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.body import read_json
from mien.wire.context import Context, answer
from mien.wire.fields import Body, Field, body_of, ids
from mien.wire.schemas import GUID, array, described, record

_ROWS = "group"
_LENGTH = row("group.face_ids_length")


def _read_face_ids(body: Body, name: str) -> list[str]:
    face_ids = ids(body, name)
    low, high = GROUP_FACE_IDS
    if not low <= len(face_ids) <= high:
        raise _LENGTH.problem(hint=f"From {low} to {high} faces are grouped in a call.")
    return face_ids


_FACE_IDS = Field("faceIds", array(GUID, *GROUP_FACE_IDS), _read_face_ids)
_DESCRIBE = described(
    "group",
    "Divides faces into groups of one person each.",
    body=body_of(_FACE_IDS),
    result=record({"groups": array(array(GUID)), "messyGroup": array(GUID)}),
    says="The groups, the largest first, and the faces that are like no other.",
)


@dataclass(frozen=True, slots=True)
class GroupHandler:
    """The handler of Group."""

    context: Context

    def operations(self) -> list[Operation]:
        """Return the operations of this family."""
        return [Operation("Face - Group", "POST", "/group", self, ALL, "group", 1, describe=_DESCRIBE)]

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the groups, largest first, and the faces without a similar one."""
        body = await read_json(exchange.request, self.context.limits)
        face_ids, resource_id = _FACE_IDS.read(body), exchange.resource_id

        def work() -> Response:
            found = self.context.gallery.similar_faces.group(resource_id, face_ids)
            return answer({"groups": [list(group) for group in found.groups], "messyGroup": list(found.messy_group)})

        return await self.context.run(_ROWS, work)
