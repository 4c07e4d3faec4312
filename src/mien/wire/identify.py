"""Face - Identify: finds the persons of faces in a group or in the person directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mien.contract.catalogue import row
from mien.contract.limits import IDENTIFY_CANDIDATES, IDENTIFY_FACE_IDS, IDENTIFY_PERSON_IDS
from mien.contract.versions import ALL, BY_NAME
from mien.gallery import CollectionRef, Identified
from mien.gallery.kinds import parse_id
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.body import read_json
from mien.wire.context import Context, answer
from mien.wire.families import LARGE_PERSON_GROUP, PERSON_GROUP
from mien.wire.fields import BODY_INVALID, Body, Field, ids, shown, text, whole
from mien.wire.schemas import COLLECTION_ID, GUID, TEXT, UNIT, Json, array, json_body, operation, record

_ROWS = "identify"
WHOLE_DIRECTORY = "*"

_LENGTH = row("identify.face_ids_length")
_CANDIDATES = row("identify.candidates_invalid")
_THRESHOLD_INVALID = row("identify.threshold_invalid")
_PERSON_IDS = row("mien.person_ids_length")
_BOTH = row("identify.both_groups")
_NEITHER = row("identify.no_group")
_MISSING = row("identify.no_scope")
_INCOMPATIBLE = row("identify.scopes_incompatible")

Search = Callable[[], list[Identified]]


def _face_ids(body: Body, name: str) -> list[str]:
    face_ids = ids(body, name)
    low, high = IDENTIFY_FACE_IDS
    if not low <= len(face_ids) <= high:
        raise _LENGTH.problem(hint=f"From {low} to {high} faces are identified in a call.")
    return face_ids


def _top(body: Body, name: str) -> int | None:
    given = body.get(name.lower())
    if given is None:
        return None
    top = whole(given)
    low, high = IDENTIFY_CANDIDATES
    if top is None or not low <= top <= high:
        raise _CANDIDATES.problem(hint=f"It is a whole number from {low} to {high}.")
    return top


def _threshold(body: Body, name: str) -> float | None:
    given = body.get(name.lower())
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise _THRESHOLD_INVALID.problem(hint="It is a number from 0 to 1.")
    return float(given)


def _person_ids(body: Body, name: str) -> tuple[str, ...]:
    given = body.get(name.lower())
    if not isinstance(given, list):
        raise BODY_INVALID.problem(hint="personIds must be an array of ids.")
    if given == [WHOLE_DIRECTORY]:
        return (WHOLE_DIRECTORY,)
    low, high = IDENTIFY_PERSON_IDS
    if not low <= len(given) <= high:
        raise _PERSON_IDS.problem(hint=f'From {low} to {high}, or ["*"] for all persons.')
    for entry in given:
        if not isinstance(entry, str) or parse_id(entry) is None:
            raise BODY_INVALID.problem(hint=f"personIds has {shown(entry)}, which is not a GUID.")
    return tuple(given)


_LOW, _HIGH = IDENTIFY_CANDIDATES
_FACE_IDS = Field("faceIds", array(GUID, *IDENTIFY_FACE_IDS), _face_ids)
_TOP = Field("maxNumOfCandidatesReturned", {"type": "integer", "minimum": _LOW, "maximum": _HIGH}, _top)
_THRESHOLD = Field("confidenceThreshold", UNIT, _threshold)
_GROUP = Field(PERSON_GROUP.id_name, COLLECTION_ID, text)
_LARGE_GROUP = Field(LARGE_PERSON_GROUP.id_name, COLLECTION_ID, text)
_DYNAMIC = Field("dynamicPersonGroupId", COLLECTION_ID, text)
_PERSONS = Field("personIds", array(TEXT, *IDENTIFY_PERSON_IDS), _person_ids)


def _describe(version: str) -> Json:
    chosen = BY_NAME[version]
    common = {
        _FACE_IDS.name: _FACE_IDS.schema,
        _TOP.name: {**_TOP.schema, "default": chosen.candidates},
        _THRESHOLD.name: _THRESHOLD.schema,
    }
    scopes: list[Field[Any]] = [_GROUP, _LARGE_GROUP]
    further = "."
    if chosen.directory_searches:
        scopes += [_DYNAMIC, _PERSONS]
        further = ', of a dynamic group, of a list of personIds, or of the whole directory (["*"]).'
    shapes = [record({**common, one.name: one.schema}, [_TOP.name, _THRESHOLD.name]) for one in scopes]
    candidate = record({"personId": GUID, "confidence": UNIT})
    return operation(
        "identify",
        f"Says who faces are, among the persons of a trained group{further}",
        body=json_body({"oneOf": shapes}),
        result=array(record({"faceId": GUID, "candidates": array(candidate)})),
        says="For each face the persons it may be, best first; none for a stranger.",
    )


@dataclass(frozen=True, slots=True)
class Identify:
    """The handler of Identify."""

    context: Context

    def operations(self) -> list[Operation]:
        """Return the operations of this family."""
        return [Operation("Face - Identify", "POST", "/identify", self, ALL, "identify", 1, describe=_describe)]

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the candidates of each face, best first; none for an unknown person."""
        version = BY_NAME[exchange.version]
        body = await read_json(exchange.request, self.context.limits)
        face_ids, top, threshold = _FACE_IDS.read(body), _TOP.read(body) or version.candidates, _THRESHOLD.read(body)
        search = self._search(exchange, body, face_ids, top, threshold)

        def work() -> Response:
            return answer(
                [
                    {
                        "faceId": found.face_id,
                        "candidates": [
                            {"personId": candidate.person_id, "confidence": candidate.confidence}
                            for candidate in found.candidates
                        ],
                    }
                    for found in search()
                ]
            )

        return await self.context.run(_ROWS, work)

    def _search(
        self,
        exchange: Exchange,
        body: Body,
        face_ids: Sequence[str],
        top: int,
        threshold: float | None,
    ) -> Search:
        """Return the gallery search for the scope parameters, of which exactly one must be present."""
        recognition, resource_id = self.context.gallery.recognition, exchange.resource_id
        version = BY_NAME[exchange.version]
        directory = self.context.directory if version.directory_searches else None
        group, large_group = _GROUP.read(body), _LARGE_GROUP.read(body)
        dynamic = _DYNAMIC.read(body) if directory else None
        persons = body.get(_PERSONS.name.lower()) if directory else None
        scopes = [scope for scope in (group, large_group, dynamic, persons) if scope is not None]
        if group is not None and large_group is not None and len(scopes) == 2:
            raise _BOTH.problem()
        if len(scopes) > 1:
            raise _INCOMPATIBLE.problem(hint="Send exactly one of them.")
        if group is not None or large_group is not None:
            family = PERSON_GROUP if large_group is None else LARGE_PERSON_GROUP
            ref = CollectionRef(resource_id, family.kind, group or large_group or "")
            return lambda: recognition.identify(face_ids, ref, top, threshold)
        if directory is None:
            raise _NEITHER.problem(hint=f"{version.name} identifies in a personGroupId or a largePersonGroupId.")
        among = directory.recognition
        if dynamic is not None:
            return lambda: among.identify_dynamic(resource_id, face_ids, dynamic, top, threshold)
        if persons is not None:
            person_ids = _PERSONS.read(body)
            return lambda: among.identify_persons(resource_id, face_ids, person_ids, top, threshold)
        raise _MISSING.problem(hint="It is personGroupId, largePersonGroupId, dynamicPersonGroupId or personIds.")
