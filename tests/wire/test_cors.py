"""Web pages of other origins: nothing by default, and a resource's own list when it has one."""

from __future__ import annotations

import base64
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.browser import PATIENCE, launched
from tests.conftest import Server, StartServer
from tests.local_server import serving
from tests.npm import FOLDER, node_modules
from tests.shared import azure_photo
from tests.wire.conftest import KEY, Service

SHOP = "https://shop.example"
ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "ocp-apim-subscription-key"}


def allow(service: Service, *origins: str) -> None:
    service.accounts.resource = replace(service.accounts.resource, cors_origins=origins)


def cors(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("access-control")}


async def test_nothing_is_allowed_by_default(service: Service, photo: bytes) -> None:
    async with service.client(Origin=SHOP) as client:
        asked = await client.options("/face/v1.2/detect", headers=ASKED)
        assert (asked.status_code, cors(asked)) == (404, {})
        headers = {"Ocp-Apim-Subscription-Key": KEY, "Content-Type": "application/octet-stream"}
        called = await client.post("/face/v1.2/detect", content=photo, headers=headers)
        assert (called.status_code, cors(called)) == (200, {})


@pytest.mark.parametrize(("allowed", "origin"), [((SHOP,), SHOP), ((SHOP,), SHOP.upper()), (("*",), "null")])
async def test_an_allowed_page_may_ask_call_and_read(
    allowed: tuple[str, ...], origin: str, service: Service, photo: bytes
) -> None:
    allow(service, *allowed)
    async with service.client(Origin=origin) as client:
        asked = await client.options("/face/v1.2/detect", headers=ASKED)
        assert (asked.status_code, asked.content) == (204, b"")
        assert asked.headers["access-control-allow-origin"] == origin
        assert asked.headers["access-control-allow-headers"] == "ocp-apim-subscription-key"
        assert "POST" in asked.headers["access-control-allow-methods"]
        assert asked.headers["vary"] == "origin"
        headers = {"Ocp-Apim-Subscription-Key": KEY, "Content-Type": "application/octet-stream"}
        called = await client.post("/face/v1.2/detect", content=photo, headers=headers)
        exposed = called.headers["access-control-expose-headers"]
        assert all(name in exposed for name in ("operation-location", "apim-request-id", "retry-after"))
        assert called.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in called.headers
        refused = await client.post("/face/v1.2/detect", content=photo)  # a page can read why, too
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin)


async def test_other_pages_other_hosts_and_other_paths_are_not_let_in(service: Service) -> None:
    allow(service, SHOP)
    async with service.client() as client:
        for path, origin, host in (
            ("/face/v1.2/detect", "https://shop.example.evil.test", "mien.test"),
            ("/face/v1.2/detect", "http://shop.example", "mien.test"),
            ("/face/v1.2/nothing", SHOP, "mien.test"),
            ("/status", SHOP, "mien.test"),
            ("/face/v1.2/detect", SHOP, "another.cognitiveservices.localhost"),
        ):
            headers = {**ASKED, "Origin": origin, "Host": host}
            asked = await client.options(path, headers=headers)
            assert (asked.status_code, cors(asked)) == (404, {}), (path, origin, host)
        own = {**ASKED, "Origin": SHOP, "Host": "wire.cognitiveservices.localhost"}
        assert (await client.options("/face/v1.2/detect", headers=own)).status_code == 204
        assert (await client.options("/face/v1.2/detect", headers={"Origin": SHOP})).status_code == 404  # no preflight


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web site whose page has the vendor's JavaScript SDK in it; its URL."""
    bundle: Path = tmp_path_factory.mktemp("site") / "page.js"
    esbuild = node_modules() / ".bin" / "esbuild"
    command = [str(esbuild), "browser.mjs", "--bundle", "--format=iife", "--platform=browser", f"--outfile={bundle}"]
    made = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False)
    assert made.returncode == 0, made.stderr
    files = {
        "/": (b"<!doctype html><script src=page.js></script>", "text/html"),
        "/page.js": (bundle.read_bytes(), "text/javascript"),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, kind = files.get(self.path, (b"", "text/plain"))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.sdk
@pytest.mark.timeout(600)
def test_the_sdk_in_a_real_browser(site: str, start_server: StartServer) -> None:
    server = start_server("--tls")
    photo = base64.b64encode(azure_photo("Family1-Dad1").read_bytes()).decode()
    told = {"endpoint": server.endpoint, "key": server.key1, "photo": photo}
    with launched() as browser:
        context = browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(site)
        run = partial(page.evaluate, "(told) => run(told).catch((error) => String(error))")
        assert "Failed to fetch" in run({**told, "name": uuid4().hex})
        set_origins(server, [site])
        page.goto(site)
        assert run({**told, "name": uuid4().hex}) == {"same": True, "where": True, "id": True}
        set_origins(server, [])
        page.goto(site)
        assert "Failed to fetch" in run({**told, "name": uuid4().hex, "key": server.key2})
        context.close()


def set_origins(server: Server, origins: list[str]) -> None:
    with httpx.Client(
        base_url=server.management,
        headers={"Authorization": f"Bearer {server.admin_token}"},
        verify=ssl.create_default_context(cafile=str(server.data_dir / "tls" / "ca.pem")),
        trust_env=False,
    ) as client:
        answer = client.put("/mien/v1/resources/dev/cors-origins", json={"origins": origins})
        assert answer.status_code == 200, answer.text
        assert answer.json()["corsOrigins"] == origins
        assert client.put("/mien/v1/resources/dev/cors-origins", json={"origins": ["shop.example"]}).status_code == 400
