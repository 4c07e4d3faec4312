"""What every request passes: login before the body, limits, text that no database keeps, errors in one shape."""

import json
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest
from fastapi.routing import APIRoute
from tests.management.conftest import World

from mien.management import Role
from mien.management.application import OPEN_PATHS, _routers
from mien.management.guard import Receive, Scope, Send
from mien.management.routing import Allow

TOKENS = "/mien/v1/admin-tokens"


def is_error(answer: httpx.Response) -> bool:
    body = answer.json()
    return set(body) == {"error"} and {"code", "message"} <= set(body["error"]) <= {"code", "message", "target"}


async def test_without_a_token_only_health_and_the_description_answer(quick: World) -> None:
    async with quick.client(None) as client:
        for path in OPEN_PATHS:
            assert (await client.get(path)).status_code == 200
        for path in (TOKENS, "/subscriptions", "/nothing", "/"):
            answer = await client.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert is_error(answer)
        refused = await client.post(TOKENS, content=b"{" * 100)  # the body is not even read
        assert refused.status_code == 401


def test_every_route_says_what_its_caller_must_be_allowed(quick: World) -> None:
    found = 0
    for router in _routers(quick.parts):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            found += 1
            allowed = [one.call for one in route.dependant.dependencies if isinstance(one.call, Allow)]
            assert bool(allowed) != (route.path in OPEN_PATHS), route.path
            for method in route.methods or ():
                described = quick.plane.api.openapi()["paths"][route.path][method.lower()]
                assert ("security" in described) == bool(allowed)
                assert "422" not in described["responses"]
    assert found > 3


BAD_BODIES: Final = [
    (b"{", "not JSON"),
    (b"\xff\xfe\x00", "not JSON"),
    (b'{"name": NaN}', "beyond all bounds"),
    (b'{"name": 1e999}', "beyond all bounds"),
    (b'{"name": "\\u0000"}', "zero byte"),
    (b'{"name": "\\ud800"}', "surrogate"),
    (b'{"\\u0000": 1}', "zero byte"),
    (b"[" * 100_000, "JSON"),
    (b"[" * 50 + b"]" * 50, "too deeply"),
    (b"[]", "must be an object"),
    (b"{}", "'name' is required"),
    (b'{"name": "x", "role": "king"}', "'role' must be one of"),
    (b'{"name": "x", "role": "reader", "extra": 1}', "'extra' is not known"),
    (b'{"name": "x", "role": "reader", "days": 0}', "'days' must be at least 1"),
    (b'{"name": 3, "role": "reader"}', "'name' must be a string"),
]


async def test_bad_bodies_are_explained_in_our_words(admin: httpx.AsyncClient) -> None:
    for content, said in BAD_BODIES:
        answer = await admin.post(TOKENS, content=content)
        assert answer.status_code == 400, content[:50]
        assert is_error(answer), content[:50]
        assert said in answer.json()["error"]["message"]
        assert "pydantic" not in answer.text
        assert "Input should" not in answer.text


async def test_a_long_body_is_refused_announced_or_not(admin: httpx.AsyncClient) -> None:
    long = json.dumps({"name": "x" * 1_100_000, "role": "reader"}).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(long), 65536):
            yield long[start : start + 65536]

    contents: list[bytes | AsyncIterator[bytes]] = [long, chunks()]
    for content in contents:
        answer = await admin.post(TOKENS, content=content)
        assert answer.status_code == 413
        assert is_error(answer)


async def test_unknown_paths_and_methods_have_the_same_shape(admin: httpx.AsyncClient) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("PATCH", TOKENS, 405), ("GET", f"{TOKENS}/%00", 400)):
        answer = await admin.request(method, path)
        assert answer.status_code == status
        assert is_error(answer)


async def test_a_mistake_of_ours_is_a_500_that_tells_nothing(
    quick: World, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(type(quick.parts.tokens), "list", lambda _: fail())
    answer = await admin.get(TOKENS)
    assert answer.status_code == 500
    assert is_error(answer)
    assert "secret" not in answer.text


async def test_headers_trace_a_request_and_keep_answers_out_of_caches(admin: httpx.AsyncClient) -> None:
    answer = await admin.get(TOKENS, headers={"x-ms-client-request-id": "mine", "x-ms-correlation-request-id": "a\tb"})
    assert answer.headers["x-ms-client-request-id"] == "mine"
    assert "x-ms-correlation-request-id" not in answer.headers
    assert len(answer.headers["x-ms-request-id"]) == 36
    assert answer.headers["cache-control"] == "no-store"


async def test_the_portal_gets_what_is_not_of_the_api(quick: World) -> None:
    asked: list[str] = []

    async def portal(scope: Scope, _receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    quick.plane.portal = portal
    async with quick.client(quick.token(Role.READER)) as client:
        assert (await client.get("/")).status_code == 204
        assert (await client.get("/login")).status_code == 204
        assert (await client.get("/HEALTH")).status_code == 200
        assert (await client.get("/Subscriptions/x")).status_code == 400  # an API version is missing
    assert asked == ["/", "/login"]
