"""The worker pool: bounded, outside the event loop, and honest about its places."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from mien.workers import OverloadedError, WorkerPool


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool(workers=2, queue_limit=1)
    yield made
    made.close()


async def test_work_runs_in_another_thread(pool: WorkerPool) -> None:
    assert await pool.run(threading.get_ident) != threading.get_ident()
    assert pool.taken == 0


async def test_an_exception_comes_back(pool: WorkerPool) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await pool.run(int, "x")
    assert pool.taken == 0


async def test_beyond_the_queue_is_refused(pool: WorkerPool) -> None:
    release = threading.Event()
    running = [asyncio.create_task(pool.run(release.wait, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError) as caught:
        await pool.run(int)
    assert caught.value.retry_after >= 1
    release.set()
    assert await asyncio.gather(*running) == [True, True, True]
    assert await pool.run(int) == 0


async def test_a_place_is_free_when_the_work_ends_not_when_its_caller_gives_up(pool: WorkerPool) -> None:
    release = threading.Event()
    started = threading.Event()

    def work() -> None:
        started.set()
        release.wait(10)

    task = asyncio.create_task(pool.run(work))
    await asyncio.to_thread(started.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool.taken == 1
    release.set()
    while pool.taken:
        await asyncio.sleep(0.001)
