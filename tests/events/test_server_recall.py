"""A real server whose search engine lost somebody: found by checks of its answers, told by an alert rule."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text
from tests import portraits
from tests.conftest import MASTER_KEY, StartServer, stop
from tests.postgresql import administrator, empty_postgresql
from tests.waiting import until

GROUP = "/face/v1.2/largepersongroups/staff"
BYTES = {"Content-Type": "application/octet-stream"}


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_an_alert_tells_that_a_person_is_missed(start_server: StartServer, postgresql_url: str) -> None:
    photos = [portraits.portrait(name) for name in portraits.PERSON[:2]]
    if photos[0] is None or photos[1] is None:
        pytest.skip("needs the free portraits (python -m tests.portraits)")
    enrolled, probe = photos[0].read_bytes(), photos[1].read_bytes()
    with empty_postgresql(postgresql_url) as url:
        server = start_server(
            database_url=url, master_key=MASTER_KEY, search_engine="pgvector-hnsw", metrics_seconds="0.5",
            alert_seconds="1",
        )  # fmt: skip
        admin = {"Authorization": f"Bearer {server.admin_token}"}
        with (
            server.client() as client,
            httpx.Client(base_url=server.management, headers=admin, timeout=60, trust_env=False) as control,
        ):
            client.put(GROUP, json={"name": "staff", "recognitionModel": "recognition_04"}).raise_for_status()
            person = client.post(f"{GROUP}/persons", json={"name": "A"}).raise_for_status().json()["personId"]
            faces = f"{GROUP}/persons/{person}/persistedFaces?detectionModel=detection_03"
            client.post(faces, content=enrolled, headers=BYTES).raise_for_status()
            client.post(f"{GROUP}/train").raise_for_status()
            until(lambda: client.get(f"{GROUP}/training").json()["status"] == "succeeded")
            detect = "/face/v1.2/detect?detectionModel=detection_03&recognitionModel=recognition_04"
            ids = [client.post(detect, content=probe, headers=BYTES).json()[0]["faceId"] for _ in range(10)]
            asked = {"faceIds": ids, "largePersonGroupId": "staff"}
            found = client.post("/face/v1.2/identify", json=asked).raise_for_status().json()
            assert {one["candidates"][0]["personId"] for one in found} == {person}
            rule = {"name": "people are missed", "condition": {"metric": "IdentityRecall"}}
            made = control.post("/mien/v1/alert-rules", json=rule).raise_for_status().json()
            with administrator(url) as connection:  # behind everybody's back
                assert connection.execute(text("DELETE FROM search_templates")).rowcount == 1

            def fires() -> bool:
                client.post("/face/v1.2/identify", json=asked).raise_for_status()  # one probe in a hundred is checked
                return bool(control.get(f"/mien/v1/alert-rules/{made['id']}").json()["firing"])

            until(fires, seconds=600)
            value = control.get(f"/mien/v1/alert-rules/{made['id']}").json()["value"]
            assert value < 99.9
        stop(server.process)
