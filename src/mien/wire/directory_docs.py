"""Person directory, dynamic person groups, operations and snapshots as OpenAPI."""

from __future__ import annotations

from collections.abc import Callable

from mien.contract.versions import BY_NAME, SNAPSHOTS
from mien.gallery import OperationState
from mien.wire import schemas
from mien.wire.families import FAMILIES
from mien.wire.schemas import (
    COLLECTION_ID,
    DATE,
    FACE_DATA,
    GUID,
    MODEL,
    NAME,
    TEXT,
    USER_DATA,
    Json,
    array,
    in_path,
    record,
)

Describe = Callable[[str], Json]

_FIELDS: Json = {"name": NAME, "userData": USER_DATA}
_CREATE = schemas.json_body(record(_FIELDS, optional=["userData"]))
_CHANGE = schemas.json_body(record(_FIELDS, optional=_FIELDS))
_OPERATION = {"operation-Location": schemas.header("Where to ask what became of it; kept for 48 hours.")}
_MADE = {**_OPERATION, "Location": schemas.header("What was made.")}
_PERSON = [in_path("personId")]
_FACES = [*_PERSON, in_path("recognitionModel", MODEL)]
_FACE = [*_FACES, in_path("persistedFaceId")]
_GROUP = [in_path("dynamicPersonGroupId", COLLECTION_ID)]
_SNAPSHOT = [in_path("snapshotId")]
_PERSON_SCHEMA = record({"personId": GUID, **_FIELDS}, optional=["userData"])
_GROUP_SCHEMA = record({"dynamicPersonGroupId": COLLECTION_ID, **_FIELDS}, optional=["userData"])
_FACE_SCHEMA = record({"persistedFaceId": GUID, "userData": FACE_DATA}, optional=["userData"])
_PERSON_IDS = array(GUID, 1)


def _fixed(described: Json) -> Describe:
    """Describe an operation that is the same in every version that has it."""
    return lambda _version: described


def _with_persons(described: Json) -> Describe:
    """Add the 202 of a write that also adds or removes persons."""
    described["responses"]["202"] = {"description": "Accepted: persons are added or removed.", "headers": _OPERATION}
    return _fixed(described)


list_persons = _fixed(
    schemas.operation(
        "listPersons",
        "Lists the persons of the directory by ascending id.",
        parameters=schemas.PAGE,
        result=array(_PERSON_SCHEMA),
        says="The persons.",
    )
)
create_person = _fixed(
    schemas.operation(
        "createPerson",
        "Makes a person without faces.",
        body=_CREATE,
        result=record({"personId": GUID}),
        status=202,
        says="The id of the person.",
        headers=_MADE,
    )
)
get_person = _fixed(
    schemas.operation("getPerson", "Returns a person.", parameters=_PERSON, result=_PERSON_SCHEMA, says="The person.")
)
update_person = _fixed(
    schemas.operation("updatePerson", "Changes name, userData or both.", parameters=_PERSON, body=_CHANGE)
)
delete_person = _fixed(
    schemas.operation(
        "deletePerson",
        "Deletes a person with all faces and memberships.",
        parameters=_PERSON,
        status=202,
        headers=_OPERATION,
    )
)
list_groups_of_person = _fixed(
    schemas.operation(
        "listDynamicPersonGroupsOfPerson",
        "Lists the dynamic person groups that a person is in.",
        parameters=[*_PERSON, *schemas.PAGE],
        result=record({"dynamicPersonGroupIds": array(COLLECTION_ID)}),
        says="The ids of the groups.",
    )
)
list_faces = _fixed(
    schemas.operation(
        "listPersonFaces",
        "Lists the faces that a person has under a recognition model.",
        parameters=_FACES,
        result=record({"personId": GUID, "persistedFaceIds": array(GUID)}),
        says="The ids of the faces.",
    )
)
add_face = _fixed(
    schemas.operation(
        "addPersonFace",
        "Enrols the one face of an image for a person. The image is not kept.",
        parameters=[*_FACES, *schemas.ENROL_OPTIONS],
        body=schemas.IMAGE_BODY,
        result=record({"persistedFaceId": GUID}),
        status=202,
        says="The id of the face.",
        headers=_MADE,
    )
)
get_face = _fixed(
    schemas.operation("getPersonFace", "Returns a face.", parameters=_FACE, result=_FACE_SCHEMA, says="The face.")
)
update_face = _fixed(
    schemas.operation(
        "updatePersonFace",
        "Changes the userData of a face.",
        parameters=_FACE,
        body=schemas.json_body(record({"userData": FACE_DATA}, optional=["userData"])),
    )
)
delete_face = _fixed(
    schemas.operation("deletePersonFace", "Deletes a face.", parameters=_FACE, status=202, headers=_OPERATION)
)
list_groups = _fixed(
    schemas.operation(
        "listDynamicPersonGroups",
        "Lists the dynamic person groups by ascending id.",
        parameters=schemas.PAGE,
        result=array(_GROUP_SCHEMA),
        says="The groups.",
    )
)
create_group = _with_persons(
    schemas.operation(
        "createDynamicPersonGroup",
        "Makes a dynamic person group under an id of your choice, with persons or without.",
        parameters=_GROUP,
        body=schemas.json_body(record({**_FIELDS, "addPersonIds": _PERSON_IDS}, optional=["userData", "addPersonIds"])),
    )
)
get_group = _fixed(
    schemas.operation(
        "getDynamicPersonGroup",
        "Returns a dynamic person group.",
        parameters=_GROUP,
        result=_GROUP_SCHEMA,
        says="The group.",
    )
)
_CHANGES_OF_GROUP: Json = {**_FIELDS, "addPersonIds": _PERSON_IDS, "removePersonIds": _PERSON_IDS}
update_group = _with_persons(
    schemas.operation(
        "updateDynamicPersonGroup",
        "Changes name, userData, or the persons of a group.",
        parameters=_GROUP,
        body=schemas.json_body(record(_CHANGES_OF_GROUP, optional=_CHANGES_OF_GROUP)),
    )
)
delete_group = _fixed(
    schemas.operation(
        "deleteDynamicPersonGroup",
        "Deletes a dynamic person group; its persons stay.",
        parameters=_GROUP,
        status=202,
        headers=_OPERATION,
    )
)
list_persons_of_group = _fixed(
    schemas.operation(
        "listDynamicPersonGroupPersons",
        "Lists the persons of a dynamic person group.",
        parameters=[*_GROUP, *schemas.PAGE],
        result=record({"personIds": array(GUID)}),
        says="The ids of the persons.",
    )
)


def get_operation(version: str) -> Json:
    """Return the OpenAPI operation object of the state of a write."""
    spelling = BY_NAME[version]
    states = [spelling.not_started if state is OperationState.NOT_STARTED else state.value for state in OperationState]
    fields: Json = {"status": {"enum": states}, "createdTime": DATE}
    further: Json = {"lastActionTime": DATE, "message": TEXT}
    if version in SNAPSHOTS:
        further["resourceLocation"] = TEXT
    else:
        fields = {"operationId": GUID, **fields}
        further["finishedTime"] = DATE
    return schemas.operation(
        "getOperation",
        "Says what became of a write that was answered with 202. Kept for 48 hours.",
        parameters=[in_path("operationId")],
        result=record({**fields, **further}, optional=further),
        says="The state of the write.",
    )


_TYPE: Json = {"type": "string", "enum": [family.name for family in FAMILIES]}
_SCOPE = array(GUID, 1)
_SNAPSHOT_SCHEMA = record(
    {
        "id": GUID,
        "account": TEXT,
        "type": _TYPE,
        "applyScope": _SCOPE,
        "userData": USER_DATA,
        "createdTime": DATE,
        "lastUpdateTime": DATE,
    },
    optional=["userData"],
)
_V1_OPERATION = {
    "operation-Location": {
        "description": "Where to ask what became of it, relative to the version.",
        "schema": {"type": "string", "format": "uri-reference"},
    }
}
list_snapshots = _fixed(
    schemas.operation(
        "listSnapshots",
        "Lists the snapshots that this resource took or may apply.",
        parameters=[
            schemas.query("type", _TYPE, "Only of this type."),
            {**schemas.query("applyScope", array(GUID), "Only those that these may apply."), "explode": False},
        ],
        result=array(_SNAPSHOT_SCHEMA),
        says="The snapshots.",
    )
)
take_snapshot = _fixed(
    schemas.operation(
        "takeSnapshot",
        "Copies a collection, with what its last training made.",
        body=schemas.json_body(
            record(
                {"type": _TYPE, "objectId": COLLECTION_ID, "applyScope": _SCOPE, "userData": USER_DATA},
                optional=["userData"],
            )
        ),
        status=202,
        headers=_V1_OPERATION,
    )
)
get_snapshot = _fixed(
    schemas.operation(
        "getSnapshot", "Returns a snapshot.", parameters=_SNAPSHOT, result=_SNAPSHOT_SCHEMA, says="The snapshot."
    )
)
update_snapshot = _fixed(
    schemas.operation(
        "updateSnapshot",
        "Changes who may apply a snapshot, its userData, or both.",
        parameters=_SNAPSHOT,
        body=schemas.json_body(
            record({"applyScope": _SCOPE, "userData": USER_DATA}, optional=["applyScope", "userData"])
        ),
    )
)
delete_snapshot = _fixed(schemas.operation("deleteSnapshot", "Deletes a snapshot.", parameters=_SNAPSHOT))
apply_snapshot = _fixed(
    schemas.operation(
        "applySnapshot",
        "Makes a new collection of a snapshot.",
        parameters=_SNAPSHOT,
        body=schemas.json_body(
            record({"objectId": COLLECTION_ID, "mode": {"type": "string", "enum": ["CreateNew"]}}, optional=["mode"])
        ),
        status=202,
        headers=_V1_OPERATION,
    )
)
