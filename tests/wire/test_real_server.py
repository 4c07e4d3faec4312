"""What only a real server process shows: bytes that are not HTTP, upgrades, and real faces in the contract's schema."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import cv2
import httpx
import pytest
from tests.conftest import Server
from tests.hostile import drawn_face
from tests.shared import azure_photo
from tests.wire.test_contract import SCHEMAS, validator

from mien.contract.attributes import ATTRIBUTES_OF
from mien.contract.versions import BY_NAME
from mien.vision.attributes.registry import ESTIMATORS


def exchange(server: Server, sent: bytes) -> tuple[bytes, bytes]:
    """Send bytes on a fresh connection and return head and body of the answer."""
    address = urlsplit(server.endpoint)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80), timeout=30) as connection:
        connection.sendall(sent)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(65536)
    return head, body


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"hello\r\n\r\n"])
def test_what_is_not_http_gets_json_too(server: Server, garbage: bytes) -> None:
    head, body = exchange(server, garbage)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json; charset=utf-8" in head
    assert json.loads(body)["error"]["code"] == "BadRequest"


def test_an_offer_of_http_2_is_declined_without_losing_the_body(server: Server) -> None:
    image = bytes(cv2.imencode(".jpg", drawn_face())[1])
    lines = [
        "POST /face/v1.2/detect?returnFaceId=false HTTP/1.1",
        "Host: x",
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        f"Ocp-Apim-Subscription-Key: {server.key1}",
        "Content-Type: application/octet-stream",
        f"Content-Length: {len(image)}",
    ]
    head, body = exchange(server, "\r\n".join([*lines, "", ""]).encode() + image)
    assert head.startswith(b"HTTP/1.1 200 "), (head, body)
    assert isinstance(json.loads(body), list)


@pytest.mark.parametrize("version", SCHEMAS)
@pytest.mark.parametrize("model", ATTRIBUTES_OF)
def test_real_faces_fit_the_contract(version: str, model: str, server: Server) -> None:
    attributes = ATTRIBUTES_OF[model] & BY_NAME[version].attributes & set(ESTIMATORS)
    query = {"detectionModel": model, "recognitionModel": "recognition_04", "returnRecognitionModel": "true"}
    if model != "detection_02":
        query |= {"returnFaceLandmarks": "true", "returnFaceAttributes": ",".join(attributes)}
    check = validator(version, "DetectedFace", "FaceDetectionResult")
    headers = {"Content-Type": "application/octet-stream"}
    with server.client() as client:
        for photo, count in (("detection1", 1), ("identification1", 4)):
            image = azure_photo(photo).read_bytes()
            response = client.post(f"/face/{version}/detect", params=query, content=image, headers=headers)
            faces = response.json()
            assert len(faces) == count, response.text
            for face in faces:
                check.validate(face)
            areas = [face["faceRectangle"]["width"] * face["faceRectangle"]["height"] for face in faces]
            assert areas == sorted(areas, reverse=True)


def test_every_page_of_the_documentation_is_served_with_all_operations(server: Server) -> None:
    with httpx.Client(base_url=server.endpoint, timeout=60, trust_env=False) as browser:
        for version in BY_NAME:
            page = browser.get("/docs", params={"version": version})
            assert page.status_code == 200, version
            assert page.headers["content-type"].startswith("text/html")
            described = browser.get("/openapi.json", params={"version": version}).json()
            paths = described["paths"]
            assert "/detect" in paths
            assert all(f"/face/{version}{path}" in page.text for path in paths), version
