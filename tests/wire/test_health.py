"""Probes of the data port, and what calls get while the database is away."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy.exc import OperationalError
from tests.waiting import until

from mien.contract.problem import Problem
from mien.gateway.exchange import Exchange, Operation, Response, Route
from mien.gateway.gateway import Gateway
from mien.wire.faults import explain
from mien.wire.health import Readiness
from mien.wire.router import Router


def client(readiness: Readiness, *operations: Operation) -> httpx.AsyncClient:
    gateway = Gateway(Router(list(operations), readiness.operations()), [], explain)

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await gateway(scope, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(app=served), base_url="http://x")


async def test_ready_says_what_does_not_work_and_live_does_not_mind() -> None:
    works = {"database": True, "index": True}
    now = [0.0]

    def check(name: str) -> Callable[[], bool]:
        return lambda: works[name]

    readiness = Readiness({name: check(name) for name in works}, now=lambda: now[0])
    async with client(readiness) as probe:
        assert (await probe.get("/healthz/ready")).json() == {"status": "ready"}
        works["database"] = False
        assert (await probe.get("/healthz/ready")).status_code == 200  # looked a moment ago
        now[0] += 2
        answer = await probe.get("/healthz/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "failing": ["database"]})
        assert answer.headers["retry-after"] == "1"
        assert (await probe.get("/healthz/live")).json() == {"status": "ok"}
        works["database"] = True
        now[0] += 2
        assert (await probe.get("/healthz/ready")).status_code == 200
        readiness.draining = True
        assert (await probe.get("/healthz/ready")).json()["failing"] == ["draining"]
        assert (await probe.get("/healthz/live")).status_code == 200


async def test_a_check_that_hangs_is_failing_and_is_not_piled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.wire.health.CHECK_SECONDS", 0.02)
    release, started = threading.Event(), []

    def hang() -> bool:
        started.append(1)
        return release.wait(20)

    now = [0.0]
    readiness = Readiness({"database": hang}, now=lambda: now[0])
    for _ in range(3):
        now[0] += 2
        assert await readiness.failing() == ("database",)
    until(lambda: started)  # a busy machine may start the thread late
    assert started == [1]
    release.set()


async def test_an_outage_is_503_with_one_line_and_no_traceback() -> None:
    async def fail(exchange: Exchange) -> Response:
        raise OperationalError("SELECT", None, sqlite_error())

    broken = Operation("Broken", "GET", "/broken", fail, needs_key=False)
    gateway = Gateway(_Only(broken), [], explain)

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await gateway(scope, receive, send)

    begin = time.monotonic()
    with structlog.testing.capture_logs() as logs:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=served), base_url="http://x") as caller:
            answers = [await caller.get("/broken") for _ in range(50)]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["retry-after"] for answer in answers} == {"5"}
    assert {answer.json()["error"]["code"] for answer in answers} == {"ServiceUnavailable"}
    told = [line for line in logs if line["event"] == "storage failed"]
    assert 1 <= len(told) <= 1 + time.monotonic() - begin, "one a second at most"
    assert not any("traceback" in line for line in logs)


class _Only:
    def __init__(self, operation: Operation) -> None:
        self._match = Route(operation, "", {})

    def match(self, method: str, path: str, endpoint: Callable[[], str]) -> Route:
        return self._match


def sqlite_error() -> Exception:
    try:
        sqlite3.connect("/nowhere/at/all.db").execute("SELECT 1")
    except sqlite3.OperationalError as error:
        return error
    raise Problem(500, "x", "x")
