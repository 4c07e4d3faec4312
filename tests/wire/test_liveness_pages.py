"""The web component and the demo page as the server hands them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MASTER_KEY, sqlite_database
from tests.manual_clock import ManualClock
from tests.wire.conftest import KEY, Service
from tests.wire.liveness_client import make_liveness_service

from mien.liveness.types import Mode
from mien.liveness.web import MANIFEST_PATH, MODULE_PATH
from mien.messages import Message
from mien.storage import MasterKey, Vault


async def test_the_module_may_be_used_from_anywhere(service: Service) -> None:
    async with service.client() as client:
        manifest = (await client.get(MANIFEST_PATH)).json()
        for path in (MODULE_PATH, manifest["module"]["path"], manifest["types"]["path"], manifest["package"]["path"]):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "max-age=" in answer.headers["cache-control"]
        module = await client.get(MODULE_PATH)
        assert module.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(("key", "dev"), [(None, "false"), (lambda: KEY, "true")])
async def test_the_demo_page(make_service: Callable[..., Service], key: Any, dev: str) -> None:
    service = make_service(demo_key=key)
    async with service.client() as client:
        page = await client.get("/liveness/demo")
        assert f'data-dev="{dev}"' in page.text
        policy = page.headers["content-security-policy"]
        assert "'unsafe" not in policy
        assert page.headers["permissions-policy"] == "camera=(self)"
        for file in ("demo.js", "demo.css"):
            assert (await client.get(f"/liveness/demo/{file}")).status_code == 200
        created = await client.post("/liveness/demo/session?mode=Passive")
        assert KEY not in page.text + created.text
        if key is None:
            assert created.status_code == 404
            assert created.json()["error"]["code"] == "404"


@pytest.mark.parametrize(("lacking", "offered"), [(None, "true"), ("no network", "false")])
async def test_the_demo_offers_passive_only_where_it_can_succeed(
    tmp_path: Path, clock: ManualClock, lacking: str | None, offered: str
) -> None:
    database = sqlite_database(tmp_path / "sessions.db")
    vault = Vault(database, MasterKey.from_hex(MASTER_KEY), clock)
    lacks = {Mode.PASSIVE: Message(lacking) if lacking else None}.get
    service = make_liveness_service(database, vault, clock, lacks=lacks)
    async with service.client() as client:
        page = await client.get("/liveness/demo")
    assert f'data-passive="{offered}"' in page.text
    service.application.close()
    database.close()


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_the_demo_acts_for_its_own_page_only(make_service: Callable[..., Service], site: str) -> None:
    service = make_service(demo_key=lambda: KEY)
    async with service.client(**{"Sec-Fetch-Site": site}) as client:
        for answer in (
            await client.post("/liveness/demo/session?mode=Passive"),
            await client.get("/liveness/demo/session?id=1"),
            await client.get("/liveness/demo/image?id=1"),
        ):
            assert answer.status_code == 404
            assert "own page" in json.dumps(answer.json())


@pytest.mark.parametrize("given", ["", "../../persongroups", "a/b", "a?b", "%2e%2e"])
async def test_the_demo_calls_nothing_else(make_service: Callable[..., Service], given: str) -> None:
    service = make_service(demo_key=lambda: KEY)
    async with service.client() as client:
        for path in ("session", "image"):
            answer = await client.get(f"/liveness/demo/{path}", params={"id": given})
            assert answer.status_code == 404
            assert "asks for an id" in json.dumps(answer.json())
