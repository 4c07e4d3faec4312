"""Real server processes: two that share what they count and know, and one with two hundred clients at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from tests.conftest import MASTER_KEY, Server, StartServer
from tests.postgresql import empty_postgresql

from mien.accounts import DEVELOPMENT_TERMS, AccessRequests, AccountRules, Accounts, Feature, Sku
from mien.clock import SystemClock
from mien.services import open_services
from mien.settings import Settings

LISTS = "/face/v1.2/facelists"


@dataclass
class Pair:
    """Two servers on one database, and what an operator does beside them."""

    servers: tuple[Server, Server]
    accounts: Accounts
    access: AccessRequests

    def call(self, which: int, key: str, method: str = "GET", path: str = LISTS) -> httpx.Response:
        headers = {"Ocp-Apim-Subscription-Key": key}
        body = {"name": "n"} if method == "PUT" else None
        url = f"{self.servers[which % 2].endpoint}{path}"
        return httpx.request(method, url, headers=headers, json=body, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def pair(start_server: StartServer, postgresql_url: str, redis_url: str) -> Iterator[Pair]:
    with empty_postgresql(postgresql_url) as url:
        shared = {"database_url": url, "master_key": MASTER_KEY, "redis_url": redis_url, "rate_limits": "on"}
        servers = (start_server(**shared), start_server(**shared))
        services = open_services(
            Settings(database_url=url, master_key=SecretStr(MASTER_KEY), data_dir=servers[0].data_dir)
        )
        yield Pair(servers, services.accounts, services.access)
        services.close()
        for server in servers:
            server.process.terminate()
            server.process.wait()


def test_two_servers_honour_one_rate(pair: Pair) -> None:
    for attempt in range(3):  # a minute gives 20 more calls: a machine that was busy for that long tries again
        free = pair.accounts.create(f"free-{attempt}", terms=DEVELOPMENT_TERMS, sku=Sku.FREE)
        key = pair.accounts.keys(free.id).key1
        begin = time.monotonic()
        statuses = [pair.call(number, key).status_code for number in range(30)]
        if time.monotonic() - begin < 55:
            break
    assert statuses == [200] * 20 + [429] * 10


def test_two_servers_honour_one_regenerated_key(pair: Pair) -> None:
    one = pair.accounts.create("one", terms=DEVELOPMENT_TERMS)
    old = pair.accounts.keys(one.id).key1
    for which in range(2):
        assert pair.call(which, old).status_code == 200
    tokens = [pair.call(which, old, "POST", "/sts/v1.0/issueToken").text for which in range(2)]
    new = pair.accounts.regenerate_key(one.id, 1)
    for which in range(2):
        assert pair.call(which, old).status_code == 401
        assert pair.call(which, new).status_code == 200
        headers = {"Authorization": f"Bearer {tokens[1 - which]}"}
        url = f"{pair.servers[which].endpoint}{LISTS}"
        assert httpx.get(url, headers=headers, timeout=60, trust_env=False).status_code == 401


def test_two_servers_honour_one_approval(pair: Pair) -> None:
    asks = pair.accounts.create("asks", terms=DEVELOPMENT_TERMS)
    key, actor = pair.accounts.keys(asks.id).key1, "cli:test"
    paths = [f"{LISTS}/{uuid4()}" for _ in range(4)]
    for which in range(2):
        assert pair.call(which, key, "PUT", paths[which]).status_code == 403
    texts = {"organisation": "Test", "contact": "a@b.example", "use_case": "Staff who agreed open the door by face."}
    request = pair.access.submit(asks.id, {Feature.VERIFICATION}, actor=actor, **texts)
    pair.access.review(request.id, actor=actor)
    pair.access.approve(request.id, actor="cli:reviewer", lasts=timedelta(days=1))
    for which in range(2):
        assert pair.call(which, key, "PUT", paths[which]).status_code == 200
    pair.access.revoke(request.id, actor=actor, reason="it was a test")
    for which in range(2):
        assert pair.call(which, key, "PUT", paths[2 + which]).status_code == 403
        assert pair.call(which, key, "GET", paths[which]).status_code == 200  # what is kept can be seen
        assert pair.call(which, key, "DELETE", paths[which]).status_code == 200  # and erased


CLIENTS, RESOURCES = 200, 10


async def test_two_hundred_clients_at_once(start_server: StartServer) -> None:
    server = start_server()
    services = open_services(Settings(data_dir=server.data_dir))
    accounts = Accounts(services.database, services.vault, SystemClock(), rules=AccountRules(paid_resources=50))
    keys: list[str] = []
    for number in range(RESOURCES):
        made = accounts.create(f"crowd-{number}", terms=DEVELOPMENT_TERMS, custom_subdomain=f"crowd-{number}")
        services.access.approve_for_development(made)
        keys.append(accounts.keys(made.id).key1)
    seen: set[str] = set()

    async def one(number: int, client: httpx.AsyncClient) -> None:
        mine = number % RESOURCES
        bad = number % 4 == 3
        name = f"r{mine}-c{number}"
        headers = {
            "Ocp-Apim-Subscription-Key": f"{number:032x}" if bad else keys[mine],
            "Host": f"crowd-{mine}.cognitiveservices.localhost",
        }

        async def call(method: str, path: str, body: object = None) -> httpx.Response:
            mark = str(uuid4())
            marked = headers | {"x-ms-client-request-id": mark}
            answer = await client.request(method, f"{LISTS}{path}", headers=marked, json=body)
            assert answer.headers["x-ms-client-request-id"] == mark
            assert answer.headers["apim-request-id"] not in seen
            seen.add(answer.headers["apim-request-id"])
            return answer

        made = await call("PUT", f"/{name}", {"name": name, "userData": name})
        read = await call("GET", f"/{name}")
        listed = await call("GET", "")
        if bad:
            assert {made.status_code, read.status_code, listed.status_code} == {401}
            return
        assert (made.status_code, read.status_code, listed.status_code) == (200, 200, 200)
        assert read.json()["userData"] == name
        assert {entry["faceListId"].partition("-")[0] for entry in listed.json()} == {f"r{mine}"}

    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=server.endpoint, limits=limits, timeout=120, trust_env=False) as client:
        await asyncio.gather(*(one(number, client) for number in range(CLIENTS)))
    assert len(seen) == 3 * CLIENTS
    services.close()
