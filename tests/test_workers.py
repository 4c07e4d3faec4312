"""The worker pool: bounded, outside the event loop, and honest about its places."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mien.workers import OWNER, OverloadedError, WorkerPool


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


async def owned(pool: WorkerPool, owner: str, work: Callable[[], Any]) -> Any:
    """Run work as a task of a request does, which has a context of its own."""
    OWNER.set(owner)
    return await pool.run(work)


async def test_another_owner_waits_for_one_turn_and_not_for_a_flood() -> None:
    pool = WorkerPool(1, 200)
    order: list[str] = []
    gate = threading.Event()
    first = asyncio.create_task(owned(pool, "flood", gate.wait))
    flood = [asyncio.create_task(owned(pool, "flood", lambda: order.append("flood"))) for _ in range(100)]
    await asyncio.sleep(0)
    single = [asyncio.create_task(owned(pool, name, lambda: order.append("single"))) for name in ("other", "third")]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *flood, *single)
    pool.close()
    assert order.index("single") <= 1
    assert sorted(order[:3]) == ["flood", "single", "single"]


async def test_a_full_queue_makes_room_for_whoever_has_less() -> None:
    pool = WorkerPool(1, 4)
    gate = threading.Event()
    flood = [asyncio.create_task(owned(pool, "flood", gate.wait)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await owned(pool, "flood", gate.wait)
    others = [asyncio.create_task(owned(pool, "other", gate.wait)) for _ in range(2)]
    await asyncio.sleep(0.05)
    with pytest.raises(OverloadedError):
        await owned(pool, "other", gate.wait)  # both have two: nobody gives way any more
    assert (pool.taken, pool.waiting) == (5, 4)
    gate.set()
    results = await asyncio.gather(*flood, return_exceptions=True)
    assert [type(one) for one in results] == [bool, bool, bool, OverloadedError, OverloadedError]
    assert await asyncio.gather(*others) == [True, True]
    pool.close()
    assert pool.taken == 0


async def test_whoever_gives_up_in_the_queue_frees_the_place() -> None:
    pool = WorkerPool(1, 1)
    gate = threading.Event()
    running = asyncio.create_task(owned(pool, "a", gate.wait))
    waiting = asyncio.create_task(owned(pool, "a", gate.wait))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0.01)
    assert pool.taken == 1
    last = asyncio.create_task(owned(pool, "a", lambda: True))
    await asyncio.sleep(0)
    gate.set()
    assert await last
    await running
    pool.close()
