"""Paths as Azure's clients write them, and hints where they miss."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from mien.contract.problem import Problem
from mien.contract.versions import ALL
from mien.gateway.exchange import Exchange, Operation, Response
from mien.wire.router import Router


async def nothing(exchange: Exchange) -> Response:
    return Response()


def operation(method: str, template: str, *versions: str) -> Operation:
    return Operation(f"{method} {template}", method, template, nothing, frozenset(versions) or ALL)


ROUTER = Router(
    [
        operation("POST", "/detect"),
        operation("GET", "/persons/{personId}", "v1.2-preview.1"),
        operation("DELETE", "/persons/{personId}", "v1.2-preview.1"),
        operation("GET", "/persons/search", "v1.2-preview.1"),
        operation("POST", "/persongroups/{personGroupId}/persons/{personId}/persistedFaces"),
        operation("PUT", "/facelists/{faceListId}"),
        operation("POST", "/detectLiveness-sessions", "v1.2"),
        operation("GET", "/detectLiveness-sessions/{sessionId}", "v1.2"),
        operation("POST", "/detectLiveness/singleModal/sessions", "v1.2-preview.1"),
    ]
)


@pytest.mark.parametrize(
    "path",
    ["/face/v1.2/detect", "//face/v1.2/detect", "/face/v1.2/detect/", "/FACE/V1.2/Detect", "/face//v1.2///detect"],
)
def test_the_ways_a_path_is_written(path: str) -> None:
    assert ROUTER.match("POST", path).operation.template == "/detect"
    assert ROUTER.match("POST", path).version == "v1.2"


def test_values_keep_their_case() -> None:
    found = ROUTER.match("POST", "/face/v1.0/PersonGroups/MyGroup/persons/A-b/persistedfaces")
    assert found.parameters == {"personGroupId": "MyGroup", "personId": "A-b"}


def test_a_literal_comes_before_a_value() -> None:
    assert ROUTER.match("GET", "/face/v1.2-preview.1/persons/search").operation.template == "/persons/search"
    assert ROUTER.match("GET", "/face/v1.2-preview.1/persons/x").parameters == {"personId": "x"}


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("GET", "/face/v1.2/detect", "POST /face/v1.2/detect"),
        ("POST", "/v1.2/detect", "POST /face/v1.2/detect"),
        ("POST", "/v1.0/detect/", "POST /face/v1.0/detect"),
        ("POST", "/detect", "POST /face/v1.2/detect"),
        ("POST", "/face/detect", "POST /face/v1.2/detect"),
        ("POST", "/face/v9.9/detect", "POST /face/v1.2/detect"),
        ("POST", "/face/1.2/detect", "POST /face/v1.2/detect"),
        ("POST", "/face/v1.2/detekt", "POST /face/v1.2/detect"),
        ("GET", "/face/v1.0/persons/x", "GET /face/v1.2-preview.1/persons/{personId}"),
        ("PUT", "/face/v1.2-preview.1/persons/x", "DELETE /face/v1.2-preview.1/persons/{personId}"),
    ],
)
def test_near_misses_name_the_right_call(method: str, path: str, right: str) -> None:
    with pytest.raises(Problem) as caught:
        ROUTER.match(method, path)
    assert (caught.value.status, caught.value.code, caught.value.message) == (404, "404", "Resource not found")
    assert caught.value.hint is not None
    assert right in caught.value.hint


@pytest.mark.parametrize(
    ("path", "before", "right"),
    [
        ("/face/v1.2/face/v1.2-preview.1/detect", "/face and the version twice", "POST /face/v1.2-preview.1/detect"),
        ("/face/v1.0/face/v1.0/detect", "/face and the version twice", "POST /face/v1.0/detect"),
        ("/face/v1.2/v1.2/detect", "/face and the version twice", "POST /face/v1.2/detect"),
        ("/v1.2/face/v1.2/detect", "/face and the version twice", "POST /face/v1.2/detect"),
        ("/FACE/V1.2/Face/V1.2/detect/", "/face and the version twice", "POST /face/v1.2/detect"),
        ("/face/face/v1.2/detect", "/face before /face", "POST /face/v1.2/detect"),
        ("/mien/face/v1.2/detect", "/mien before /face", "POST /face/v1.2/detect"),
        ("/mien/face/v1.2/detectLiveness-sessions", "/mien before /face", "POST /face/v1.2/detectLiveness-sessions"),
    ],
)
def test_a_path_in_the_endpoint_is_named_with_the_endpoint_to_configure(path: str, before: str, right: str) -> None:
    with pytest.raises(Problem) as caught:
        ROUTER.match("POST", path, lambda: "https://faces.test:8443")
    hint = caught.value.hint or ""
    assert before in hint
    assert "Configure the endpoint https://faces.test:8443 without that path" in hint
    assert hint.endswith(f"The call is {right}.")


@pytest.mark.parametrize("path", ["/face/v1.0detect", "/v1.0detect"])
def test_a_missing_slash_after_the_version_is_named(path: str) -> None:
    with pytest.raises(Problem) as caught:
        ROUTER.match("POST", path, lambda: "https://faces.test")
    assert "base URL https://faces.test/face/v1.0/ with the slash" in (caught.value.hint or "")
    assert "POST /face/v1.0/detect" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("POST", "/face/v1.2/detectLiveness/singleModal/sessions", "POST /face/v1.2/detectLiveness-sessions"),
        (
            "GET",
            "/face/v1.2/detectliveness/singlemodal/sessions/a",
            "GET /face/v1.2/detectLiveness-sessions/{sess",
        ),
        (
            "POST",
            "/face/v1.2-preview.1/detectLiveness-sessions",
            "POST /face/v1.2-preview.1/detectLiveness/singleModal/sessions",
        ),
    ],
)
def test_liveness_sessions_under_the_path_of_another_version(method: str, path: str, right: str) -> None:
    with pytest.raises(Problem) as caught:
        ROUTER.match(method, path)
    assert right in (caught.value.hint or "")
    assert "another path" in (caught.value.hint or "")


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/face", "/face/v1.2", "/x/y/z/" + "w/" * 200])
def test_far_misses_have_no_hint(path: str) -> None:
    with pytest.raises(Problem) as caught:
        ROUTER.match("GET", path)
    assert caught.value.hint is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "BREW"])
async def test_a_wrong_method_over_http(method: str, api: httpx.AsyncClient) -> None:
    response = await api.request(method, "/face/v1.2/detect")
    assert response.status_code == 404
    if method != "HEAD":
        assert response.json()["error"]["message"] == "Resource not found"
        assert "POST /face/v1.2/detect" in response.text


async def test_a_miss_needs_no_key(service: Any) -> None:
    async with service.client() as client:
        assert (await client.post("/nowhere")).content == (b'{"error":{"code":"404","message":"Resource not found"}}')


async def test_the_hint_names_the_address_that_the_caller_used(api: httpx.AsyncClient) -> None:
    response = await api.post("/face/v1.0/face/v1.0/detect")
    assert response.status_code == 404
    assert (
        "Configure the endpoint http://mien.test without" in response.json()["error"]["innererror"]["details"]["hint"]
    )
