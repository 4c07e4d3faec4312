"""The front door as a client meets it: keys, request ids, the platform's headers, pages."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import httpx
import pytest

KEY = "0123456789abcdef0123456789abcdef"
IMAGE = {"Content-Type": "application/octet-stream"}
DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)


async def test_a_wrong_key_is_the_recorded_answer(service: Any) -> None:
    async with service.client(**{"Ocp-Apim-Subscription-Key": "f" * 32}) as client:
        response = await client.post("/face/v1.2/detect", content=b"x")
    assert response.status_code == 401
    assert len(response.content) == 224
    assert response.json() == {"error": {"code": "401", "message": DENIED}}
    assert response.headers["x-ms-error-code"] == "401"


@pytest.mark.parametrize(
    ("headers", "query", "word"),
    [
        ({}, "", "No key was sent"),
        ({"Authorization": "Bearer abc"}, "", "bearer token"),
        ({"Authorization": KEY}, "", "not in Authorization"),
        ({"api-key": KEY}, "", "api-key"),
        ({"Ocp-Apim-Subscription-Key": ""}, "", "empty"),
        ({"Ocp-Apim-Subscription-Key": f'"{KEY}"'}, "", "quotes"),
        ({"Ocp-Apim-Subscription-Key": f"Bearer {KEY}"}, "", "Bearer"),
        ({"Ocp-Apim-Subscription-Key": "eyJhbGciOi.eyJpc3Mi.c2ln"}, "", "JWT"),
        ({"Ocp-Apim-Subscription-Key": "<your-key>"}, "", "placeholder"),
        ({"Ocp-Apim-Subscription-Key": "https://x.cognitiveservices.azure.com"}, "", "address"),
        ({}, f"?subscription-key={KEY}%0A", "line break"),
        ({}, "?subscription-key=", "empty"),
    ],
)
async def test_hints_about_keys(headers: dict[str, str], query: str, word: str, service: Any) -> None:
    async with service.client(**headers) as client:
        response = await client.post(f"/face/v1.2/detect{query}", content=b"x")
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["message"]) == (401, "401", DENIED)
    assert word in error["innererror"]["details"]["hint"]
    assert KEY not in response.text


async def test_a_key_in_the_query(service: Any, photo: bytes) -> None:
    async with service.client(**IMAGE) as client:
        response = await client.post(f"/face/v1.2/detect?Subscription-Key={KEY}", content=photo)
    assert response.status_code == 200


async def test_the_platform_headers(api: httpx.AsyncClient, photo: bytes) -> None:
    response = await api.post("/face/v1.2/detect", content=photo, headers={"x-ms-client-request-id": "abc"})
    assert str(UUID(response.headers["apim-request-id"])) == response.headers["apim-request-id"]
    assert response.headers["x-ms-client-request-id"] == "abc"
    assert re.fullmatch(r"\d+", response.headers["x-envoy-upstream-service-time"])
    assert response.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains; preload"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["csp-billing-usage"] == "CognitiveServices.Face.Transaction=1"
    again = await api.post("/face/v1.2/detect", content=b"")
    assert again.headers["apim-request-id"] != response.headers["apim-request-id"]
    assert "csp-billing-usage" not in again.headers


async def test_pages_need_no_key_and_no_other_server(service: Any) -> None:
    async with service.client() as client:
        for path in ("/", "/status", "/openapi.json", "/docs", "/docs/errors", "/docs/", "/docs?version=v1.0"):
            response = await client.get(path)
            assert response.status_code == 200, path
            # Only addresses inside examples of types, none that a browser would load.
            assert not re.search(r"""(src|href)=["']?(https?:)?//""", response.text), path
        assert (await client.get("/status")).json()["status"] == "ok"
        head = await client.head("/status")
        assert (head.status_code, head.content) == (200, b"")


async def test_every_anchor_that_an_error_names_is_on_the_page(service: Any) -> None:
    async with service.client() as client:
        page = (await client.get("/docs/errors")).text
        error = (await client.post("/face/v1.2/detect")).json()["error"]
    anchor = error["innererror"]["details"]["doc"].removeprefix("/docs/errors#")
    assert f'id="{anchor}"' in page
