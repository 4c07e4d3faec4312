"""The person directory and v1.0's snapshots on a real server, with real faces."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.conftest import Server, StartServer
from tests.shared import azure_photo
from tests.waiting import until

from mien.accounts.subscriptions import DEFAULT_SUBSCRIPTION

PREVIEW = "/face/v1.2-preview.1"
MODELS = "detectionModel=detection_03&recognitionModel=recognition_04"
IMAGE = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def photo(name: str) -> bytes:
    return azure_photo(name).read_bytes()


def largest_face(client: httpx.Client, name: str) -> str:
    found = client.post(f"/face/v1.2/detect?{MODELS}", content=photo(name), headers=IMAGE).json()
    return str(found[0]["faceId"])


def identified(client: httpx.Client, face_id: str, **scope: object) -> list[str]:
    response = client.post("/face/v1.2/identify", json={"faceIds": [face_id], **scope})
    assert response.status_code == 200, response.text
    return [candidate["personId"] for candidate in response.json()[0]["candidates"]]


def test_a_family_in_the_directory(client: httpx.Client) -> None:
    persons = {}
    for name in ("Dad", "Mom"):
        made = client.post(f"{PREVIEW}/persons", json={"name": name})
        assert made.status_code == 202
        assert client.get(made.headers["operation-location"]).json()["status"] == "succeeded"
        persons[name] = made.json()["personId"]
        faces = f"{PREVIEW}/persons/{persons[name]}/recognitionModels/recognition_04/persistedfaces"
        added = client.post(f"{faces}?detectionModel=detection_03", content=photo(f"Family1-{name}1"), headers=IMAGE)
        assert added.status_code == 202
        assert client.get(added.headers["location"]).json() == {"persistedFaceId": added.json()["persistedFaceId"]}
    dad, probe = persons["Dad"], largest_face(client, "Family1-Dad2")
    group = client.put(f"{PREVIEW}/dynamicpersongroups/ladies", json={"name": "x", "addPersonIds": [persons["Mom"]]})
    assert group.status_code == 202
    assert identified(client, probe, personIds=["*"]) == [dad]
    assert identified(client, probe, personIds=[persons["Mom"]]) == []
    assert identified(client, probe, dynamicPersonGroupId="ladies") == []
    verified = client.post("/face/v1.2/verify", json={"faceId": probe, "personId": dad}).json()
    assert verified["isIdentical"]
    assert client.delete(f"{PREVIEW}/persons/{dad}").status_code == 202
    assert identified(client, probe, personIds=["*"]) == []


def test_a_group_is_copied_by_a_snapshot(client: httpx.Client) -> None:
    group = "/face/v1.0/persongroups/source"
    client.put(group, json={"name": "g", "recognitionModel": "recognition_04"})
    person = client.post(f"{group}/persons", json={"name": "Dad"}).json()["personId"]
    faces = f"{group}/persons/{person}/persistedfaces?detectionModel=detection_03"
    assert client.post(faces, content=photo("Family1-Dad1"), headers=IMAGE).status_code == 200
    assert client.post(f"{group}/train").status_code == 202
    until(lambda: client.get(f"{group}/training").json()["status"] == "succeeded")
    taken = client.post(
        "/face/v1.0/snapshots", json={"type": "PersonGroup", "objectId": "source", "applyScope": [DEFAULT_SUBSCRIPTION]}
    )
    assert taken.status_code == 202
    operation = client.get("/face/v1.0" + taken.headers["operation-location"].split("/face/v1.0")[-1]).json()
    assert operation["status"] == "succeeded"
    applied = client.post(f"/face/v1.0{operation['resourceLocation']}/apply", json={"objectId": "copy"})
    assert applied.status_code == 202
    assert client.get("/face/v1.0/persongroups/copy/training").json()["status"] == "succeeded"
    assert identified(client, largest_face(client, "Family1-Dad2"), personGroupId="copy") == [person]
