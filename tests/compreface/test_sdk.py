"""`compreface-sdk` from the package index, unmodified, against a real server with real faces: only the URL is changed.

It needs an older urllib3 than this project has, so that it runs in a folder of packages of its own.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from tests.conftest import Server, StartServer
from tests.shared import azure_photo, shared_path

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(300)]

PROGRAM = """
import json, sys
from compreface import CompreFace
from compreface.service import DetectionService, RecognitionService, VerificationService

url, port, key, photos = sys.argv[1:]
photo = lambda name: f"{photos}/{name}.jpg"
face = CompreFace(url, port, {"limit": 0, "prediction_count": 1})
recognition = face.init_face_recognition(key)
collection, subjects = recognition.get_face_collection(), recognition.get_subjects()
told = {}
told["empty"] = [subjects.list(), collection.list(), recognition.recognize(photo("Family1-Dad2"))]
told["dad"] = collection.add(photo("Family1-Dad1"), "Dad")
told["mom"] = collection.add(image_path=photo("Family1-Mom1"), subject="Mom", options={"det_prob_threshold": 0.5})
told["blank"] = subjects.add("Nobody")
told["twice"] = subjects.add("Nobody")
told["subjects"] = subjects.list()
told["faces"] = collection.list()
more = {"prediction_count": 2, "face_plugins": "landmarks,mask"}
told["recognized"] = recognition.recognize(photo("Family1-Dad2"), more)
told["together"] = recognition.recognize(photo("identification1"), {"limit": 2})
told["second"] = recognition.recognize(photo("Family1-Mom2"))
told["verified"] = collection.verify(photo("Family1-Dad2"), told["dad"]["image_id"])
told["detected"] = face.init_face_detection(key).detect(photo("identification1"))
told["compared"] = face.init_face_verification(key).verify(photo("Family1-Dad1"), photo("Family1-Dad2"))
told["several"] = collection.add(photo("identification1"), "Everybody")
told["renamed"] = subjects.update("Dad", "Father")
told["after"] = subjects.list()
told["deleted"] = collection.delete(told["dad"]["image_id"])
told["gone"] = collection.delete(told["dad"]["image_id"])
told["all"] = collection.delete_all("Mom")
told["end"] = [subjects.delete_all(), subjects.list()]
told["key"] = CompreFace(url, port).init_face_recognition("wrong").get_subjects().list()
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
    wanted = ["compreface-sdk==0.6.0", "requests<2.32", "urllib3<2"]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True, timeout=200, check=False)
    if done.returncode:
        pytest.skip(f"pip cannot install compreface-sdk: {done.stderr[-300:]}")
    return folder


@pytest.fixture(scope="module")
def dialect(start_server: StartServer) -> Server:
    return start_server(compreface="true")


@pytest.fixture(scope="module")
def told(packages: Path, dialect: Server) -> dict[str, Any]:
    """What the SDK was told, call by call."""
    url, _, port = dialect.endpoint.rpartition(":")
    photos = shared_path("faces", "azure")
    command = [sys.executable, "-c", PROGRAM, url, port, dialect.key1, str(photos)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_subjects_and_examples(told: dict[str, Any]) -> None:
    nobody, none, unknown = told["empty"]
    assert nobody == {"subjects": []}
    assert none == {"faces": [], "page_number": 0, "page_size": 20, "total_pages": 0, "total_elements": 0}
    assert unknown["result"][0]["subjects"] == []
    assert set(told["dad"]) == {"image_id", "subject"}
    assert told["subjects"] == {"subjects": ["Dad", "Mom", "Nobody"]}
    assert told["twice"]["code"] == 26
    assert [face["subject"] for face in told["faces"]["faces"]] == ["Dad", "Mom"]
    assert told["renamed"] == {"updated": True}
    assert told["after"] == {"subjects": ["Father", "Mom", "Nobody"]}
    assert told["deleted"] == {"image_id": told["dad"]["image_id"], "subject": "Father"}
    assert told["gone"]["code"] == 11
    assert told["all"] == {"deleted": 1}
    assert told["end"] == [{"deleted": 1}, {"subjects": []}]
    assert told["key"]["code"] == 10


def test_faces_are_recognised_at_once(told: dict[str, Any]) -> None:
    (face,) = told["recognized"]["result"]
    assert [one["subject"] for one in face["subjects"]] == ["Dad", "Mom"]
    assert face["subjects"][0]["similarity"] >= 0.5 > face["subjects"][1]["similarity"]
    assert len(face["landmarks"]) == 5
    assert face["mask"]["value"] == "without_mask"
    assert 0 <= face["box"]["x_min"] < face["box"]["x_max"]
    assert 0 < face["box"]["probability"] <= 1
    assert len(told["together"]["result"]) == 2
    assert told["second"]["result"][0]["subjects"][0]["subject"] == "Mom"
    assert told["verified"]["result"][0]["similarity"] >= 0.5
    assert len(told["detected"]["result"]) == 4
    assert "subjects" not in told["detected"]["result"][0]
    (compared,) = told["compared"]["result"]
    assert compared["face_matches"][0]["similarity"] >= 0.5
    assert "box" in compared["source_image_face"]
    assert told["several"]["code"] == 31


def test_requests_of_double_take_and_of_the_documentation(dialect: Server, told: dict[str, Any]) -> None:
    photo = azure_photo("Family1-Dad1").read_bytes()
    with httpx.Client(base_url=dialect.endpoint, headers={"x-api-key": dialect.key2}, trust_env=False) as client:
        added = client.post("/api/v1/recognition/faces", params={"subject": "bill"}, files={"file": ("a.jpg", photo)})
        assert added.status_code == 201
        recognised = client.post(
            "/api/v1/recognition/recognize",
            params={"det_prob_threshold": 0.8},
            files={"file": ("b.jpg", azure_photo("Family1-Dad2").read_bytes())},
        ).json()
        (face,) = recognised["result"]
        assert face["subjects"][0]["subject"] == "bill"
        empty = client.post("/api/v1/recognition/recognize", files={"file": ("c.jpg", blank())})
        assert (empty.status_code, empty.json()["code"]) == (400, 28)
        missing = client.post("/api/v1/recognition/faces", files={"file": ("a.jpg", photo)})
        assert (missing.status_code, missing.json()["code"]) == (400, 33)
        listed = client.get("/api/v1/recognition/subjects/")
        assert listed.json() == {"subjects": ["bill"]}
        own = {"Ocp-Apim-Subscription-Key": dialect.key1}
        group = client.get("/face/v1.2/largepersongroups/compreface/persons", headers=own)
        assert [person["name"] for person in group.json()] == ["bill"]
        several = client.post("/api/v1/recognition/faces/delete", json=[added.json()["image_id"]])
        assert several.json() == [{"image_id": added.json()["image_id"], "subject": "bill"}]
        assert client.get("/api/v1/recognition/subjects").json() == {"subjects": []}
        odd = "/api/v1/recognition/subjects/Anna%20M%C3%BCller%2FX"
        assert client.post("/api/v1/recognition/subjects", json={"subject": "Anna Müller/X"}).status_code == 201
        assert client.put(odd, json={"subject": "Anna"}).json() == {"updated": True}
        assert client.delete("/api/v1/recognition/subjects/Anna").json() == {"subject": "Anna"}
        gone = client.delete(odd)
        assert (gone.status_code, gone.json()["message"]) == (404, "Subject is not found")
        nobody = httpx.get(f"{dialect.endpoint}/api/v1/recognition/subjects", trust_env=False)
        assert nobody.status_code == 401
        assert "x-api-key" in nobody.json()["message"]
        unknown = client.get("/api/v1/recognition/nothing")
        assert (unknown.status_code, set(unknown.json())) == (404, {"message", "code"})


def test_it_is_off_by_default(server: Server) -> None:
    with server.client() as client:
        assert client.get("/api/v1/recognition/subjects", headers={"x-api-key": server.key1}).status_code == 404


def blank() -> bytes:
    """A photo of nobody."""
    pixels = np.random.default_rng(1).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
