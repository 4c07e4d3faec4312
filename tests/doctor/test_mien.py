"""The examination against a real Mien server, in every state of a resource that the doctor claims to know."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import Server, StartServer
from tests.doctor.test_azure import of
from tests.waiting import until

from mien.accounts import DEVELOPMENT_TERMS, Feature, ResourceChange, Sku
from mien.doctor import Options, Report, Severity, examine
from mien.doctor.detection import photo
from mien.services import Services, open_services
from mien.settings import Settings

ACTOR = "cli:test"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class World:
    """A server that counts calls, and the operator beside it."""

    server: Server
    services: Services

    def make(self, name: str, *, approved: bool = True, change: dict[str, Any] | None = None, **options: Any) -> str:
        """Make a resource and return its first key."""
        made = self.services.accounts.create(name, terms=DEVELOPMENT_TERMS, custom_subdomain=name, **options)
        if approved:
            self.services.access.approve_for_development(made)
        if change:
            self.services.accounts.update(made.id, ResourceChange(**change))
        return self.services.accounts.keys(made.id).key1

    def look(self, key: str | None, **options: Any) -> Report:
        given: dict[str, Any] = {"samples": 2, "patience": 0.0, "interval": 0.0, "url": self.server.endpoint} | options
        report = examine(Options(given.pop("url"), key=key, **given))
        if key:
            assert key not in json.dumps(report.as_json()), "a key was printed"
        return report

    def client(self, key: str) -> httpx.Client:
        headers = {"Ocp-Apim-Subscription-Key": key}
        return httpx.Client(base_url=f"{self.server.endpoint}/face/v1.2", headers=headers, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def world(start_server: StartServer) -> Iterator[World]:
    server = start_server(rate_limits="on", rate_paid_per_second="0")
    services = open_services(Settings(data_dir=server.data_dir))
    yield World(server, services)
    services.close()


def test_a_server_for_development_is_sound(world: World) -> None:
    report = world.look(world.server.key1)
    assert report.severity <= Severity.NOTE, [one for one in report.findings if one.severity > Severity.NOTE]
    assert report.stopped is None
    assert "Mien" in of(report, "service").found
    assert "v1.3-preview.1" in of(report, "versions").found
    assert of(report, "detect").severity is Severity.OK
    for feature in Feature:
        if feature not in {Feature.LIMITED_ATTRIBUTES, Feature.VIDEO_IDENTIFICATION}:  # of cameras: no call shows it
            assert of(report, "features", f"{feature} is approved").severity is Severity.OK
    given = of(report, "attributes", "given here").found
    assert all(name in given for name in ("headPose", "mask", "qualityForRecognition", "glasses", "noise"))
    assert "emotion and gender are retired" in of(report, "attributes", "emotion and gender").found


def test_an_examination_leaves_nothing_behind(world: World) -> None:
    """Not one row of the database is another one, audit included; only calls are counted, and failed ones listed."""
    key = world.make("untouched")
    before = rows(world.server.data_dir / "mien.db")
    assert world.look(key).stopped is None
    after = rows(world.server.data_dir / "mien.db")
    assert {"audit_log", "detected_faces", "liveness_sessions", "collections", "persons"} <= set(before)
    counted = {"failed_calls", "drift_counts", "claims"}  # claims are of work in the background
    assert [table for table in after if after[table] != before[table] and table not in counted] == []


def rows(database: Path) -> dict[str, list[str]]:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = [name for name in names if not name.startswith("metric_")]
        return {name: sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"'))) for name in kept}


def test_the_management_port_is_told_from_the_service(world: World) -> None:
    report = world.look(world.server.key1, url=world.server.management)
    assert "management port" in of(report, "service").found
    assert "endpoint that the server printed" in report.next_step
    assert report.calls == 1  # the key was not sent there


def test_nothing_is_approved(world: World) -> None:
    report = world.look(world.make("gated", approved=False))
    assert report.exit_status == 1
    for feature in ("Identification", "Verification", "Liveness"):
        told = of(report, "features", f"{feature} is not approved")
        assert "mien access request gated" in told.means
    assert "no face ids" in of(report, "features", "no face ids").found
    assert "age, smile, facialHair, hair" in of(report, "attributes", "Not approved").found


def test_a_request_that_waits_is_told(world: World) -> None:
    key = world.make("waiting", approved=False)
    resource = next(one for one in world.services.accounts.resources() if one.name == "waiting")
    texts = {"organisation": "Test", "contact": "a@b.example", "use_case": "Staff who agreed open the door by face."}
    request = world.services.access.submit(resource.id, {Feature.VERIFICATION}, actor=ACTOR, **texts)
    assert "waits for a reviewer" in of(world.look(key), "features", "Verification is not approved").means
    world.services.access.review(request.id, actor=ACTOR)
    world.services.access.approve(request.id, actor="cli:reviewer", lasts=timedelta(days=3))
    report = world.look(key)
    assert of(report, "features", "Verification is approved").severity is Severity.OK
    assert of(report, "features", "Identification is not approved").severity is Severity.WARNING
    world.services.access.revoke(request.id, actor=ACTOR, reason="The desk was closed.")
    gone = of(world.look(key), "features", "Verification is not approved")
    assert "was revoked" in gone.means
    assert "mien access request waiting --feature Verification" in gone.next_step


@pytest.mark.parametrize(
    ("name", "change", "check", "words"),
    [
        ("nokeys", {"local_auth": False}, "key", "AuthenticationTypeDisabled"),
        ("walled", {"default_action": "Deny", "ip_rules": ["198.51.100.0/24"]}, "key", "127.0.0.1"),
        ("private", {"public_network_access": False}, "private-endpoint", "Public access is disabled"),
    ],
)
def test_what_the_front_door_refuses(world: World, name: str, change: dict[str, Any], check: str, words: str) -> None:
    report = world.look(world.make(name, change=change))
    found = of(report, check)
    assert found.severity is Severity.ERROR
    assert words in f"{found.found} {found.means}"
    assert report.exit_status == 3
    assert found.next_step == report.next_step


def test_a_wrong_key_and_a_replaced_one(world: World) -> None:
    report = world.look("f" * 32)
    assert (of(report, "key").severity, report.stopped) == (Severity.ERROR, "the key is not accepted")
    assert "The key arrived" in of(report, "key").means
    assert "mien key list" in report.next_step
    key = world.make("turned")
    resource = next(one for one in world.services.accounts.resources() if one.name == "turned")
    world.services.accounts.regenerate_key(resource.id, 1)
    assert of(world.look(key), "key").severity is Severity.ERROR
    second = world.services.accounts.keys(resource.id).key2
    world.services.accounts.delete(resource.id)
    assert of(world.look(second), "key").severity is Severity.ERROR


def test_a_liveness_token_in_place_of_the_key(world: World) -> None:
    with world.client(world.server.key1) as client:
        body = {"livenessOperationMode": "Passive", "deviceCorrelationIdSetInClient": True}
        made = client.post("/detectLiveness-sessions", json=body).json()
    report = world.look(made["authToken"])
    assert "authToken of a liveness session" in of(report, "key-form").found
    assert report.stopped == "there is no key to go on with"


def test_the_free_tier_meets_its_rate(world: World) -> None:
    report = world.look(world.make("free", sku=Sku.FREE))
    limited = of(report, "rate-limit")
    assert (limited.severity, report.stopped) == (Severity.WARNING, "the rate limit is reached")
    assert "with its 20 calls" in limited.means
    assert "--patience" in report.next_step
    assert report.calls == 1 + 20 + 1  # the first one has no key


def test_collections_in_every_state_of_training(world: World) -> None:
    key = world.make("enrolled")
    with world.client(key) as client:
        for name in ("empty", "never", "stale", "failed", "other"):
            model = "recognition_01" if name == "other" else "recognition_04"
            client.put(f"/persongroups/{name}", json={"name": name, "recognitionModel": model}).raise_for_status()
        for name in ("never", "stale"):
            person = client.post(f"/persongroups/{name}/persons", json={"name": "p"}).json()["personId"]
            face = f"/persongroups/{name}/persons/{person}/persistedfaces?detectionModel=detection_03"
            headers = {"Content-Type": "application/octet-stream"}
            client.post(face, content=photo(), headers=headers).raise_for_status()
        for name in ("stale", "failed"):
            client.post(f"/persongroups/{name}/train").raise_for_status()
        until(lambda: client.get("/persongroups/stale/training").json()["status"] == "succeeded")
        until(lambda: client.get("/persongroups/failed/training").json()["status"] != "running")
        time.sleep(0.01)  # dates have milliseconds
        late = client.post("/persongroups/stale/persons", json={"name": "late"}).json()["personId"]
        face = f"/persongroups/stale/persons/{late}/persistedfaces?detectionModel=detection_03"
        client.post(face, content=photo(), headers=headers).raise_for_status()
    report = world.look(key, recognition_model="recognition_04")
    assert of(report, "training", "'never' was never trained").severity is Severity.WARNING
    assert of(report, "training", "'empty' is empty").severity is Severity.NOTE
    assert of(report, "training", "'stale' was changed").severity is Severity.WARNING
    assert of(report, "training", "'failed' failed").severity is Severity.ERROR
    assert "person group 'other' (recognition_01)" in of(report, "recognition-model").found


def test_face_ids(world: World) -> None:
    with world.client(world.server.key1) as client:
        headers = {"Content-Type": "application/octet-stream"}
        query = {"detectionModel": "detection_03", "recognitionModel": "recognition_04"}
        (face,) = client.post("/detect", params=query, content=photo(), headers=headers).json()
    gone = "c5c24a82-6845-4031-9d5d-978df9175426"
    report = world.look(world.server.key1, face_ids=(face["faceId"], gone))
    assert of(report, "face-id", face["faceId"]).severity is Severity.OK
    assert of(report, "face-id", gone).severity is Severity.ERROR


def test_a_host_that_the_server_does_not_know(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def local(host: Any, *arguments: Any, **options: Any) -> Any:  # not every system resolves names below localhost
        return real("127.0.0.1" if str(host).endswith(".localhost") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", local)
    port = world.server.endpoint.rpartition(":")[2]
    domain = f"cognitiveservices.localhost:{port}"
    report = world.look(world.server.key1, url=f"http://nobody.{domain}")
    assert "'nobody'" in of(report, "service").means
    assert report.stopped == "the server does not know this host"
    here, _there = world.make("here"), world.make("there")
    assert world.look(here, url=f"http://here.{domain}").stopped is None
    assert "another resource than there" in of(world.look(here, url=f"http://there.{domain}"), "key").means


def test_tls_with_the_local_authority(start_server: StartServer) -> None:
    server = start_server("--tls")
    try:
        report = examine(Options(server.endpoint, key=server.key1, samples=0))
        assert "This machine does not trust" in of(report, "tls").found
        assert "tls/ca.pem" in report.next_step
        plain = examine(Options(server.endpoint.replace("https:", "http:"), key=server.key1))
        assert "speaks TLS" in of(plain, "connection").found
        assert plain.next_step == f"Use {server.endpoint}"
        ca = server.data_dir / "tls" / "ca.pem"
        trusted = examine(Options(server.endpoint, key=server.key1, samples=0, authority=ca))
        assert (of(trusted, "tls").severity, trusted.exit_status) == (Severity.OK, 0)
    finally:
        server.process.terminate()
        server.process.wait()


def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(
        [sys.executable, "-m", "mien", "doctor", *arguments],
        env=kept | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command(world: World, tmp_path: Path) -> None:
    key = world.server.key1
    done = run(world.server.endpoint, "--key-env", "SECRET", "--samples", "1", SECRET=key, COLUMNS="100")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing is wrong." in done.stdout
    assert "✓ key               The key is accepted." in done.stdout
    wrong = run("--json", FACE_ENDPOINT=world.server.endpoint, FACE_KEY=f"'{key}x'")
    told = json.loads(wrong.stdout)
    assert (wrong.returncode, told["severity"], told["stopped"]) == (3, "error", "the key is not accepted")
    for output in (done.stdout, done.stderr, wrong.stdout, wrong.stderr):
        assert key not in output
    assert run(FACE_ENDPOINT="").returncode == 2
    (tmp_path / "body.json").write_text('{"error":{"code":"FaceNotFound","message":"Face is not found."}}')
    explained = run("--explain", str(tmp_path / "body.json"))
    assert explained.returncode == 3
    assert "Next:" in explained.stdout
    piped = run("--explain", "-", "--json", stdin="< HTTP/1.1 429 Too Many\n< Retry-After: 9\n< \n")
    assert "Retry-After says 9 s." in json.loads(piped.stdout)["findings"][0]["means"]
    assert run("--explain", str(tmp_path / "none")).returncode == 2
