"""Verify, Identify, Find Similar and Group as OpenAPI."""

from __future__ import annotations

from mien.contract.versions import BY_NAME
from mien.gallery import FindMode
from mien.wire import schemas
from mien.wire.schemas import COLLECTION_ID, GUID, UNIT, Json, array, record


def describe_verify(version: str) -> Json:
    """Return the OpenAPI operation object of Verify in a version."""
    shapes = [
        record({"faceId1": GUID, "faceId2": GUID}),
        record({"faceId": GUID, "personId": GUID, "personGroupId": COLLECTION_ID}),
        record({"faceId": GUID, "personId": GUID, "largePersonGroupId": COLLECTION_ID}),
    ]
    if BY_NAME[version].directory_searches:
        shapes.append(record({"faceId": GUID, "personId": GUID}))
    return schemas.operation(
        "verify",
        "Says whether two faces, or a face and a person, are the same. Without a group the person is looked for in the "
        "person directory.",
        body=schemas.json_body({"anyOf": shapes}),
        result=record({"isIdentical": schemas.BOOLEAN, "confidence": UNIT}),
        says="Whether they are the same, and how sure that is: from 0.5 on they are.",
    )


def describe_identify(version: str) -> Json:
    """Return the OpenAPI operation object of Identify in a version."""
    chosen = BY_NAME[version]
    common: Json = {
        "faceIds": array(GUID, 1, 10),
        "maxNumOfCandidatesReturned": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "default": chosen.candidates,
        },
        "confidenceThreshold": UNIT,
    }
    scopes: Json = {"personGroupId": COLLECTION_ID, "largePersonGroupId": COLLECTION_ID}
    if chosen.directory_searches:
        scopes |= {"dynamicPersonGroupId": COLLECTION_ID, "personIds": array(schemas.TEXT, 1, 30)}
    optional = frozenset(common) - {"faceIds"}
    shapes = [record({**common, name: schema}, optional=optional) for name, schema in scopes.items()]
    candidate = record({"personId": GUID, "confidence": UNIT})
    return schemas.operation(
        "identify",
        "Says who faces are, among the persons of a trained group"
        + (
            ', of a dynamic group, of a list of personIds, or of the whole directory (["*"]).'
            if len(scopes) > 2
            else "."
        ),
        body=schemas.json_body({"oneOf": shapes}),
        result=array(record({"faceId": GUID, "candidates": array(candidate)})),
        says="For each face the persons it may be, best first; none for a stranger.",
    )


def describe_find_similar(version: str) -> Json:
    """Return the OpenAPI operation object of Find Similar in a version."""
    del version
    common: Json = {
        "faceId": GUID,
        "maxNumOfCandidatesReturned": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20},
        "mode": {"enum": list(FindMode), "default": FindMode.MATCH_PERSON},
    }
    places: Json = {"faceIds": array(GUID, 1, 1000), "faceListId": COLLECTION_ID, "largeFaceListId": COLLECTION_ID}
    optional = frozenset(common) - {"faceId"}
    shapes = [record({**common, name: schema}, optional=optional) for name, schema in places.items()]
    found = [record({"faceId": GUID, "confidence": UNIT}), record({"persistedFaceId": GUID, "confidence": UNIT})]
    return schemas.operation(
        "findSimilar",
        "Finds the faces most like one. matchPerson leaves out what is not the same person, matchFace ranks all.",
        body=schemas.json_body({"oneOf": shapes}),
        result=array({"anyOf": found}),
        says="The faces found, best first: faceId among faceIds, persistedFaceId in a list.",
    )


def describe_group(version: str) -> Json:
    """Return the OpenAPI operation object of Group in a version."""
    del version
    return schemas.operation(
        "group",
        "Divides faces into groups of one person each.",
        body=schemas.json_body(record({"faceIds": array(GUID, 2, 1000)})),
        result=record({"groups": array(array(GUID)), "messyGroup": array(GUID)}),
        says="The groups, the largest first, and the faces that are like no other.",
    )
