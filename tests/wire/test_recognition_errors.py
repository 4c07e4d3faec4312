"""Every row of the contract's errors for recognition: what provokes it over HTTP, and that none is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from tests.wire.conftest import KEY, Service
from tests.wire.test_contract import contract
from tests.wire.told_gallery import A, B, ToldGallery

from mien.contract.catalogue import ROWS
from mien.contract.versions import V1_0, V1_2, V1_2_PREVIEW
from mien.gallery import CollectionRef, Kind
from mien.gallery import errors as gallery
from mien.gallery.errors import Quota
from mien.wire.families import FAMILIES, Family

RECOGNITION = ("identify", "verify", "find_similar", "group")
COLLECTIONS = ("face_list", "large_face_list", "person_group", "large_person_group", "person_directory")
GUID_LESS = "not-a-guid"


@dataclass(frozen=True)
class Case:
    """A row, and the request and fault that lead to it.

    Attributes:
        row: family, status, code and message as the catalogue has them.
        method: of the request.
        path: below the version.
        body: JSON, an image when it is bytes, or None.
        fault: what the gallery raises; None when the request alone provokes the row.
        version: of the API.
        said: the message as it is sent, where the row's has placeholders.
    """

    row: tuple[str, int, str, str]
    method: str
    path: str
    body: Any = None
    fault: Exception | None = None
    version: str = V1_2.name
    said: str | None = None

    def __str__(self) -> str:
        return "-".join(map(str, (*self.row, self.version)))


def ref(kind: Kind, name: str = "c") -> CollectionRef:
    return CollectionRef(uuid4(), kind, name)


def not_found(kind: Kind, *, malformed: bool = False) -> gallery.CollectionNotFoundError:
    return gallery.CollectionNotFoundError(ref(kind), malformed=malformed)


def verify_cases() -> list[Case]:
    faces = {"faceId1": A, "faceId2": B}
    person = {"faceId": A, "personId": B, "personGroupId": "c"}
    large = {"faceId": A, "personId": B, "largePersonGroupId": "c"}
    empty = "00000000-0000-0000-0000-000000000000"
    bad = "BadArgument"
    groups, larges = Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP
    told: list[tuple[int, str, str, Any, Exception | None]] = [
        (400, bad, "'recognitionModel' is incompatible.", faces, gallery.IncompatibleModelError("01 and 04")),
        (400, bad, "'recognitionModel' is incompatible.", person, gallery.FingerprintMismatchError("recognition_04")),
        (400, bad, "Face ID is invalid.", {"faceId1": A}, None),
        (400, bad, "Face ID is invalid.", faces, gallery.FaceNotFoundError(GUID_LESS)),
        (400, bad, "Person ID is invalid.", {"faceId": A}, None),
        (400, bad, "Person ID is invalid.", person, gallery.PersonNotFoundError(groups, GUID_LESS)),
        (400, bad, "Person group ID is invalid.", person, not_found(groups, malformed=True)),
        (400, bad, "Large person group ID is invalid.", large, not_found(larges, malformed=True)),
        (400, "PersonNotFound", "Person is not found.", person, gallery.PersonNotFoundError(groups, empty)),
        (400, "PersonGroupNotFound", "Person Group is not found.", person, not_found(groups)),
        (400, "LargePersonGroupNotFound", "Large Person Group is not found.", large, not_found(larges)),
        (404, "FaceNotFound", "Face is not found.", faces, gallery.FaceNotFoundError(A)),
        (404, "PersonNotFound", "Person is not found.", large, gallery.PersonNotFoundError(larges, A)),
        (
            404,
            "PersistedFaceNotFound",
            "No persisted face of the person is found.",
            {"faceId": A, "personId": B},
            gallery.PersonHasNoFaceError(),
        ),
    ]
    return [
        Case(("verify", status, code, message), "POST", "/verify", body, fault)
        for status, code, message, body, fault in told
    ]


def identify_cases() -> list[Case]:
    bad = "BadArgument"
    faces: dict[str, Any] = {"faceIds": [A]}
    small, large = {**faces, "personGroupId": "c"}, {**faces, "largePersonGroupId": "c"}
    dynamic = {**faces, "dynamicPersonGroupId": "c"}
    groups, larges = Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP
    length = "The length of faceIds is not in a valid range."
    top = "The argument maxNumOfCandidatesReturned is not valid."
    threshold = "The argument confidenceThreshold is not valid."
    both = "PersonGroupIdAndLargePersonGroupIdBothNotNull"
    null = "PersonGroupIdAndLargePersonGroupIdBothNull"
    both_text = "Large person group ID and person group ID are both not null."
    null_text = "Large person group ID and person group ID are both null."
    told: list[tuple[int, str, str, Any, Exception | None]] = [
        (400, bad, "'recognitionModel' is incompatible.", small, gallery.IncompatibleModelError("01 and 04")),
        (400, bad, "Person group ID is invalid.", small, not_found(groups, malformed=True)),
        (400, bad, "Large person group ID is invalid.", large, not_found(larges, malformed=True)),
        (
            400,
            bad,
            "Dynamic person group ID is invalid.",
            dynamic,
            gallery.DynamicGroupNotFoundError("C", malformed=True),
        ),
        *((400, bad, top, {**small, "maxNumOfCandidatesReturned": value}, None) for value in (0, 101, 1.5, "x", True)),
        *((400, bad, threshold, {**small, "confidenceThreshold": value}, None) for value in (-0.1, 1.1, "x", True)),
        *((400, bad, length, {**small, "faceIds": [A] * count}, None) for count in (0, 11)),
        (400, "FaceNotFound", "Face is not found.", small, gallery.FaceNotFoundError(A)),
        (400, "PersonGroupNotFound", "Person group is not found.", small, not_found(groups)),
        (400, "LargePersonGroupNotFound", "Large person group is not found.", large, not_found(larges)),
        (
            400,
            "DynamicPersonGroupNotFound",
            "Dynamic person group is not found.",
            dynamic,
            gallery.DynamicGroupNotFoundError("c"),
        ),
        (400, "PersonGroupNotTrained", "Person group not trained.", small, gallery.NotTrainedError(ref(groups))),
        (
            400,
            "LargePersonGroupNotTrained",
            "Large person group not trained.",
            large,
            gallery.NotTrainedError(ref(larges)),
        ),
        (400, both, both_text, {**small, **large}, None),
        (
            400,
            "MissingIdentificationScopeParameters",
            "No identification scope parameter is present in the request.",
            faces,
            None,
        ),
        *(
            (
                400,
                "IncompatibleIdentificationScopeParametersCombination",
                "Incompatible identification scope parameters are present in the request.",
                body,
                None,
            )
            for body in ({**small, **dynamic}, {**dynamic, "personIds": ["*"]}, {**small, **large, **dynamic})
        ),
        (
            409,
            "PersonGroupTrainingNotFinished",
            "Person group is under training.",
            small,
            gallery.TrainingNotFinishedError(ref(groups)),
        ),
        (
            409,
            "LargePersonGroupTrainingNotFinished",
            "Large person group is under training.",
            large,
            gallery.TrainingNotFinishedError(ref(larges)),
        ),
    ]
    cases = [
        Case(("identify", status, code, message), "POST", "/identify", body, fault)
        for status, code, message, body, fault in told
    ]
    return [
        *cases,
        *(
            Case(("identify", 400, null, null_text), "POST", "/identify", body, None, V1_0.name)
            for body in (faces, dynamic, {**faces, "personIds": ["*"]})
        ),
    ]


def find_similar_cases() -> list[Case]:
    bad = "BadArgument"
    among = {"faceId": A, "faceIds": [B]}
    small, large = {"faceId": A, "faceListId": "c"}, {"faceId": A, "largeFaceListId": "c"}
    lists, larges = Kind.FACE_LIST, Kind.LARGE_FACE_LIST
    top = "The argument maxNumOfCandidatesReturned is not valid."
    several = "2 or more of largeFaceListId, faceListId and faceIds are not null."
    wrong = "LargeFaceListId, faceListId and faceIds, not exactly one of them is valid."
    told: list[tuple[int, str, str, Any, Exception | None]] = [
        (400, bad, "'recognitionModel' is incompatible.", among, gallery.IncompatibleModelError("01 and 04")),
        *((400, bad, "Mode is invalid.", {**among, "mode": mode}, None) for mode in ("", "x", 1, ["matchFace"])),
        (400, bad, "Face list ID is invalid.", small, not_found(lists, malformed=True)),
        (400, bad, "Large face list ID is invalid.", large, not_found(larges, malformed=True)),
        *((400, bad, wrong, {"faceId": A, **place}, None) for place in ({"faceListId": ""}, {"faceIds": "x"})),
        (400, bad, "LargeFaceListId, faceListId and faceIds are all null.", {"faceId": A, "faceIds": None}, None),
        (400, bad, several, {**small, **large}, None),
        (400, bad, several, {**among, **large}, None),
        *((400, bad, top, {**among, "maxNumOfCandidatesReturned": value}, None) for value in (0, 1001, "x", False)),
        *(
            (400, bad, "The length of faceIds is not in a valid range.", {"faceId": A, "faceIds": [B] * count}, None)
            for count in (0, 1001)
        ),
        (400, "FaceNotFound", "Face is not found.", among, gallery.FaceNotFoundError(A)),
        (400, "FaceListNotFound", "Face list is not found.", small, not_found(lists)),
        (400, "LargeFaceListNotFound", "Large face list is not found.", large, not_found(larges)),
        (
            400,
            "LargeFaceListNotTrained",
            "Large face list is not trained.",
            large,
            gallery.NotTrainedError(ref(larges)),
        ),
        (400, "FaceListNotReady", "Face list is empty.", small, gallery.FaceListEmptyError()),
        (
            409,
            "LargeFaceListTrainingNotFinished",
            "Large face list is under training.",
            large,
            gallery.TrainingNotFinishedError(ref(larges)),
        ),
    ]
    return [
        Case(("find_similar", status, code, message), "POST", "/findsimilars", body, fault)
        for status, code, message, body, fault in told
    ]


def group_cases() -> list[Case]:
    two = {"faceIds": [A, B]}
    bad = "BadArgument"
    length = "The length of faceIds is not in a valid range."
    return [
        Case(
            ("group", 400, bad, "'recognitionModel' is incompatible."),
            "POST",
            "/group",
            two,
            gallery.IncompatibleModelError("01 and 04"),
        ),
        *(Case(("group", 400, bad, length), "POST", "/group", {"faceIds": [A] * count}) for count in (0, 1, 1001)),
        Case(
            ("identify", 400, "FaceNotFound", "Face is not found."), "POST", "/group", two, gallery.FaceNotFoundError(A)
        ),
    ]


def collection_cases(family: Family) -> list[Case]:
    """The rows of one kind of collection, and of what is in it."""
    kind, one = family.kind, f"{family.path}/c"
    owner = f"{one}/persons/{A}" if kind.has_persons else one
    faces = f"{owner}/persistedfaces"
    not_found_code, invalid = f"{family.name}NotFound", f"{family.noun} ID is invalid."
    known = {(row.family, row.recorded) for row in ROWS}
    cases: list[Case] = []

    def add(status: int, code: str, message: str, *request: Any, rows: str = family.rows, **more: Any) -> None:
        cases.append(Case((rows, status, code, message), *request, **more))

    make = ("PUT", one, {"name": "staff"})
    add(400, "BadArgument", invalid, *make, gallery.InvalidCollectionIdError(ref(kind)))
    add(409, f"{family.name}Exists", f"{family.noun} already exists.", *make, gallery.CollectionExistsError(ref(kind)))
    quota = gallery.QuotaExceededError(Quota.COLLECTIONS, kind, 64)
    (limit,) = {
        text
        for rows, text in known
        if rows == family.rows and text.lower().startswith(f"{family.noun.lower()} number reached")
    }
    add(403, "QuotaExceeded", limit, *make, quota)
    empty = "Both 'name' and 'userData' are empty."
    rows = family.rows if (family.rows, empty) in known else "large_face_list"
    add(400, "BadArgument", empty, "PATCH", one, {}, gallery.NothingToUpdateError(), rows=rows)
    for method, path, body in (("GET", one, None), ("DELETE", one, None), ("POST", faces, b"")):
        add(404, not_found_code, f"{family.noun} is not found.", method, path, body, not_found(kind))
        add(404, not_found_code, invalid, method, path, body, not_found(kind, malformed=True))
    add(403, "QuotaExceeded", "Persisted face number reached limit.", "POST", faces, b"",
        gallery.QuotaExceededError(Quota.FACES, kind, 248))  # fmt: skip
    missing, malformed = (gallery.PersistedFaceNotFoundError(kind, given) for given in (A, GUID_LESS))
    lost, face = "PersistedFaceNotFound", f"{faces}/{A}"
    add(404, lost, "Persisted face ID is invalid.", "DELETE", face, None, malformed)
    if kind is Kind.LARGE_FACE_LIST:
        add(404, lost, "Large Face List Face `<faceId>` is not found.", "GET", face, None, missing,
            said=f"Large Face List Face `{A}` is not found.")  # fmt: skip
    else:
        add(404, lost, "Persisted face is not found.", "DELETE", face, None, missing)
    if kind.has_persons:
        add(404, lost, "Persisted face `<faceId>` is not found.", "GET", face, None, missing,
            said=f"Persisted face `{A}` is not found.")  # fmt: skip
        add(404, lost, "Persisted face is not found.", "PATCH", face, {"userData": "u"}, missing)
        person = gallery.PersonNotFoundError(kind, A)
        add(404, "PersonNotFound", "Person `<personId>` is not found.", "GET", owner, None, person,
            said=f"Person `{A}` is not found.")  # fmt: skip
        stranger = gallery.PersonNotFoundError(kind, GUID_LESS)
        add(404, "PersonNotFound", "Person ID is invalid.", "DELETE", owner, None, stranger)
        for level, place in (
            (Quota.PERSONS_OF_COLLECTION, f"{family.noun.lower()} level"),
            (Quota.PERSONS_OF_RESOURCE, "subscription level"),
        ):
            fault = gallery.QuotaExceededError(level, kind, 1000)
            text = f"Person number reached {place} limit."
            add(403, "QuotaExceeded", text, "POST", f"{one}/persons", {"name": "Ann"}, fault)
    if kind.trained:
        never = gallery.NotTrainedError(ref(kind))
        add(404, f"{family.name}NotTrained", f"{family.noun} not trained.", "GET", f"{one}/training", None, never)
        busy = gallery.TrainingNotFinishedError(ref(kind))
        text = f"{family.noun} is under training."
        for method, path, body in (("POST", f"{one}/train", None), ("POST", faces, b""), ("DELETE", one, None)):
            add(409, f"{family.name}TrainingNotFinished", text, method, path, body, busy)
    return cases


def directory_cases() -> list[Case]:
    person, faces = f"/persons/{A}", f"/persons/{A}/recognitionModels/recognition_04/persistedfaces"
    kind = Kind.DIRECTORY
    missing, malformed = (gallery.PersonNotFoundError(kind, given) for given in (A, GUID_LESS))
    no_face, bad_face = (gallery.PersistedFaceNotFoundError(kind, given) for given in (A, GUID_LESS))
    bad, lost, no_group = "BadArgument", "PersistedFaceNotFound", "DynamicPersonGroupNotFound"
    group, groups = "/dynamicpersongroups/g", "/dynamicpersongroups"
    told: list[tuple[int, str, str, str, str, Any, Exception | None]] = [
        (
            400,
            bad,
            "Recognition model is not supported for this feature.",
            "GET",
            faces.replace("_04", "_09"),
            None,
            gallery.UnknownRecognitionModelError("recognition_09"),
        ),
        (400, bad, "'start' is not valid person ID.", "GET", "/persons?start=x", None, gallery.InvalidStartError()),
        (400, bad, "Both 'name' and 'userData' are empty.", "PATCH", person, {}, gallery.NothingToUpdateError()),
        (400, bad, "Both 'name' and 'userData' are empty.", "PATCH", group, {}, gallery.NothingToUpdateError()),
        (
            400,
            no_group,
            "Dynamic person group ID is invalid.",
            "GET",
            "/dynamicpersongroups/G!",
            None,
            gallery.DynamicGroupNotFoundError("G!", malformed=True),
        ),
        (
            403,
            "QuotaExceeded",
            "Person number reached subscription level limit.",
            "POST",
            "/persons",
            {"name": "Ann"},
            gallery.QuotaExceededError(Quota.PERSONS_OF_RESOURCE, kind, 1000),
        ),
        (
            403,
            "QuotaExceeded",
            "Persisted face number reached limit.",
            "POST",
            faces,
            b"",
            gallery.QuotaExceededError(Quota.FACES, kind, 248),
        ),
        (
            404,
            no_group,
            "Dynamic person group was not found.",
            "DELETE",
            group,
            None,
            gallery.DynamicGroupNotFoundError("g"),
        ),
        (
            404,
            no_group,
            "DynamicPersonGroupPersonReference `<groupId>` is not found.",
            "GET",
            f"{groups}/g/persons",
            None,
            gallery.DynamicGroupNotFoundError("g"),
        ),
        (404, "PersonNotFound", "Person is not found.", "GET", person, None, missing),
        (404, "PersonNotFound", "Person ID is invalid.", "GET", person, None, malformed),
        (404, lost, "Persisted face is not found.", "DELETE", f"{faces}/{A}", None, no_face),
        (404, lost, "Persisted face `<faceId>` is not found.", "GET", f"{faces}/{A}", None, no_face),
        (404, lost, "Persisted Face ID is invalid.", "GET", f"{faces}/{A}", None, bad_face),
        (
            409,
            "DynamicPersonGroupExists",
            "Dynamic person group ID `<groupId>` already exists.",
            "PUT",
            group,
            {"name": "friends"},
            gallery.DynamicGroupExistsError("g"),
        ),
    ]
    return [
        Case(
            ("person_directory", status, code, message),
            method,
            path,
            body,
            fault,
            V1_2_PREVIEW.name,
            message.replace("<groupId>", "g").replace("<faceId>", A),
        )
        for status, code, message, method, path, body, fault in told
    ]


def common_cases() -> list[Case]:
    """Rows that all families share, provoked where they belong to recognition."""
    bad, image = "BadArgument", "InvalidImage"
    make, faces = "/largepersongroups/c", "/facelists/c/persistedfaces"
    told: list[tuple[int, str, str, str, str, Any, Exception | None]] = [
        (400, bad, "Request body is invalid.", "PUT", make, {"name": 5}, None),
        (400, bad, "Request body is invalid.", "PUT", make, {"name": "a\x00"}, None),
        (400, bad, "Request body is invalid.", "PUT", make, [], None),
        (400, bad, "Request body is invalid.", "POST", "/group", {"faceIds": ["x", "y"]}, None),
        (400, bad, "Request body is invalid.", "POST", "/findsimilars", {"faceId": "x", "faceListId": "c"}, None),
        (400, bad, "'recognitionModel' is invalid.", "PUT", make, {"name": "n", "recognitionModel": "x"}, None),
        (400, bad, "'detectionModel' is invalid.", "POST", f"{faces}?detectionModel=x", b"", None),
        (400, bad, "'name' is empty.", "PUT", make, {}, gallery.NameEmptyError()),
        (400, bad, "'name' is too long.", "PUT", make, {"name": "n" * 129}, gallery.NameTooLongError("129")),
        (400, bad, "'userData' is too long.", "PUT", make, {"name": "n"}, gallery.UserDataTooLongError("16385")),
        (400, bad, "'userData' is too long.", "POST", f"{faces}?userData={'u' * 1025}", b"", None),
        (400, bad, "'start' is too long.", "GET", f"/persongroups?start={'s' * 65}", None, None),
        *((400, bad, "'top' is invalid.", "GET", f"/persongroups?top={top}", None, None) for top in ("0", "1001", "x")),
        *(
            (400, bad, "Invalid argument targetFace.", "POST", f"{faces}?targetFace={target}", b"", None)
            for target in ("1,2,3", "1,2,0,4", "-1,2,3,4", "a,b,c,d", "1,2,3,4,5", "1.5,2,3,4")
        ),
        (
            400,
            bad,
            "Argument targetFace out of range.",
            "POST",
            f"{faces}?targetFace=1,2,3,4",
            b"",
            gallery.TargetFaceOutOfRangeError("the image has 64 × 48 pixels"),
        ),
        (400, image, "No face detected in the image.", "POST", faces, b"", gallery.NoFaceError()),
        (400, image, "There is more than 1 face in the image.", "POST", faces, b"", gallery.SeveralFacesError("2")),
        (400, "InvalidURL", "Invalid image URL.", "POST", faces, {"url": ""}, None),
        (
            409,
            "ConcurrentOperationConflict",
            "There is a conflict operation on resource `<resourceName>`, please try later.",
            "POST",
            faces,
            b"",
            gallery.ConflictError("<resourceName>"),
        ),
    ]
    return [
        Case(("common", status, code, message), method, path, body, fault)
        for status, code, message, method, path, body, fault in told
    ]


CASES = [
    *common_cases(),
    *verify_cases(),
    *identify_cases(),
    *find_similar_cases(),
    *group_cases(),
    *(case for family in FAMILIES for case in collection_cases(family)),
    *directory_cases(),
]


def test_every_row_of_these_families_is_provoked() -> None:
    rows = {
        (row["family"], row["status"], row["code"], row["message"])
        for row in contract("errors.json")
        if row["family"] in {*RECOGNITION, *COLLECTIONS}
    }
    assert rows - {case.row for case in CASES} == set()


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_rows(case: Case, make_service: Callable[..., Service], photo: bytes) -> None:
    told = ToldGallery()
    told.error = case.fault
    service = make_service(gallery=told, directory=told)
    is_image = isinstance(case.body, bytes)
    kind = "application/octet-stream" if is_image else "application/json"
    async with service.client(**{"Ocp-Apim-Subscription-Key": KEY, "Content-Type": kind}) as client:
        sent: dict[str, Any] = {"content": photo} if is_image else {} if case.body is None else {"json": case.body}
        response = await client.request(case.method, f"/face/{case.version}{case.path}", **sent)
    service.application.close()
    _family, status, code, message = case.row
    assert response.status_code == status, response.text
    assert response.headers["x-ms-error-code"] == code
    error = response.json()["error"]
    assert (error["code"], error["message"]) == (code, case.said or message)
    assert len(told.calls) == (case.fault is not None)
