"""Liveness attempts on a real server process, judged for real: what they leave behind, many at once, a killed server.

The clients show a flat photo to the camera (`tests/liveness_robot.py`): none of them may pass.
"""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from azure.ai.vision.face import FaceSessionClient
from azure.ai.vision.face.models import (
    CreateLivenessWithVerifySessionContent,
    FaceDetectionModel,
    FaceRecognitionModel,
    LivenessOperationMode,
)
from azure.core.credentials import AzureKeyCredential
from tests.conftest import Server, StartServer
from tests.liveness_robot import Robot, robot_for
from tests.shared import azure_photo, has_shared

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore::DeprecationWarning:azure")]
SESSIONS = "/face/v1.3-preview.1/detectLiveness-sessions"
NEVER_REAL = {"spoofface", "uncertain"}


@pytest.fixture(scope="module")
def photo() -> bytes:
    return azure_photo("Family1-Dad1").read_bytes()


@pytest.fixture(scope="module")
def robot(server: Server) -> Robot:
    with server.client() as client:
        return robot_for(client, azure_photo("Family1-Dad2").read_bytes())


def create(client: httpx.Client, mode: str = "Passive", **more: Any) -> dict[str, Any]:
    body = {"livenessOperationMode": mode, "deviceCorrelationId": str(uuid4()), **more}
    made: dict[str, Any] = client.post(SESSIONS, json=body).json()
    return made


def newest(client: httpx.Client, session_id: str) -> dict[str, Any]:
    attempts = client.get(f"{SESSIONS}/{session_id}").json()["results"]["attempts"]
    attempt: dict[str, Any] = attempts[0]
    return attempt


def test_an_attempt_and_its_image(server: Server, robot: Robot, photo: bytes) -> None:
    credential = AzureKeyCredential(server.key1)
    with FaceSessionClient(server.endpoint, credential) as sessions:
        content = CreateLivenessWithVerifySessionContent(
            liveness_operation_mode=LivenessOperationMode.PASSIVE,
            device_correlation_id=str(uuid4()),
            enable_session_image=True,
            return_verify_image_hash=True,
        )
        made = sessions.create_liveness_with_verify_session(content, verify_image=photo)
        told = robot.run(made.auth_token)
        assert told["type"] == "result", told
        read = sessions.get_liveness_with_verify_session_result(made.session_id)
        assert (read.status, read.result is not None) == ("ResultAvailable", True)
        assert read.result is not None
        assert (read.result.digest, read.result.request_id) == (told["digest"], told["resultId"])
        body = read.result.response.body
        assert body.liveness_decision in {"spoofface", "uncertain"}  # a photo that does not answer the flashes
        assert body.verify_result is not None
        assert body.verify_result.is_identical  # another photo of the same man
        assert [entry.id for entry in sessions.get_liveness_with_verify_session_audit_entries(made.session_id)] == [1]
        assert read.result.session_image_id is not None
        image = b"".join(sessions.get_session_image(read.result.session_image_id))
        assert image.startswith(b"\xff\xd8")
        faces = sessions.detect_from_session_image(
            session_image_id=read.result.session_image_id,
            detection_model=FaceDetectionModel.DETECTION03,
            recognition_model=FaceRecognitionModel.RECOGNITION04,
            return_face_id=True,
        )
        # Beside the portrait that stands in, the stretched border looks like a face in one of fifteen frames.
        assert len(faces) == 1 or not has_shared("faces", "azure")
        assert faces[0].face_id  # the largest: the person


@pytest.mark.parametrize("count", [5, pytest.param(20, marks=pytest.mark.heavy)])
def test_many_at_once_all_end(server: Server, robot: Robot, count: int) -> None:
    with server.client() as client, ThreadPoolExecutor(count) as pool:
        made = [create(client) for _ in range(count)]
        robots = [Robot(robot.picture, fps=8, seed=100 * count + number) for number in range(count)]
        told = list(pool.map(lambda pair: pair[0].run(pair[1]["authToken"]), zip(robots, made, strict=True)))
        for session, last in zip(made, told, strict=True):
            attempt = newest(client, session["sessionId"])
            assert last["type"] == "result", last
            assert attempt["attemptStatus"] == "Succeeded"
            assert attempt["result"]["livenessDecision"] in NEVER_REAL
            assert attempt["result"]["digest"] == last["digest"]


def test_a_head_that_does_not_turn(server: Server, robot: Robot) -> None:
    with server.client() as client:
        session = create(client, "PassiveActive")
        told = Robot(robot.picture, fps=8, seed=7).run(session["authToken"])
        assert told["livenessError"] == "HeadTurnNotPerformed"
        assert newest(client, session["sessionId"])["error"]["code"] == "HeadTurnNotPerformed"
        again = Robot(robot.picture).run(session["authToken"])
        assert again["livenessError"] == "InvalidToken"  # this version allows one attempt unless told otherwise


def test_a_key_is_no_token(server: Server, robot: Robot) -> None:
    with server.client() as client:
        route = "/face/v1.2/detectLiveness/singleModal/attempts"
        refused = client.post(route, json={}, headers={"Authorization": f"Bearer {server.key1}"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "InvalidAuthToken")
        assert "must never reach a client" in refused.json()["error"]["innererror"]["details"]["hint"]
        session = create(client)
        token = session["authToken"]
        with httpx.Client(base_url=server.endpoint, trust_env=False) as stranger:
            for shown in ({"Ocp-Apim-Subscription-Key": token}, {"Authorization": f"Bearer {token}"}):
                mixed_up = stranger.get(f"{SESSIONS}/x", headers=shown)
                assert mixed_up.status_code == 401
                hint = mixed_up.json()["error"]["innererror"]["details"]["hint"]
                assert "authToken of a liveness session" in hint


def test_a_killed_server_leaves_no_attempt_running(
    start_real_server: StartServer, start_server: StartServer, robot: Robot
) -> None:
    first = start_real_server()  # its port is free as soon as it is killed
    with first.client() as client:
        session = create(client, numberOfClientAttemptsAllowed=2)
    begun = threading.Event()
    doomed = Robot(robot.picture, seed=1, challenged=begun)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(doomed.run, session["authToken"])
        assert begun.wait(60)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        assert running.exception(60) is not None
    port = str(urlsplit(first.endpoint).port)
    second = start_server("--port", port, data_dir=first.data_dir)
    with second.client() as client:
        assert newest(client, session["sessionId"])["attemptStatus"] == "Running"  # until its deadline
        told = Robot(robot.picture, seed=2).run(session["authToken"])
        assert told["type"] == "result", told
        found = client.get(f"{SESSIONS}/{session['sessionId']}").json()
        assert [entry["attemptStatus"] for entry in found["results"]["attempts"]] == ["Succeeded", "Canceled"]
        assert found["status"] == "Succeeded"
