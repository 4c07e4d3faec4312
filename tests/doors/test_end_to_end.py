"""A server with a camera, from the stream to the panel: the real recogniser, a real database, OSDP, and the record."""

from __future__ import annotations

import os
import pty
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from tests.conftest import Server, StartServer
from tests.doors.test_osdp import CARD, KEY, Line, panel
from tests.local_server import serving
from tests.shared import azure_photo
from tests.video.clips import photo_walks_up

from mien.doors.actuators.cards import card_bytes

pytestmark = [pytest.mark.shared, pytest.mark.heavy, pytest.mark.timeout(280)]
pytest.importorskip("osdp", reason="needs libosdp (mien[video])")
PATIENCE = 150.0


@pytest.fixture
def line() -> Iterator[Line]:
    panel_end, reader_end = pty.openpty()
    os.set_blocking(panel_end, False)
    yield Line(panel_end, os.ttyname(reader_end))
    os.close(panel_end)
    os.close(reader_end)


@pytest.fixture
def begin() -> threading.Event:
    """Set when somebody is to walk up."""
    return threading.Event()


@pytest.fixture
def stream(tmp_path: Path, begin: threading.Event) -> Iterator[str]:
    """A Motion JPEG stream of a wall, before which somebody walks up again and again once they are to."""
    clip = cv2.VideoCapture(str(photo_walks_up(tmp_path / "walk.mp4", azure_photo("Family1-Dad3"))))
    frames = []
    while (read := clip.read())[0]:
        frames.append(cv2.imencode(".jpg", read[1])[1].tobytes())
    clip.release()
    wall = cv2.imencode(".jpg", np.full((480, 640, 3), 120, np.uint8))[1].tobytes()
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            try:
                while not ended.is_set():
                    for frame in [*frames, *frames[-1:] * 20, *[wall] * 20] if begin.is_set() else [wall]:
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame)}\r\n\r\n"
                        self.wfile.write(head.encode() + frame + b"\r\n")
                        if ended.wait(0.1):
                            return
            except OSError:
                return

        def log_message(self, *arguments: object) -> None:
            return

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}/video.mjpg"
        ended.set()


def wait(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)
    return found


def enrol(server: Server) -> str:
    with server.client() as client:
        group = "/face/v1.2/largepersongroups/staff"
        made = client.put(group, json={"name": "Staff", "recognitionModel": "recognition_04"})
        assert made.status_code == 200, made.text
        ids = {}
        for name, photos in (("Dad", ("Family1-Dad1", "Family1-Dad2")), ("Mom", ("Family1-Mom1", "Family1-Mom2"))):
            ids[name] = client.post(f"{group}/persons", json={"name": name}).json()["personId"]
            for photo in photos:
                added = client.post(
                    f"{group}/persons/{ids[name]}/persistedfaces?detectionModel=detection_03",
                    content=azure_photo(photo).read_bytes(),
                    headers={"Content-Type": "application/octet-stream"},
                )
                assert added.status_code == 200, added.text
        assert client.post(f"{group}/train").status_code == 202
        wait(lambda: client.get(f"{group}/training").json()["status"] == "succeeded")
        return str(ids["Dad"])


def test_somebody_walks_up_and_the_panel_gets_their_card(
    start_server: StartServer, line: Line, stream: str, begin: threading.Event
) -> None:
    server = start_server()
    dad = enrol(server)
    headers = {"Authorization": f"Bearer {server.admin_token}"}
    base = f"{server.management}/mien/v1/resources/dev"
    with httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False) as client:
        actuator = {"kind": "osdp", "port": line.port, "key": KEY, "baud": 115200}
        body = {"name": "Front", "actuator": actuator, "decisionSeconds": 10, "quality": "low", "facePx": 48}
        door = client.post("/doors", json=body).json()["id"]
        week = {"days": [0, 1, 2, 3, 4, 5, 6], "start": 0, "end": 1440}
        rule = {"name": "Staff", "doors": [door], "groups": ["largePersonGroup/staff"], "schedule": [week]}
        assert client.post("/door-rules", json={**rule, "liveness": False}).status_code == 201
        person = {"place": "largePersonGroup/staff", "personId": dad}
        badge = {**person, "number": CARD.number, "facility": CARD.facility}
        assert client.post("/door-badges", json=badge).status_code == 201
        camera = {"name": "Lobby", "source": stream, "door": door, "groups": ["largePersonGroup/staff"]}
        assert client.post("/cameras", json=camera).status_code == 201
        wait(lambda: [one for one in client.get("/door-events").json()["value"] if one["code"] == "connected"])
        with panel(line) as cp:
            wait(lambda: cp.is_sc_active(0))
            begin.set()
            card = cp.get_event(0, PATIENCE)
            assert card is not None, client.get("/door-events").text + server.log.read_text()[-3000:]
            assert bytes(card["data"]) == card_bytes(CARD)[1]
            found = client.get("/door-events", params={"granted": "true"}).json()["value"][-1]
            assert (found["person"], found["door"], found["camera"]) == ("Dad", "Front", "Lobby")
            assert found["frames"] >= 3
            wait(lambda: client.get(f"/door-events/{found['number']}").json()["actuator"] == "done")
        assert stream not in server.log.read_text()
