"""Behind a real reverse proxy, below a base path: every address in an answer leads back through the proxy."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from azure.ai.vision.face import FaceAdministrationClient
from azure.core.credentials import AzureKeyCredential
from tests.conftest import Server, StartServer
from tests.reverse_proxy import FORWARDED, X_FORWARDED, nginx
from tests.shared import azure_photo

PERSON = "/face/v1.2-preview.1/persons"


@pytest.fixture(scope="module")
def trusting(start_server: StartServer) -> Server:
    return start_server(trusted_proxies="127.0.0.1")


@pytest.fixture(scope="module", params=[X_FORWARDED, FORWARDED], ids=["x-forwarded", "forwarded"])
def proxied(
    request: pytest.FixtureRequest, trusting: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("nginx")
    with nginx(folder, trusting.endpoint, trusting.management, request.param) as url:
        yield url


def test_addresses_carry_the_base_path(proxied: str, trusting: Server) -> None:
    endpoint = f"{proxied}/mien"
    with httpx.Client(headers={"Ocp-Apim-Subscription-Key": trusting.key1}, timeout=60, trust_env=False) as client:
        made = client.post(f"{endpoint}{PERSON}", json={"name": "Anna"})
        assert made.headers["location"].startswith(f"{endpoint}{PERSON}/")
        assert made.headers["operation-location"].startswith(f"{endpoint}/face/v1.2-preview.1/operations/")
        assert client.get(made.headers["location"]).json()["name"] == "Anna"
        assert client.get(made.headers["operation-location"]).json()["status"] == "succeeded"
        wanted = {"livenessOperationMode": "Passive", "deviceCorrelationId": str(uuid4())}
        session = client.post(f"{endpoint}/face/v1.2/detectLiveness-sessions", json=wanted).json()
        claims = json.loads(base64.urlsafe_b64decode(session["authToken"].split(".")[1] + "=="))
        assert claims["endpoint"] == proxied
        assert claims["route"] == "/mien/face/v1.2/detectLiveness/singleModal"
        channel = httpx.URL(claims["endpoint"]).join(claims["route"])
        refused = client.post(f"{channel}/attempts", headers={"Authorization": "Bearer x"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "InvalidRequestBody")  # not 404
        wrong = client.post(f"{endpoint}/face/v1.2/face/v1.2/detect").json()["error"]
        assert f"Configure the endpoint {endpoint} without" in wrong["innererror"]["details"]["hint"]
        assert client.get(f"{endpoint}/openapi.json").json()["servers"] == [{"url": "/mien/face/v1.2"}]
        assert 'href="/mien/docs/errors"' in client.get(f"{endpoint}/docs").text
        assert 'src="/mien/liveness/demo/demo.js"' in client.get(f"{endpoint}/liveness/demo").text


def test_the_sdk_polls_training_through_the_proxy(proxied: str, trusting: Server) -> None:
    group_id = uuid4().hex
    with FaceAdministrationClient(f"{proxied}/mien", AzureKeyCredential(trusting.key1)) as administration:
        groups = administration.large_person_group
        groups.create(group_id, name="Family", recognition_model="recognition_04")
        person = groups.create_person(group_id, name="Dad").person_id
        photo = io.BytesIO(azure_photo("Family1-Dad1").read_bytes()).read()
        groups.add_face(group_id, person, photo, detection_model="detection_03")
        groups.begin_train(group_id, polling_interval=0.1).result()
        assert groups.get_training_status(group_id).status == "succeeded"
        groups.delete(group_id)


def test_strangers_prefixes_are_not_believed(server: Server) -> None:
    forged = {"X-Forwarded-Prefix": "/evil", "Forwarded": 'host="evil.test";proto=https'}
    with server.client() as client:
        made = client.post(PERSON, json={"name": "Anna"}, headers=forged)
        assert made.headers["location"].startswith(f"{server.endpoint}{PERSON}/")
        assert client.delete(made.headers["location"]).status_code == 202
