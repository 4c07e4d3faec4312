"""An application files matches of real faces at a real server, two people answer, the application reads the result."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from tests.conftest import Server
from tests.shared import azure_photo
from tests.waiting import until

pytestmark = [pytest.mark.shared, pytest.mark.timeout(280)]

RAW = {"Content-Type": "application/octet-stream"}
GROUP = "/face/v1.2/largepersongroups/filed"
PERSONS = "/face/v1.2-preview.1/persons"
MODELS = "detectionModel=detection_03&recognitionModel=recognition_04"


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def photo(name: str) -> bytes:
    return azure_photo(name).read_bytes()


def face_of(client: httpx.Client, name: str) -> str:
    found = client.post(f"/face/v1.2/detect?{MODELS}", content=photo(name), headers=RAW).raise_for_status().json()
    return str(found[0]["faceId"])


def decide(server: Server, case: str, person: str) -> None:
    """Two people choose a person in the control plane."""
    with httpx.Client(
        base_url=server.management, headers={"Authorization": f"Bearer {server.admin_token}"}, trust_env=False
    ) as admin:
        for _ in range(2):
            wanted = {"name": f"reviewer-{uuid4()}", "role": "reviewer"}
            token = admin.post("/mien/v1/admin-tokens", json=wanted).raise_for_status().json()["token"]
            path = f"/mien/v1/resources/dev/reviews/{case}"
            reviewer = {"Authorization": f"Bearer {token}"}
            seen = admin.get(path, headers=reviewer).raise_for_status().json()
            assert {one["confidence"] for one in seen["candidates"]} == {None}
            number = next(one["number"] for one in seen["candidates"] if one["personId"] == person)
            admin.post(f"{path}/answers", json={"chosen": number}, headers=reviewer).raise_for_status()
        faults = admin.get("/mien/v1/resources/dev/reviews/faults").raise_for_status().json()["value"]
        assert [one for one in faults if case in one] == []


def test_a_match_in_a_group(server: Server, client: httpx.Client) -> None:
    client.put(GROUP, json={"name": "Filed", "recognitionModel": "recognition_04"}).raise_for_status()
    for name in ("Dad", "Mom"):
        made = client.post(f"{GROUP}/persons", json={"name": name}).raise_for_status().json()["personId"]
        url = f"{GROUP}/persons/{made}/persistedfaces?detectionModel=detection_03"
        client.post(url, content=photo(f"Family1-{name}1"), headers=RAW).raise_for_status()
    client.post(f"{GROUP}/train").raise_for_status()
    probe = face_of(client, "Family1-Dad2")
    query = {"largePersonGroupId": "filed", "faceIds": [probe], "confidenceThreshold": 0.0}
    until(lambda: client.get(f"{GROUP}/training").raise_for_status().json()["status"] == "succeeded")
    candidates = client.post("/face/v1.2/identify", json=query).raise_for_status().json()[0]["candidates"]
    body = {
        "collection": "largePersonGroup/filed",
        "faceId": probe,
        "candidates": candidates,
        "picture": base64.b64encode(photo("Family1-Dad2")).decode(),
        "purpose": "front door",
    }
    wrong = client.put(
        f"/mien/v1/reviews/{uuid4()}", json={**body, "picture": base64.b64encode(photo("Family1-Mom2")).decode()}
    )
    assert (wrong.status_code, "picture" in wrong.text) == (400, True), wrong.text
    case = str(uuid4())
    filed = client.put(f"/mien/v1/reviews/{case}", json=body)
    assert filed.status_code == 201, filed.text
    assert client.put(f"/mien/v1/reviews/{case}", json=body).status_code == 200
    decide(server, case, candidates[0]["personId"])
    done = client.get(f"/mien/v1/reviews/{case}").raise_for_status().json()
    assert (done["counts"], done["personId"]) == (True, candidates[0]["personId"])
    compared = {one["personId"]: one["confidence"] for one in done["candidates"]}
    assert compared == pytest.approx({one["personId"]: one["confidence"] for one in candidates}, abs=1e-4)
    assert case in [one["id"] for one in client.get("/mien/v1/reviews", params={"faceId": probe}).json()["value"]]
    client.delete(GROUP).raise_for_status()
    assert client.get(f"/mien/v1/reviews/{case}").status_code == 404, "a case goes with its group"


def test_a_verification_in_the_person_directory(server: Server, client: httpx.Client) -> None:
    made = client.post(PERSONS, json={"name": "Dad"}).raise_for_status()
    person = made.json()["personId"]
    faces = f"{PERSONS}/{person}/recognitionModels/recognition_04/persistedfaces?detectionModel=detection_03"
    client.post(faces, content=photo("Family1-Dad1"), headers=RAW).raise_for_status()
    probe = face_of(client, "Family1-Dad3")
    verified = client.post("/face/v1.2-preview.1/verify", json={"faceId": probe, "personId": person})
    case = str(uuid4())
    body = {
        "collection": "directory",
        "faceId": probe,
        "candidates": [{"personId": person, "confidence": verified.raise_for_status().json()["confidence"]}],
    }
    filed = client.put(f"/mien/v1/reviews/{case}", json=body)
    assert (filed.status_code, filed.json().get("collection")) == (201, "directory"), filed.text
    decide(server, case, person)
    assert client.get(f"/mien/v1/reviews/{case}").json()["counts"]
    client.delete(f"{PERSONS}/{person}").raise_for_status()
    assert client.get(f"/mien/v1/reviews/{case}").json()["personId"] is None
