"""What a server knows of when messages arrived: no test here depends on how busy the machine is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from mien.liveness.channel.arrival import EmptyBuffer


@pytest.fixture
async def buffer() -> AsyncIterator[EmptyBuffer]:
    watched = EmptyBuffer(time.monotonic)
    yield watched
    watched.close()


async def until_empty(buffer: EmptyBuffer, after: float = 0.0) -> None:
    while not buffer.empty or buffer.known() < after:
        await asyncio.sleep(0.001)


async def test_a_message_after_silence_has_just_arrived(buffer: EmptyBuffer) -> None:
    sent = time.monotonic() + 0.1
    await until_empty(buffer, sent)
    assert buffer.took(100) >= sent
    assert not buffer.empty


async def test_a_message_that_a_stalled_loop_takes_may_have_arrived_before(buffer: EmptyBuffer) -> None:
    await until_empty(buffer)
    stalled = time.monotonic()
    time.sleep(0.1)
    assert buffer.took(100) <= stalled


async def test_messages_that_wait_for_one_another_may_have_arrived_with_the_first(buffer: EmptyBuffer) -> None:
    await until_empty(buffer)
    first = buffer.took(100)
    assert [buffer.took(time_ms) for time_ms in (200, 300, 400)] == [first] * 3


async def test_more_frames_than_a_camera_takes_buy_no_time(buffer: EmptyBuffer) -> None:
    sent = time.monotonic() + 0.1
    while buffer.known() < sent:  # frames that all claim the same time
        buffer.took(0)
        await asyncio.sleep(0.001)
    assert buffer.took(0) >= sent


async def test_the_time_for_which_the_loop_stands_still_is_counted(buffer: EmptyBuffer) -> None:
    await until_empty(buffer)
    before = buffer.stalled
    time.sleep(0.1)
    assert buffer.stalled >= before + 0.08  # while it lasts
    await until_empty(buffer, time.monotonic())
    assert buffer.stalled >= before + 0.08  # and after it
