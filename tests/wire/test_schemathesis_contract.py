"""Requests made from the contract's own OpenAPI documents against a real server: no 5xx, nothing undocumented."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.generation import GenerationMode
from tests.conftest import Server
from tests.examples import examples
from tests.shared import azure_photo
from tests.wire.test_contract import contract

from mien.contract.versions import V1_0, V1_2, V1_2_PREVIEW

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
NOT_SERVED = re.compile(r"#overload")
STRICT = [*CHECKS, content_type_conformance, response_headers_conformance]
SEEN: Counter[int] = Counter()
BODIES = {
    "/verify": "faceId1 faceId2",
    "/identify": "faceIds",
    "/findsimilars": "faceId faceIds faceListId largeFaceListId",
    "/group": "faceIds",
}


@pytest.fixture(scope="module")
def enrolled(server: Server) -> dict[str, Any]:
    """Ids of what there is on the server, under the names that the documents have for them."""
    photo = azure_photo("Family1-Dad1").read_bytes()
    binary = {"Content-Type": "application/octet-stream"}
    models = {"recognitionModel": "recognition_04", "detectionModel": "detection_03"}
    there: dict[str, Any] = {}
    with server.client() as client:
        for name in ("faceList", "largeFaceList", "personGroup", "largePersonGroup"):
            url = f"/face/v1.2/{name.lower()}s/here"
            made = client.put(url, json={"name": "here", "recognitionModel": "recognition_04"})
            assert made.status_code in {200, 409}
            there[f"{name}Id"] = "here"
            if name.endswith("Group"):
                there["personId"] = client.post(f"{url}/persons", json={"name": "Dad"}).json()["personId"]
                url += f"/persons/{there['personId']}"
            added = client.post(f"{url}/persistedfaces", content=photo, headers=binary)
            there["persistedFaceId"] = added.json()["persistedFaceId"]
            if name != "faceList":
                collection = f"/face/v1.2/{name.lower()}s/here"
                client.post(f"{collection}/train")
                while client.get(f"{collection}/training").json()["status"] != "succeeded":
                    time.sleep(0.05)
        found = client.post("/face/v1.2/detect", params=models, content=photo, headers=binary).json()
    face_id = found[0]["faceId"]
    return {**there, "faceId": face_id, "faceId1": face_id, "faceId2": face_id, "faceIds": [face_id, face_id]}


@cache
def schema_of(version: str) -> Any:
    """The contract's document, read once for all of its operations."""
    return schemathesis.openapi.from_dict(contract("openapi", version, "Face.json"))


def served(version: str) -> Iterator[tuple[str, str]]:
    """Method and path of what the contract and this server both have."""
    try:
        paths = contract("openapi", version, "Face.json")["paths"]
    except pytest.skip.Exception:
        return
    for path, methods in paths.items():
        if not NOT_SERVED.search(path):
            yield from ((method.upper(), path) for method in methods if method != "parameters")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "method", "path"),
    [
        pytest.param(version, *call, marks=[pytest.mark.heavy] if version == V1_0.name else [])
        for version in (V1_0.name, V1_2.name)
        for call in served(version)
    ],
)
def test_calls(version: str, method: str, path: str, server: Server, enrolled: dict[str, Any]) -> None:
    operation = schema_of(version)[path][method]
    cases = operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE)
    headers = {"Ocp-Apim-Subscription-Key": server.key1}

    @examples(8, *HealthCheck)
    @given(case=cases, known=st.sampled_from([True, True, False]))
    def run(case: Any, known: bool) -> None:
        if known and method != "DELETE":  # what is there stays there for the others
            names = set(case.path_parameters or ())
            case.path_parameters = {name: enrolled.get(name, case.path_parameters[name]) for name in names}
            if isinstance(case.body, dict):
                case.body |= {name: enrolled[name] for name in BODIES.get(path, "").split() if name in case.body}
        response = case.call(base_url=f"{server.endpoint}/face/{version}", headers=headers)
        case.validate_response(response, checks=CHECKS)
        SEEN[response.status_code] += 1

    run()


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [V1_0.name, V1_2_PREVIEW.name])
def test_our_own_document_tells_the_truth(version: str, server: Server, enrolled: dict[str, Any]) -> None:
    with server.client() as client:
        document = client.get(f"/openapi.json?version={version}").json()
    headers = {"Ocp-Apim-Subscription-Key": server.key1}
    schema = schemathesis.openapi.from_dict(document)
    for path, methods in document["paths"].items():
        for method in methods:
            operation = schema[path][method.upper()]

            @examples(3, *HealthCheck)
            @given(case=operation.as_strategy(GenerationMode.POSITIVE))
            def run(case: Any) -> None:
                if case.method.upper() != "DELETE":
                    given_names = case.path_parameters or {}
                    case.path_parameters = {name: enrolled.get(name, value) for name, value in given_names.items()}
                response = case.call(base_url=f"{server.endpoint}/face/{version}", headers=headers)
                case.validate_response(response, checks=STRICT)

            run()


def test_the_calls_went_deep() -> None:
    if sum(SEEN.values()) < 500:
        pytest.skip("needs the tests above to have run")
    assert {200, 202, 400, 404} <= set(SEEN)
    assert SEEN[200] > 50
    assert max(SEEN) < 500, SEEN


def test_the_server_is_still_well(server: Server) -> None:
    assert httpx.get(f"{server.endpoint}/status", trust_env=False).status_code == 200
    assert "request failed" not in server.log.read_text("utf-8")
