"""Recognition on the wire: what requests ask of the gallery, and the shape of the answers in every API version."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from typing import Any

import httpx
import jsonschema
import pytest
from tests.captures import captures
from tests.shared import shared_path
from tests.wire.conftest import DETECTION, KEY, Service
from tests.wire.test_contract import HOP_HEADERS, SCHEMAS, contract, nullable
from tests.wire.told_gallery import NOW, A, B, ToldGallery

from mien.contract.versions import BY_NAME, DIRECTORY, SNAPSHOTS, V1_2, V1_2_PREVIEW
from mien.gallery import UNSET, FindMode, Kind, TargetFace, TrainingState, TrainingStatus
from mien.gateway.origin import OriginFinder
from mien.wire.families import FAMILIES, LARGE_PERSON_GROUP, Family

TRAINED = [family for family in FAMILIES if family.kind.trained]


@pytest.fixture
def told() -> ToldGallery:
    return ToldGallery()


@pytest.fixture
async def api(told: ToldGallery, make_service: Callable[..., Service]) -> AsyncIterator[httpx.AsyncClient]:
    service = make_service(gallery=told, directory=told, origin=OriginFinder((ip_network("127.0.0.1"),)))
    async with service.client(**{"Ocp-Apim-Subscription-Key": KEY}) as client:
        yield client
    service.application.close()


# What goes to the gallery


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
async def test_a_collection_is_made(family: Family, api: httpx.AsyncClient, told: ToldGallery) -> None:
    path = f"/face/v1.2/{family.name.upper()}S/My-List/"
    response = await api.put(
        path, json={"NAME": "staff", "userData": "u", "recognitionModel": "RECOGNITION_04", "x": 1}
    )
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "0"
    assert response.headers["content-type"] == "application/json; charset=utf-8"  # decision 0165
    name, (ref, *given), _ = told.last
    assert (name, ref.kind, ref.collection_id) == ("collections.create", family.kind, "My-List")
    assert given == ["staff", "u", "recognition_04"]


async def test_defaults_of_a_collection(api: httpx.AsyncClient, told: ToldGallery) -> None:
    await api.put("/face/v1.0/facelists/l", json={"name": "n", "userData": None})
    assert told.last[1][1:] == ("n", None, "recognition_01")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "n"}, {"name": "n", "user_data": UNSET}),
        ({"userData": ""}, {"name": UNSET, "user_data": ""}),
        ({"name": None, "userData": "u"}, {"name": UNSET, "user_data": "u"}),
    ],
)
async def test_absent_properties_stay(
    body: dict[str, Any], expected: dict[str, Any], api: httpx.AsyncClient, told: ToldGallery
) -> None:
    for path in ("persongroups/g", f"persongroups/g/persons/{A}"):
        response = await api.patch(f"/face/v1.2/{path}", json=body)
        assert (response.status_code, response.content) == (200, b"")
        assert told.last[2] == expected


@pytest.mark.parametrize(
    ("query", "expected"), [("", ("", 1000)), ("?start=&top=", ("", 1000)), ("?START=a&Top=5", ("a", 5))]
)
async def test_pages(query: str, expected: tuple[str, int], api: httpx.AsyncClient, told: ToldGallery) -> None:
    for path in ("largepersongroups", "persongroups/g/persons", "largefacelists/l/persistedfaces"):
        assert (await api.get(f"/face/v1.2/{path}{query}")).status_code == 200
        assert told.last[1][-2:] == expected


async def test_face_lists_have_no_pages(api: httpx.AsyncClient, told: ToldGallery) -> None:
    assert (await api.get("/face/v1.2/facelists?start=zzz&top=1")).status_code == 200
    assert told.last[1] == (Kind.FACE_LIST, "", 1000)


@pytest.mark.parametrize("path", ["largefacelists/l", f"largepersongroups/l/persons/{A}"])
async def test_a_face_is_enrolled(path: str, api: httpx.AsyncClient, told: ToldGallery, photo: bytes) -> None:
    query = "targetFace=1,2,3,4&detectionModel=detection_03&userData=a%20b%2F%C3%A9"
    response = await api.post(
        f"/face/v1.2/{path}/persistedFaces?{query}", content=photo, headers={"Content-Type": "application/octet-stream"}
    )
    assert response.json() == {"persistedFaceId": A}
    _, (_, image), named = told.last
    assert image == photo
    assert named == {
        "person_id": A if "persons" in path else None,
        "target": TargetFace(1, 2, 3, 4),
        "operating_point": DETECTION["detection_03"],
        "user_data": "a b/é",
    }


async def test_a_face_is_enrolled_from_a_url(
    told: ToldGallery, make_service: Callable[..., Service], photo: bytes
) -> None:
    service = make_service(gallery=told)
    service.web.answer = photo
    async with service.client(**{"Ocp-Apim-Subscription-Key": KEY}) as client:
        response = await client.post("/face/v1.2/facelists/l/persistedfaces", json={"url": " http://x/y.jpg "})
    service.application.close()
    assert response.status_code == 200
    assert service.web.asked == ["http://x/y.jpg"]
    assert told.last[2] == {
        "person_id": None,
        "target": None,
        "operating_point": DETECTION["detection_01"],
        "user_data": None,
    }


async def test_user_data_of_a_face(api: httpx.AsyncClient, told: ToldGallery) -> None:
    path = f"/face/v1.2/largefacelists/l/persistedfaces/{A}"
    await api.patch(path, json={"userData": None})
    assert told.last[1][1:] == (A, None)
    assert (await api.patch(path, json={})).status_code == 200
    assert told.last[0] == "faces.get"  # nothing to change, but it must be there


@pytest.mark.parametrize(("version", "top"), [(name, BY_NAME[name].candidates) for name in BY_NAME])
async def test_defaults_of_identify(version: str, top: int, api: httpx.AsyncClient, told: ToldGallery) -> None:
    await api.post(f"/face/{version}/identify", json={"faceIds": [A], "personGroupId": "g"})
    assert told.last[1][2:] == (top, None)


@pytest.mark.parametrize(
    ("scope", "name", "given"),
    [
        ({"dynamicPersonGroupId": "g"}, "recognition.identify_dynamic", "g"),
        ({"personIds": ["*"]}, "recognition.identify_persons", ("*",)),
        ({"personIds": [A, B], "personGroupId": None}, "recognition.identify_persons", (A, B)),
    ],
)
async def test_scopes_of_identify(
    scope: dict[str, Any], name: str, given: Any, api: httpx.AsyncClient, told: ToldGallery
) -> None:
    body = {"faceIds": [A], "maxNumOfCandidatesReturned": 3.0, "confidenceThreshold": 0, **scope}
    assert (await api.post("/face/v1.2/identify", json=body)).status_code == 200
    assert told.last == (name, ([A], given, 3, 0.0), {})


@pytest.mark.parametrize("persons", [[], [A] * 31, ["x"], "*", ["*", A]])
async def test_person_ids_that_are_none(persons: Any, api: httpx.AsyncClient, told: ToldGallery) -> None:
    response = await api.post("/face/v1.2/identify", json={"faceIds": [A], "personIds": persons})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "BadArgument")
    assert told.calls == []


async def test_verify_looks_where_the_body_says(api: httpx.AsyncClient, told: ToldGallery) -> None:
    response = await api.post("/face/v1.2/verify", json={"faceId1": A, "faceId2": B})
    assert response.json() == {"isIdentical": True, "confidence": 0.9}
    assert told.last == ("recognition.verify", (A, B), {})
    person = {"faceId": A, "personId": B}
    await api.post("/face/v1.2/verify", json={**person, "largePersonGroupId": "g"})
    assert told.last[1][2].kind is Kind.LARGE_PERSON_GROUP
    await api.post("/face/v1.1-preview.1/verify", json=person)
    assert told.last == ("recognition.verify_person", (A, B), {})
    response = await api.post("/face/v1.0/verify", json=person)
    assert response.json()["error"]["code"] == "PersonGroupIdAndLargePersonGroupIdBothNull"


async def test_find_similar(api: httpx.AsyncClient, told: ToldGallery) -> None:
    response = await api.post("/face/v1.2/findsimilars", json={"faceId": A, "faceIds": [B]})
    assert response.json() == [{"faceId": B, "confidence": 0.8}]
    assert told.last == ("similar_faces.find", (A, [B], FindMode.MATCH_PERSON, 20), {})
    body = {"faceId": A, "faceListId": "l", "mode": "MATCHFACE", "maxNumOfCandidatesReturned": 7}
    response = await api.post("/face/v1.2/findsimilars", json=body)
    assert response.json() == [{"persistedFaceId": B, "confidence": 0.8}]
    assert told.last[1][2:] == (FindMode.MATCH_FACE, 7)


async def test_group(api: httpx.AsyncClient) -> None:
    response = await api.post("/face/v1.0/group", json={"faceIds": [A, B]})
    assert response.json() == {"groups": [[A, B]], "messyGroup": []}


# Training


@pytest.mark.parametrize("version", BY_NAME)
@pytest.mark.parametrize("family", TRAINED, ids=lambda family: family.name)
async def test_training_says_where_to_ask(family: Family, version: str, api: httpx.AsyncClient) -> None:
    response = await api.post(f"/FACE/{version.upper()}{family.path}/g/train")
    assert (response.status_code, response.content) == (202, b"")
    assert response.headers["operation-location"] == f"http://mien.test/face/{version}{family.path}/g/training"
    status = await api.get(response.headers["operation-location"])
    assert status.json()["status"] == "succeeded"


async def test_training_behind_a_proxy(api: httpx.AsyncClient) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "face.example.com", "X-Forwarded-Port": "8443"}
    response = await api.post("/face/v1.2/largepersongroups/g/train", headers=headers)
    where = "https://face.example.com:8443/face/v1.2/largepersongroups/g/training"
    assert response.headers["operation-location"] == where


async def test_a_training_that_has_only_begun(api: httpx.AsyncClient, told: ToldGallery) -> None:
    told.answers["training.status"] = TrainingStatus(TrainingState.NOT_STARTED, NOW, None, None, None)
    path = "largepersongroups/g/training"
    assert (await api.get(f"/face/v1.2/{path}")).json() == {
        "status": "notStarted",
        "createdDateTime": "2026-03-05T11:07:58.371Z",
        "lastActionDateTime": None,
        "lastSuccessfulTrainingDateTime": None,
    }
    assert (await api.get(f"/face/v1.0/{path}")).json() == {
        "status": "notstarted",
        "createdDateTime": "2026-03-05T11:07:58.371Z",
    }


# Against the contract's files


def documents() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Every operation of recognition in the contract: version, method, path and operation object."""
    out = []
    for version in SCHEMAS:
        try:
            document = contract("openapi", version, "Face.json")
        except pytest.skip.Exception:
            return []
        for path, methods in document["paths"].items():
            if re.match(r"/(detect|session|settings)", path):
                continue
            for method, operation in methods.items():
                if method in {"get", "put", "post", "patch", "delete"}:
                    out.append((version, method, path.partition("#")[0], operation))
    return out


BODIES: dict[str, Any] = {
    "/verify": {"faceId1": A, "faceId2": B},
    "/identify": {"faceIds": [A], "personGroupId": "c"},
    "/findsimilars": {"faceId": A, "faceIds": [B]},
    "/group": {"faceIds": [A, B]},
    "/snapshots": {"type": "faceList", "objectId": "c", "applyScope": [A]},
    "/snapshots/{snapshotId}/apply": {"objectId": "c"},
}


def result_schema(operation: dict[str, Any], status: int) -> Any:
    answer = operation["responses"][str(status)]
    content = answer.get("content", {}).get("application/json", {})
    return answer.get("schema") or content.get("schema")


@pytest.mark.parametrize(
    ("version", "method", "path", "operation"), documents(), ids=lambda value: value if isinstance(value, str) else ""
)
async def test_every_operation_of_the_contract(
    version: str, method: str, path: str, operation: dict[str, Any], api: httpx.AsyncClient, photo: bytes
) -> None:
    url = re.sub(r"{(\w+)}", lambda name: values(name[1]), path)
    sent: dict[str, Any] = {}
    if path.lower().endswith("/persistedfaces") and method == "post":
        sent = {"content": photo, "headers": {"Content-Type": "application/octet-stream"}}
    elif method in {"put", "patch"} or (method == "post" and not path.endswith("/train")):
        persons = {"addPersonIds": [A]} if "202" in operation["responses"] else {}
        sent = {"json": BODIES.get(path, {"name": "n", "userData": "u", **persons})}
    response = await api.request(method.upper(), f"/face/{version}{url}", **sent)
    expected = sorted(int(status) for status in operation["responses"] if status.isdigit())
    assert response.status_code == expected[0], response.text
    schema = result_schema(operation, response.status_code)
    if schema is None:
        assert response.content == b""
        return
    document = nullable(contract("openapi", version, "Face.json"))
    jsonschema.Draft202012Validator({**document, **nullable(schema)}).validate(response.json())


def values(name: str) -> str:
    if name == "recognitionModel":
        return "recognition_04"
    return "c" if re.search(r"(List|Group)Id$", name) else A


async def test_operations_only_in_their_versions(api: httpx.AsyncClient) -> None:
    theirs = {(version, method, path.lower()) for version, method, path, _ in documents()}
    if not theirs:
        shared_path("contract")
    for version in BY_NAME:
        directory = await api.get(f"/face/{version}/persons")
        snapshots = await api.get(f"/face/{version}/snapshots")
        assert (directory.status_code == 200) == (version in DIRECTORY)
        assert (snapshots.status_code == 200) == (version in SNAPSHOTS)
        if version in SCHEMAS:
            ours = (await api.get(f"/openapi.json?version={version}")).json()["paths"]
            mine = {(version, method, path.lower()) for path, methods in ours.items() for method in methods}
            assert {row for row in mine if "/detect" not in row[2]} == {row for row in theirs if row[0] == version}


async def test_hints_know_the_routes(api: httpx.AsyncClient) -> None:
    def hint(response: httpx.Response) -> str:
        assert response.status_code == 404
        return str(response.json()["error"]["innererror"]["details"]["hint"])

    assert "PUT /face/v1.2/persongroups/{personGroupId}" in hint(await api.put("/face/v1.2/persongroup/my-own-group"))
    assert "v1.2 does not have this operation" in hint(await api.get("/face/v1.2/persons"))
    assert "GET is not a method" in hint(await api.get("/face/v1.2/largepersongroups/g/train"))
    assert (await api.get("/face/v1.2/" + "x" * 5000)).status_code == 404


async def test_snapshots_as_programs_of_their_time_read_them(api: httpx.AsyncClient, told: ToldGallery) -> None:
    body = {"type": "LargePersonGroup", "objectId": "g", "applyScope": [A.upper()], "userData": "u"}
    response = await api.post("/face/v1.0/snapshots", json=body)
    assert (response.status_code, response.content) == (202, b"")
    assert response.headers["Operation-Location"].replace("/operations/", "") == B
    assert told.calls[-1][1][0].kind is LARGE_PERSON_GROUP.kind
    status = (await api.get(f"/face/v1.0/operations/{B}")).json()
    assert status["resourceLocation"] == f"/snapshots/{A}"
    assert "operationId" not in status
    assert (await api.get(f"/face/v1.0/snapshots/{A}")).json()["type"] == "LargePersonGroup"
    assert (await api.get("/face/v1.0/snapshots?type=x")).status_code == 400
    assert (await api.get("/face/v1.0/snapshots?applyScope=x")).status_code == 400
    for wrong in ({**body, "applyScope": []}, {**body, "type": "Person"}, {**body, "objectId": None}):
        assert (await api.post("/face/v1.0/snapshots", json=wrong)).status_code == 400
    apply = f"/face/v1.0/snapshots/{A}/apply"
    assert (await api.post(apply, json={"objectId": "c", "mode": "Overwrite"})).status_code == 400


async def test_writes_of_the_directory(api: httpx.AsyncClient) -> None:
    base = f"http://mien.test/face/{V1_2_PREVIEW.name}"
    made = await api.post(f"{base}/persons", json={"name": "Ann"})
    assert (made.status_code, made.json()) == (202, {"personId": A})
    assert made.headers["location"] == f"{base}/persons/{A}"
    operation = await api.get(made.headers["operation-location"])
    assert operation.json()["operationId"] == B
    group = f"{base}/dynamicpersongroups/g"
    assert (await api.put(group, json={"name": "g"})).status_code == 200
    assert (await api.put(group, json={"name": "g", "addPersonIds": [A]})).status_code == 202
    assert (await api.patch(group, json={"removePersonIds": [A]})).status_code == 202


def _is_recorded(request: dict[str, Any]) -> bool:
    return re.search(r"/(detect|forbidden|session)", request["target"], re.IGNORECASE) is None


@pytest.mark.parametrize(
    ("name", "request_"), captures(_is_recorded), ids=lambda value: value if isinstance(value, str) else ""
)
async def test_replayed_requests_of_the_sdks(
    name: str, request_: dict[str, Any], api: httpx.AsyncClient, photo: bytes
) -> None:
    headers = {key: value for key, value in request_["headers"].items() if key.lower() not in HOP_HEADERS}
    headers["Ocp-Apim-Subscription-Key"] = KEY
    body = photo if "image bytes" in request_["body"] else request_["body"].encode()
    response = await api.request(request_["method"], request_["target"], content=body, headers=headers)
    accepted = request_["method"] == "POST" and request_["target"].endswith(("/train", "/snapshots"))
    assert response.status_code == (202 if accepted else 200), response.text


@pytest.mark.parametrize("body", ["", "null", "[]", '"x"', "{", "1e999", '{"name": "\\ud800"}', '{"name": NaN}'])
async def test_bodies_that_are_none(body: str, api: httpx.AsyncClient, told: ToldGallery) -> None:
    for method, path in (("PUT", "persongroups/g"), ("POST", "verify"), ("POST", "identify"), ("POST", "group")):
        response = await api.request(method, f"/face/{V1_2.name}/{path}", content=body)
        assert response.status_code == 400, response.text
        assert response.json()["error"]["code"] in {"BadArgument", "MissingIdentificationScopeParameters"}
    assert told.calls == []
