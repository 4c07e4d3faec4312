"""Two thousand files that are meant to break an image service, over HTTP, to a real server process."""

from __future__ import annotations

import itertools

import cv2
import httpx
import pytest
from tests.conftest import Server
from tests.hostile import drawn_face, hostile_inputs

from mien.contract.catalogue import ROWS

ALLOWED = {(row.status, row.code, row.message) for row in ROWS if row.code in {"InvalidImage", "InvalidImageSize"}}


@pytest.mark.timeout(900)  # two thousand decodes, on machines that do other things too
@pytest.mark.parametrize("step", [20, pytest.param(1, marks=pytest.mark.heavy)])
def test_only_faces_or_catalogue_errors_and_the_server_still_answers(server: Server, step: int) -> None:
    """The short form sends every twentieth file; tests/vision/test_hostile.py decodes all of them without a server."""
    good = bytes(cv2.imencode(".jpg", drawn_face())[1])
    headers = {"Content-Type": "application/octet-stream"}
    answers: dict[int, int] = {}
    with server.client() as client:
        for name, data in itertools.islice(hostile_inputs(), 0, None, step):
            response = client.post("/face/v1.2/detect?returnFaceId=false", content=data, headers=headers)
            answers[response.status_code] = answers.get(response.status_code, 0) + 1
            if response.status_code == 200:
                assert isinstance(response.json(), list), name
            else:
                error = response.json()["error"]
                assert (response.status_code, error["code"], error["message"]) in ALLOWED, (name, response.text)
        assert sum(answers.values()) >= 2000 // step
        assert answers[400] > 500 // step
        assert client.post("/face/v1.2/detect", content=good, headers=headers).status_code == 200
    assert server.process.poll() is None


def test_bodies_that_nobody_reads_do_not_stop_the_connection(server: Server) -> None:
    with server.client() as client:
        for path, body in (("detect", bytes(30_000_000)), ("nowhere", bytes(3_000_000)), ("detect?x=1", b"")):
            response = client.post(f"/face/v1.2/{path}", content=body)
            assert response.status_code in {404, 415}
        for body in (b"", bytes(6_500_000), bytes(40_000_000)):
            response = client.post(
                "/face/v1.2/detect", content=body, headers={"Content-Type": "application/octet-stream"}
            )
            assert response.json()["error"]["code"] == "InvalidImageSize"
        assert client.get("/status").status_code == httpx.codes.OK


def test_a_websocket_where_there_is_none_is_answered_as_any_call(server: Server) -> None:
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    with server.client() as client:
        for path, status in (("facelists", 200), ("detect", 404), ("nowhere", 404)):
            response = client.get(f"/face/v1.2/{path}", headers=handshake)
            assert (response.status_code, response.headers["content-type"]) == (
                status,
                "application/json; charset=utf-8",
            )
            answer = response.json()
            assert isinstance(answer, list) if status == 200 else answer["error"]["code"] == "404"
            assert response.headers["apim-request-id"]
