"""Reading a body: bounded in size and time, with and without a length, whole or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mien.gateway.errors import BodyTimeoutError, BodyTooLargeError, ClientGoneError
from mien.gateway.exchange import Request

MEGA = 1024 * 1024


def request(receive: Callable[[], Awaitable[Any]], length: int | str | None = None) -> Request:
    headers = [] if length is None else [(b"content-length", str(length).encode())]
    return Request({"method": "POST", "path": "/", "headers": headers}, receive)


def sender(*chunks: bytes, more_at_end: bool = False) -> Callable[[], Awaitable[Any]]:
    left = list(chunks)

    async def receive() -> Any:
        chunk = left.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(left) or more_at_end}

    return receive


async def test_chunks_are_joined() -> None:
    assert await request(sender(b"a", b"", b"bc")).read(3, 1) == b"abc"


async def test_an_announced_length_is_refused_before_a_byte_is_read() -> None:
    for length in (4, "9" * 400):
        with pytest.raises(BodyTooLargeError):
            await request(sender(), length).read(3, 1)


async def test_an_unannounced_length_is_read_past_but_not_kept() -> None:
    with pytest.raises(BodyTooLargeError) as caught:
        await request(sender(*[bytes(MEGA)] * 8)).read(MEGA, 1)
    assert not caught.value.endless


async def test_an_endless_body_ends() -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": bytes(MEGA), "more_body": True}

    with pytest.raises(BodyTooLargeError) as caught:
        await request(receive).read(MEGA, 5)
    assert caught.value.endless


async def test_a_body_that_does_not_come() -> None:
    with pytest.raises(BodyTimeoutError):
        await request(asyncio.Event().wait).read(3, 0.01)


async def test_a_client_that_leaves() -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGoneError):
        await request(receive).read(3, 1)
