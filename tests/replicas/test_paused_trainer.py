"""Two real servers on PostgreSQL: one is stopped in the middle of a training of 20,000 people and goes on later."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from uuid import UUID

import httpx
import numpy as np
import pytest
from pydantic import SecretStr
from tests import portraits
from tests.conftest import MASTER_KEY, Server, StartServer
from tests.many_people import NewPerson, add_persons
from tests.postgresql import empty_postgresql

from mien.gallery.gallery import Gallery, open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.recognisers import Recognisers
from mien.models import ModelStore
from mien.models.bindings import read_bindings
from mien.services import Services, open_services
from mien.settings import Settings
from mien.vision.engine import FaceEngine
from mien.vision.types import Embedding

pytestmark = pytest.mark.real_program

PEOPLE = 20_000
GROUP = "/face/v1.2/largepersongroups/many"


def _until(what: str, works: Callable[[], object]) -> None:
    deadline = time.monotonic() + 300
    while not works():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_a_paused_trainer_of_many_people_takes_nothing_back(start_server: StartServer, postgresql_url: str) -> None:
    photo = portraits.portrait(portraits.OTHER)
    if photo is None:
        pytest.skip("needs the free portraits (python -m tests.portraits)")
    with empty_postgresql(postgresql_url) as url, ExitStack() as opened:
        settings = {"database_url": url, "master_key": MASTER_KEY}
        servers = [start_server(**settings), start_server(**settings)]
        beside = Settings(database_url=url, master_key=SecretStr(MASTER_KEY), data_dir=servers[0].data_dir)
        services = open_services(beside)
        try:
            with servers[0].client() as client:
                body = {"name": "many", "recognitionModel": "recognition_04"}
                assert client.put(GROUP, json=body).status_code == 200
            (owner,) = [resource.id for resource in services.accounts.resources()]
            ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, "many")
            gallery = _gallery(beside, services)
            _fill(gallery, ref)
            first, second = (opened.enter_context(server.client()) for server in servers)
            assert first.post(f"{GROUP}/train").status_code == 202
            uid = gallery.rows.get(ref).uid
            _until("a server trains", lambda: gallery.training.status(ref).status.value == "running")
            paused = _holder(services, uid, servers)
            assert paused is not None
            paused.process.send_signal(signal.SIGSTOP)
            other, client = next(
                (server, client)
                for server, client in zip(servers, (first, second), strict=True)
                if server is not paused
            )
            assert gallery.training.status(ref).status.value == "running", "it was stopped in the middle"
            _until("the other server has trained", lambda: _status(client) == "succeeded")
            person = client.post(f"{GROUP}/persons", json={"name": "late"}).json()["personId"]
            added = client.post(f"{GROUP}/persons/{person}/persistedfaces", content=photo.read_bytes(), headers=_BYTES)
            assert added.status_code == 200, added.text
            assert client.post(f"{GROUP}/train").status_code == 202
            _until("it has trained again", lambda: _status(client) == "succeeded")
            before = gallery.rows.get(ref)
            assert before.trained_revision == before.revision
            paused.process.send_signal(signal.SIGCONT)
            _until("the paused server has noticed", lambda: "taken over" in paused.log.read_text())
            for one in (client, first, second):
                assert _found(one, photo.read_bytes()) == [person]
            after = gallery.rows.get(ref)
            assert (after.snapshot, after.trained_revision) == (before.snapshot, before.trained_revision)
            history = gallery.training.history(ref)
            assert [(run.status.value, run.attempts) for run in history] == [("succeeded", 1), ("succeeded", 2)]
            assert other.process.poll() is None
        finally:
            for server in servers:
                server.process.send_signal(signal.SIGCONT)
            services.close()


_BYTES = {"Content-Type": "application/octet-stream"}


def _gallery(settings: Settings, services: Services) -> Gallery:
    """Open the gallery beside the servers, to fill it with ready templates; it trains nothing."""
    store = ModelStore(settings.model_dir)
    return open_gallery(
        services.database,
        services.vault,
        services.clock,
        settings.data_dir / "beside",
        engine=FaceEngine(store),
        recognisers=Recognisers.of(store, read_bindings(store, settings.data_dir, settings.bindings())),
        detected_faces=services.detected_faces,
    )


def _fill(gallery: Gallery, ref: CollectionRef) -> None:
    random = np.random.default_rng(5)
    row = gallery.rows.get(ref)
    for start in range(0, PEOPLE, 1000):
        vectors = random.normal(size=(1000, 129)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        add_persons(
            gallery,
            ref,
            [NewPerson(str(start + n), None, (Embedding(v, row.fingerprint, 10.0),)) for n, v in enumerate(vectors)],
        )


def _holder(services: Services, uid: UUID, servers: list[Server]) -> Server | None:
    held = services.claims.holders("training/").get(f"training/{uid}")
    return next((one for one in servers if held and held.endswith(f":{one.process.pid}")), None)


def _status(client: httpx.Client) -> str:
    status: str = client.get(f"{GROUP}/training").json()["status"]
    return status


def _found(client: httpx.Client, photo: bytes) -> list[str]:
    query = "?detectionModel=detection_03&recognitionModel=recognition_04&returnFaceId=true"
    (face,) = client.post(f"/face/v1.2/detect{query}", content=photo, headers=_BYTES).json()
    body = {"faceIds": [face["faceId"]], "largePersonGroupId": "many", "confidenceThreshold": 0.9}
    (result,) = client.post("/face/v1.2/identify", json=body).json()
    return [one["personId"] for one in result["candidates"]]
