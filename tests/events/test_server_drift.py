"""A real server whose callers' photos become blurred: counted, found, told by command, control plane and alert."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from sqlalchemy import delete, func, select, update
from tests.conftest import Server, StartServer, stop
from tests.shared import azure_photo
from typer.testing import CliRunner

from mien.cli._main import build
from mien.services import Services, open_services
from mien.settings import Settings
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import DriftCountRow, DriftStateRow

pytestmark = [pytest.mark.shared, pytest.mark.timeout(600), pytest.mark.heavy]

PEOPLE = ("Family1-Mom", "Family1-Dad", "Family1-Son", "Family1-Daughter")
GROUP = "/face/v1.2/largepersongroups/family"
A_DAY = 8
IMAGE = {"Content-Type": "application/octet-stream"}


def photo(name: str, blur: float, seed: int) -> bytes:
    """A photo as a camera sends it that day: a little noise, and blurred when its lens is dirty."""
    pixels = np.asarray(cv2.imread(str(azure_photo(name))), np.float32)
    pixels += np.random.default_rng(seed).normal(0, 6, pixels.shape).astype(np.float32)
    soft = cv2.GaussianBlur(pixels, (0, 0), blur) if blur else pixels
    done, data = cv2.imencode(".jpg", np.clip(soft, 0, 255).astype(np.uint8))
    assert done
    return np.asarray(data).tobytes()


def detect(client: httpx.Client, image: bytes) -> list[dict[str, Any]]:
    answer = client.post("/face/v1.2/detect?recognitionModel=recognition_04", content=image, headers=IMAGE)
    return list(answer.raise_for_status().json())


def enrol(client: httpx.Client) -> None:
    client.put(GROUP, json={"name": "Family", "recognitionModel": "recognition_04"}).raise_for_status()
    for name in PEOPLE:
        made = client.post(f"{GROUP}/persons", json={"name": name}).raise_for_status().json()
        added = client.post(
            f"{GROUP}/persons/{made['personId']}/persistedfaces", content=photo(f"{name}1", 0, 1), headers=IMAGE
        )
        added.raise_for_status()
    client.post(f"{GROUP}/train").raise_for_status()
    deadline = time.monotonic() + 120
    while client.get(f"{GROUP}/training").json()["status"] != "succeeded":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def a_day(client: httpx.Client, number: int, blur: float) -> None:
    """Eight photos and one identification of their faces, so far as faces are found."""
    found = []
    for shot in range(A_DAY):
        name = f"{PEOPLE[shot % len(PEOPLE)]}2"
        found += [one["faceId"] for one in detect(client, photo(name, blur, 100 * number + shot))[:1]]
    if found:
        asked = {"faceIds": found, "largePersonGroupId": "family"}
        client.post("/face/v1.2/identify", json=asked).raise_for_status()


def moved_to(services: Services, day: int, filled: Sequence[int]) -> bool:
    """Wait until the day's images are counted, and let them have been counted on an earlier day, the next to fill.

    Returns:
        Whether that was done: counts of two days, before and after midnight, are removed instead.
    """
    deadline = time.monotonic() + 120
    now = DriftCountRow.day.not_in(filled)
    images = select(func.sum(DriftCountRow.count)).where(DriftCountRow.series == "unread", now)
    scores = select(func.sum(DriftCountRow.count)).where(DriftCountRow.series == "topScore", now)
    faces = select(func.sum(DriftCountRow.count)).where(DriftCountRow.series == "quality", now)
    while True:
        with services.database.read(EVERY_RESOURCE) as session:
            counted = [session.scalar(query) or 0 for query in (images, scores, faces)]
        if counted[0] == A_DAY and counted[1] == counted[2]:
            break
        assert time.monotonic() < deadline, counted
        time.sleep(0.05)
    with services.database.write(EVERY_RESOURCE) as session:
        if len(session.scalars(select(DriftCountRow.day).where(now).distinct()).all()) > 1:
            session.execute(delete(DriftCountRow).where(now))
            return False
        session.execute(update(DriftCountRow).where(now).values(day=day).execution_options(synchronize_session=False))
    return True


@pytest.fixture(scope="module")
def blurred(start_server: StartServer) -> tuple[Server, datetime]:
    """A server after four weeks of sharp photos and a last full week of blurred ones, started anew.

    On a Sunday this week's photos are blurred as well: after midnight it is the last full week.
    """
    server = start_server(metrics_seconds="0.2", alert_seconds="1", drift="true")
    now = datetime.now(UTC)
    monday = now - timedelta(days=now.weekday() + 7)
    first = int(monday.timestamp()) // 86_400 - 28
    days = range(first, first + (42 if now.weekday() == 6 else 35))
    services = open_services(Settings(data_dir=server.data_dir))
    with server.client() as client:
        enrol(client)
        for number, day in enumerate(days):
            blur = 4.0 if number >= 28 else 0.0
            a_day(client, number, blur)
            while not moved_to(services, day, days[:number]):
                a_day(client, number, blur)
    assert stop(server.process) == 0
    with services.database.write(EVERY_RESOURCE) as session:
        session.execute(delete(DriftStateRow))  # it may have looked at the week when that had few days
    services.close()
    again = start_server(data_dir=server.data_dir, metrics_seconds="0.2", alert_seconds="1")
    return again, monday


def shown(folder: Path, *more: str) -> Any:
    done = CliRunner().invoke(build(["drift"]), ["drift", *more, "dev", "--data-dir", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_lens_that_becomes_dirty_is_found_with_its_day(blurred: tuple[Server, datetime]) -> None:
    server, monday = blurred
    found = {one["series"]: one for one in shown(server.data_dir, "show")}
    assert found["quality"]["moved"]
    assert found["topScore"]["moved"]
    assert not found["unread"]["moved"], found["unread"]
    since = datetime.fromisoformat(found["quality"]["since"]).date()
    assert abs((since - monday.date()).days) <= 1
    assert sum(found["quality"]["baseline"]) == 28 * A_DAY
    with httpx.Client(base_url=server.management, trust_env=False, timeout=60) as client:
        client.headers["Authorization"] = f"Bearer {server.admin_token}"
        answer = client.get("/mien/v1/resources/dev/drift").raise_for_status().json()["value"]
        assert {one["series"]: one["moved"] for one in answer} == {name: one["moved"] for name, one in found.items()}

        rule = {"name": "drift", "resource": "dev", "condition": {"metric": "Drift", "threshold": 1}}
        made = client.post("/mien/v1/alert-rules", json=rule).raise_for_status().json()
        deadline = time.monotonic() + 120
        while not (seen := client.get(f"/mien/v1/alert-rules/{made['id']}").json())["firing"]:
            assert time.monotonic() < deadline, server.log.read_text()[-2000:]
            time.sleep(0.2)
        assert seen["value"] == sum(one["moved"] for one in found.values())
        refused = client.post("/mien/v1/resources/dev/drift/baseline", json={"camera": "Nowhere"})
        assert refused.status_code == 400
        assert "othing was counted" in refused.text
        client.post("/mien/v1/resources/dev/drift/baseline", json={}).raise_for_status()
    assert "Changed since" in server.log.read_text() + server.output.read_text()
    assert not any(one["moved"] for one in shown(server.data_dir, "show"))


def test_a_baseline_is_set_by_command(blurred: tuple[Server, datetime]) -> None:
    server, _ = blurred
    assert shown(server.data_dir, "baseline", "--from", "2026-01-05") == {"source": "api", "first": "2026-01-05"}
