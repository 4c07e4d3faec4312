"""The configurations of reverse proxies in docs/operate.md, as they are written there, before a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from tests.conftest import Server, StartServer
from tests.reverse_proxy import nginx
from tests.shared import REPOSITORY, azure_photo
from websockets.sync.client import connect

from mien.liveness.recording import PROTOCOL

PAGE = (REPOSITORY / "docs" / "operate.md").read_text(encoding="utf-8")
WRITTEN = dict(re.findall(r"^```nginx\n(location (\S+) .*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
PATHS = {text: path.rstrip("/") for text, path in WRITTEN.items()}


@pytest.fixture(scope="module")
def behind(start_server: StartServer) -> Server:
    return start_server(trusted_proxies="127.0.0.1")


@pytest.fixture(scope="module", params=list(PATHS), ids=[path or "/" for path in PATHS.values()])
def endpoint(request: pytest.FixtureRequest, behind: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    written: str = request.param
    assert "http://127.0.0.1:8080" in written
    locations = written.replace("http://127.0.0.1:8080", behind.endpoint)
    with nginx(tmp_path_factory.mktemp("nginx"), behind.endpoint, behind.management, locations=locations) as url:
        yield url + PATHS[written]


def test_every_configuration_of_the_page_is_tried() -> None:
    assert len(PATHS) == PAGE.count("```nginx") == 2


def test_a_photo_of_the_largest_size_passes(endpoint: str, behind: Server) -> None:
    photo = azure_photo("detection1").read_bytes()
    body = photo + bytes((6 << 20) - len(photo))
    headers = {"Ocp-Apim-Subscription-Key": behind.key1, "Content-Type": "application/octet-stream"}
    url = f"{endpoint}/face/v1.2/detect?detectionModel=detection_03&returnFaceId=false"
    answer = httpx.post(url, headers=headers, content=body, timeout=120, trust_env=False)
    assert (answer.status_code, len(answer.json())) == (200, 1)


def test_addresses_lead_back_through_the_proxy(endpoint: str, behind: Server) -> None:
    with httpx.Client(headers={"Ocp-Apim-Subscription-Key": behind.key1}, timeout=60, trust_env=False) as client:
        made = client.post(f"{endpoint}/face/v1.2-preview.1/persons", json={"name": "Anna"})
        assert made.headers["location"].startswith(f"{endpoint}/face/v1.2-preview.1/persons/")
        assert client.get(made.headers["operation-location"]).json()["status"] == "succeeded"


def test_the_channel_of_liveness_passes(endpoint: str) -> None:
    channel = f"ws{endpoint.removeprefix('http')}/face/v1.2/detectLiveness/singleModal"
    with connect(channel, subprotocols=[PROTOCOL], proxy=None, open_timeout=60) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == PROTOCOL
