"""Face - Find Similar: finds the most similar faces among face ids or the faces of a list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mien.contract.catalogue import row
from mien.contract.limits import FIND_SIMILAR_CANDIDATES, FIND_SIMILAR_CANDIDATES_DEFAULT, FIND_SIMILAR_FACE_IDS
from mien.contract.versions import ALL
from mien.gallery import CollectionRef, FindMode, SimilarFace
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.body import read_json
from mien.wire.context import Context, answer
from mien.wire.families import FACE_LIST, LARGE_FACE_LIST, Family
from mien.wire.fields import Body, Field, id_of, ids, shown, whole
from mien.wire.schemas import COLLECTION_ID, GUID, UNIT, array, described, json_body, record

_ROWS = "find_similar"

_MODE_INVALID = row("find_similar.mode_invalid")
_LENGTH = row("find_similar.face_ids_length")
_CANDIDATES = row("find_similar.candidates_invalid")
_NONE = row("find_similar.no_target")
_SEVERAL = row("find_similar.several_targets")
_NOT_VALID = row("find_similar.list_not_valid")
_MODES = {mode.value.lower(): mode for mode in FindMode}

Search = Callable[[], list[SimilarFace]]


def _mode(body: Body, name: str) -> FindMode:
    given = body.get(name.lower())
    if given is None:
        return FindMode.MATCH_PERSON
    mode = _MODES.get(given.lower()) if isinstance(given, str) else None
    if mode is None:
        raise _MODE_INVALID.problem(hint=f"It is {' or '.join(FindMode)}.")
    return mode


def _top(body: Body, name: str) -> int:
    given = body.get(name.lower())
    top = FIND_SIMILAR_CANDIDATES_DEFAULT if given is None else whole(given)
    low, high = FIND_SIMILAR_CANDIDATES
    if top is None or not low <= top <= high:
        raise _CANDIDATES.problem(hint=f"It is a whole number from {low} to {high}.")
    return top


_LOW, _HIGH = FIND_SIMILAR_CANDIDATES
_FACE = Field("faceId", GUID, id_of)
_TOP = Field(
    "maxNumOfCandidatesReturned",
    {"type": "integer", "minimum": _LOW, "maximum": _HIGH, "default": FIND_SIMILAR_CANDIDATES_DEFAULT},
    _top,
)
_MODE = Field("mode", {"enum": list(FindMode), "default": FindMode.MATCH_PERSON}, _mode)
_PLACES = {
    "faceIds": array(GUID, *FIND_SIMILAR_FACE_IDS),
    FACE_LIST.id_name: COLLECTION_ID,
    LARGE_FACE_LIST.id_name: COLLECTION_ID,
}
_COMMON = {one.name: one.schema for one in (_FACE, _TOP, _MODE)}
_DESCRIBE = described(
    "findSimilar",
    "Finds the faces most like one. matchPerson leaves out what is not the same person, matchFace ranks all.",
    body=json_body(
        {"oneOf": [record({**_COMMON, name: schema}, [_TOP.name, _MODE.name]) for name, schema in _PLACES.items()]}
    ),
    result=array({"anyOf": [record({name: GUID, "confidence": UNIT}) for name in ("faceId", "persistedFaceId")]}),
    says="The faces found, best first: faceId among faceIds, persistedFaceId in a list.",
)


@dataclass(frozen=True, slots=True)
class FindSimilar:
    """The handler of Find Similar."""

    context: Context

    def operations(self) -> list[Operation]:
        """Return the operations of this family."""
        return [
            Operation(
                "Face - Find Similar", "POST", "/findsimilars", self, ALL, "findsimilars", 1,
                describe=_DESCRIBE,
            )
        ]  # fmt: skip

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the faces that are most similar to the given one, best first."""
        body = await read_json(exchange.request, self.context.limits)
        face_id, mode, top = _FACE.read(body), _MODE.read(body), _TOP.read(body)
        search, id_name = self._search(exchange, body, face_id, mode, top)

        def work() -> Response:
            return answer([{id_name: face.face_id, "confidence": face.confidence} for face in search()])

        return await self.context.run(_ROWS, work)

    def _search(self, exchange: Exchange, body: Body, face_id: str, mode: FindMode, top: int) -> tuple[Search, str]:
        """Return the gallery search for the request, and the property name for the ids of its results."""
        similar_faces, resource_id = self.context.gallery.similar_faces, exchange.resource_id
        given = [name for name in _PLACES if body.get(name.lower()) is not None]
        if not given:
            raise _NONE.problem()
        if len(given) > 1:
            raise _SEVERAL.problem(hint=f"Send one of {' and '.join(given)}.")
        value = body[given[0].lower()]
        if given[0] == "faceIds":
            if not isinstance(value, list):
                raise _NOT_VALID.problem(hint="faceIds must be an array of ids.")
            low, high = FIND_SIMILAR_FACE_IDS
            if not low <= len(value) <= high:
                raise _LENGTH.problem(hint=f"From {low} to {high} faces are searched in a call.")
            face_ids = ids(body, "faceIds")
            return lambda: similar_faces.find(resource_id, face_id, face_ids, mode, top), "faceId"
        if not isinstance(value, str) or not value:
            raise _NOT_VALID.problem(hint=f"{given[0]} is {shown(value)}; it must be a text that is not empty.")
        family: Family = FACE_LIST if given[0] == FACE_LIST.id_name else LARGE_FACE_LIST
        ref = CollectionRef(resource_id, family.kind, value)
        return lambda: similar_faces.find_in(face_id, ref, mode, top), "persistedFaceId"
