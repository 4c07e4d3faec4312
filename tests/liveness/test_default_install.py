"""A real server with the packs of a default install: people pass passively, attacks do not, nobody honest is flagged.

The challenges are all drawn from one nonce (a setting for tests), so that answers can be cut from films ahead.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.conftest import Server, StartServer
from tests.liveness.render import Kind, render
from tests.liveness.videos import REAL, REPLAYED, attempt, footage
from tests.liveness_robot import Robot
from tests.shared import azure_photo, shared_path

from mien.liveness.challenge import Challenge
from mien.liveness.types import Mode, TimedFrame
from mien.models.errors import PackFetchError
from mien.models.store import ModelStore, default_root

pytestmark = [pytest.mark.timeout(480), pytest.mark.shared]

NONCE = bytes(range(64, 96))
PASSIVE = Challenge.draw(NONCE, Mode.PASSIVE)
SESSIONS = "/face/v1.3-preview.1/detectLiveness-sessions"


@pytest.fixture(scope="module")
def server(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Server:
    try:
        ModelStore().ensure()
    except PackFetchError as problem:
        pytest.skip(str(problem))
    root = tmp_path_factory.mktemp("models")
    (root / "networks").mkdir()
    for path in (default_root() / "networks").glob("*"):
        if not path.name.startswith("minifasnet"):
            (root / "networks" / path.name).symlink_to(path)
    return start_server(liveness_test_nonce=NONCE.hex(), model_dir=str(root), liveness_networks="fr-liveness")


def robot(frames: list[TimedFrame], seed: int) -> Robot:
    first = cv2.imdecode(np.frombuffer(frames[0].image, np.uint8), cv2.IMREAD_COLOR)
    assert first is not None
    jpegs = tuple((frame.time_ms, frame.image) for frame in frames if isinstance(frame.image, bytes))
    return Robot(np.asarray(first, np.uint8), seed=seed, clip=jpegs)


def run(server: Server, frames: list[TimedFrame], device: str, seed: int) -> dict[str, Any]:
    """Go through a session; returns its only attempt."""
    body = {"livenessOperationMode": "Passive", "deviceCorrelationId": device}
    with server.client() as client:
        session = client.post(SESSIONS, json=body).json()
        robot(frames, seed).run(session["authToken"])
        (found,) = client.get(f"{SESSIONS}/{session['sessionId']}").json()["results"]["attempts"]
    attempt: dict[str, Any] = found
    return attempt


def test_five_people_in_a_row_pass_and_are_never_flagged(server: Server) -> None:
    shown = footage(shared_path("pad", "clips", "real.mp4"), *REAL)
    clips = [attempt(shown, PASSIVE, PASSIVE, reflection=0.08 + 0.03 * seed, seed=seed) for seed in range(5)]
    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(lambda seed: run(server, clips[seed], "the same device", seed), range(5)))
    for one in found:
        assert one["result"]["livenessDecision"] == "realface", one
        assert one["abuseMonitoringResult"]["isAbuseDetected"] is False


def test_a_replay_is_an_attack_and_a_photo_no_real_face(server: Server, tmp_path: Path) -> None:
    from tests.liveness.photos import head_in_photo  # noqa: PLC0415  # it loads networks

    shown = footage(shared_path("pad", "clips", "screen-replay.mp4"), *REPLAYED)
    replay = attempt(shown, PASSIVE, PASSIVE, reflection=0.1, seed=1)
    photo = render(Kind.PRINT_STILL, head_in_photo(azure_photo("Family2-Man2")), PASSIVE, seed=1)
    assert run(server, replay, "a screen", 7)["result"]["livenessDecision"] == "spoofface"
    answer = run(server, photo, "a print", 8)
    assert answer.get("result", {}).get("livenessDecision") != "realface", answer
