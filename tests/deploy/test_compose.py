"""compose.yaml and the configuration of HAProxy: the second before real replicas."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from tests.conftest import StartServer, stop
from tests.deploy.conftest import DEPLOY
from tests.local_server import free_port
from tests.postgresql import empty_postgresql
from tests.shared import azure_photo
from tests.waiting import until

from mien.contract.catalogue import row
from mien.settings import Settings

DETECT = "/face/v1.2/detect?detectionModel=detection_03&returnFaceId=false"


def test_every_variable_is_a_setting(compose: dict[str, Any]) -> None:
    known = {f"MIEN_{name.upper()}" for name in Settings.model_fields}
    named = {name for service in compose["services"].values() for name in service.get("environment", {})}
    image = re.findall(r"\b(MIEN_[A-Z_]+)=", (DEPLOY / "Containerfile").read_text())
    assert image
    assert {name for name in named if name.startswith("MIEN_")} | set(image) <= known


def test_three_replicas_share_key_database_and_cache(compose: dict[str, Any]) -> None:
    replicas = {name: service for name, service in compose["services"].items() if re.fullmatch(r"mien-\d", name)}
    assert len(replicas) == 3
    folders = set()
    for service in replicas.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["depends_on"]["setup"] == {"condition": "service_completed_successfully"}
        assert {"MIEN_DATABASE_URL", "MIEN_MASTER_KEY_FILE", "MIEN_REDIS_URL"} <= service["environment"].keys()
        assert "keys:/keys:ro" in service["volumes"]
        folders |= {volume for volume in service["volumes"] if volume.endswith(":/data")}
    assert len(folders) == 3, "each replica keeps trained indexes of its own"


def test_each_replica_stands_in_the_proxy(compose: dict[str, Any]) -> None:
    servers = re.findall(r"server (\S+) (\S+) cookie", (DEPLOY / "haproxy.cfg").read_text())
    replicas = {name for name in compose["services"] if re.fullmatch(r"mien-\d", name)}
    assert {name for name, _ in servers} == replicas
    assert {address for _, address in servers} == {f"{name}:{port}" for name in replicas for port in (8080, 8081)}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the script gives files to the user of the image")
def test_the_keys_are_made_once_as_the_servers_read_them(compose: dict[str, Any], tmp_path: Path) -> None:
    keys, service = tmp_path / "keys", compose["services"]["keys"]
    keys.mkdir()
    (script,) = service["command"]
    script = script.replace("$$", "$").replace("/keys", str(keys))

    def run() -> dict[str, str]:
        subprocess.run([*service["entrypoint"], script], check=True, timeout=60)
        return {one.name: one.read_text().strip() for one in keys.iterdir()}

    first = run()
    assert run() == first, "a second start makes no new keys"
    environment = compose["services"]["mien-1"]["environment"]
    assert Settings(master_key=SecretStr(first["master.key"])).master_key is not None
    host, port, database, user, password = first["pgpass"].split(":")
    assert environment["MIEN_DATABASE_URL"] == f"postgresql://{user}@{host}/{database}"
    assert (port, password) == ("5432", first["database"])
    image = re.search(r"^USER (\d+):0$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    assert image is not None
    for name in ("master.key", "pgpass"):
        state = (keys / name).stat()
        assert (state.st_uid, state.st_mode & 0o777) == (int(image[1]), 0o600)
        assert f"/keys/{name}" in environment.values()


@contextmanager
def haproxy(folder: Path, *, replicas: list[str], controls: list[str]) -> Iterator[tuple[str, str]]:
    """Run HAProxy with the file of deploy/, before these servers; give the addresses of the two frontends."""
    program = shutil.which("haproxy")
    if program is None:
        pytest.skip("needs HAProxy (Debian: haproxy)")
    text = (DEPLOY / "haproxy.cfg").read_text()
    ports = []
    for inner in (8080, 8081):
        ports.append(free_port())
        text = text.replace(f"bind :{inner}", f"bind 127.0.0.1:{ports[-1]}")
    for inner, addresses in ((8080, replicas), (8081, controls)):
        for number, address in enumerate(addresses, 1):
            text = text.replace(f" mien-{number}:{inner} ", f" {address.removeprefix('http://')} ")
    text = re.sub(r".*server mien-\d mien-\d:.*\n", "", text)  # replicas that are not run here
    config = folder / "haproxy.cfg"
    config.write_text(text)
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen([program, "-f", str(config)], stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
    finally:
        stop(process)


def wait_for(client: httpx.Client, url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if client.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"{url} was never answered 200")


def test_without_a_replica_the_proxy_answers_as_the_service_does(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with haproxy(tmp_path, replicas=[dead], controls=[dead]) as (face, _), httpx.Client(trust_env=False) as client:
            until(lambda: _answers(client, face))
            answer = client.post(face + DETECT, timeout=60)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == json.loads(row("mien.unavailable").problem().body())


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        client.get(url, timeout=60)
    except httpx.TransportError:
        return False
    return True


@pytest.mark.heavy
def test_a_replica_that_stops_costs_no_call(
    start_server: StartServer, postgresql_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with empty_postgresql(postgresql_url) as database_url:
        shared = {
            "database_url": database_url,
            "master_key": "0f" * 32,
            "trusted_proxies": "127.0.0.1",
            "drain_seconds": "4",
        }
        first = start_server(data_dir=tmp_path_factory.mktemp("first"), **shared)
        second = start_server(data_dir=tmp_path_factory.mktemp("second"), **shared)
        photo = azure_photo("detection1").read_bytes()
        headers = {"Ocp-Apim-Subscription-Key": first.key1, "Content-Type": "application/octet-stream"}
        servers = {
            "replicas": [first.endpoint, second.endpoint],
            "controls": [first.management, second.management],
        }
        with haproxy(tmp_path, **servers) as (face, control), httpx.Client(timeout=60, trust_env=False) as client:
            wait_for(client, f"{face}/healthz/ready")
            wait_for(client, f"{control}/health")

            def detect() -> int:
                client.cookies.clear()  # as a client that keeps none: HAProxy chooses anew
                return client.post(face + DETECT, headers=headers, content=photo).status_code

            assert [detect() for _ in range(4)] == [200] * 4
            first.process.terminate()
            answers = [detect()]
            while first.process.poll() is None:
                answers.append(detect())
            answers += [detect() for _ in range(4)]
            assert set(answers) == {200}
            assert client.get(f"{control}/health").status_code == 200
        stop(second.process)
