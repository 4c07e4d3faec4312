"""Writes answer without a body: what clients that read every answer as JSON make of it (decision 0165)."""

from __future__ import annotations

from uuid import uuid4

import aiohttp
from tests.conftest import Server


async def test_aiohttp_reads_empty_answers_as_none(server: Server) -> None:
    path = f"/face/v1.0/persongroups/{uuid4().hex}"
    headers = {"Ocp-Apim-Subscription-Key": server.key1}
    name = {"name": "Family"}
    writes = (("PUT", "", 200), ("PATCH", "", 200), ("DELETE", "", 200), ("PUT", "", 200), ("POST", "/train", 202))
    async with aiohttp.ClientSession(server.endpoint, headers=headers) as session:
        for method, below, status in writes:
            async with session.request(method, f"{path}{below}", json=None if below else name) as response:
                assert response.status == status
                assert response.headers["Content-Length"] == "0"
                assert await response.json() is None


async def test_an_empty_204_has_no_type(server: Server) -> None:
    headers = {"Ocp-Apim-Subscription-Key": server.key1}
    wanted = {"livenessOperationMode": "Passive", "deviceCorrelationId": uuid4().hex}
    async with aiohttp.ClientSession(server.endpoint, headers=headers) as session:
        async with session.post("/face/v1.2/detectLiveness-sessions", json=wanted) as response:
            made = (await response.json())["sessionId"]
        async with session.delete(f"/face/v1.2/detectLiveness-sessions/{made}") as response:
            assert response.status == 204
            assert "Content-Type" not in response.headers
            assert "Content-Length" not in response.headers
