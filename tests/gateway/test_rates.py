"""How many calls: windows that move, counts that are shared, a Redis that goes away, and months."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.local_server import free_port
from tests.manual_clock import ManualClock
from tests.wire.conftest import resource

from mien.accounts import Resource, Sku
from mien.gateway import rates
from mien.gateway.errors import RateExceededError, VolumeExceededError
from mien.gateway.exchange import Exchange, Operation, Request, Response
from mien.gateway.rates import RateLimits, TierRates
from mien.gateway.volume import CallVolume
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import ResourceRow


async def nothing(_exchange: Exchange) -> Response:
    return Response()


def call(caller: Resource | None, version: str = "v1.2") -> Exchange:
    async def receive() -> dict[str, Any]:
        return {}

    request = Request({"method": "POST", "path": "/", "headers": []}, receive)
    operation = Operation("Face - Detect", "POST", "/detect", nothing, action="detect")
    return Exchange(request, operation, version, {}, "id", caller)


async def let_through(limits: RateLimits, caller: Resource, calls: int) -> int:
    """Make calls at once and return how many were let through."""
    results = await asyncio.gather(*(limits(call(caller)) for _ in range(calls)), return_exceptions=True)
    assert all(result is None or isinstance(result, RateExceededError) for result in results), results
    return sum(result is None for result in results)


async def let_through_in_a_second(limits: RateLimits, caller: Resource, calls: int) -> int:
    """Likewise; a machine that was busy for longer than a second lets more through, and tries again in the next one."""
    while True:
        begin = time.monotonic()
        through = await let_through(limits, caller, calls)
        if time.monotonic() - begin < 1:
            return through
        await asyncio.sleep(1.05)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait long for Redis: on a busy machine it answers late, and the server would count alone."""
    monkeypatch.setattr("mien.gateway.shared_counts._ANSWER_SECONDS", 30.0)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("shared", [False, True], ids=["memory", "redis"])
async def test_the_tiers_rates(shared: bool, request: pytest.FixtureRequest) -> None:
    limits = RateLimits(TierRates(), request.getfixturevalue("redis_url") if shared else None)
    free, other, paid = resource(sku=Sku.FREE), resource(sku=Sku.FREE), resource(sku=Sku.STANDARD)
    assert await let_through(limits, free, 30) == 20
    assert await let_through(limits, other, 5) == 5
    refused = call(free)
    with pytest.raises(RateExceededError) as caught:
        await limits(refused)
    assert refused.blocked
    assert 50 <= caught.value.retry_after <= 60
    assert await let_through_in_a_second(limits, paid, 15) == 10
    await asyncio.sleep(1.05)
    assert await let_through_in_a_second(limits, paid, 15) == 10  # the second is over
    assert await let_through(limits, free, 1) == 0  # the minute is not
    assert not limits.counts_alone
    await limits.close()


async def test_a_clock_that_is_set_back_refuses_nobody_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    limits, caller = RateLimits(TierRates()), resource(sku=Sku.STANDARD)
    assert await let_through_in_a_second(limits, caller, 15) == 10
    an_hour_ago = time.time() - 3600
    monkeypatch.setattr("time.time", lambda: an_hour_ago)
    await asyncio.sleep(1.05)
    assert await let_through_in_a_second(limits, caller, 15) == 10


async def test_what_is_not_counted() -> None:
    limits = RateLimits(TierRates(free_per_minute=1, paid_per_second=0))
    assert await let_through(limits, resource(sku=Sku.ENTERPRISE), 100) == 100
    free = resource(sku=Sku.FREE)
    for exchange in (call(None), call(free, version=""), call(free)):
        await limits(exchange)
    with pytest.raises(RateExceededError):
        await limits(call(free))


@pytest.mark.usefixtures("patient")
async def test_two_servers_share_one_count(redis_url: str) -> None:
    one, two = RateLimits(TierRates(), redis_url), RateLimits(TierRates(), redis_url)
    caller = resource(sku=Sku.FREE)
    counts = await asyncio.gather(let_through(one, caller, 25), let_through(two, caller, 25))
    assert sum(counts) == 20
    await asyncio.gather(one.close(), two.close())


async def test_a_redis_that_does_not_answer_takes_nobody_down() -> None:
    limits = RateLimits(TierRates(), f"valkey://127.0.0.1:{free_port()}")
    caller = resource(sku=Sku.FREE)
    assert await let_through(limits, caller, 30) == 20  # still bounded, by this server alone
    assert limits.counts_alone
    await limits.close()


@pytest.fixture
def free(database: Database) -> Resource:
    made = resource(id=uuid4(), sku=Sku.FREE)
    with database.write(EVERY_RESOURCE) as session:
        session.add(
            ResourceRow(id=made.id, name=made.name, location="x", sku=made.sku.value, created_at=made.created_at)
        )
    return made


async def test_the_months_volume(database: Database, free: Resource) -> None:
    clock = ManualClock(datetime(2026, 12, 30, 12, tzinfo=UTC))
    volume = CallVolume(database, clock, limit=3)
    for _ in range(3):
        await volume(call(free))
    again = CallVolume(database, clock, limit=3)  # another server, or this one after a restart
    refused = call(free)
    with pytest.raises(VolumeExceededError) as caught:
        await again(refused)
    assert refused.blocked
    assert (caught.value.days, caught.value.limit) == (1.5, 3)
    await again(call(resource(sku=Sku.STANDARD)))  # paid tiers have no volume
    clock.advance(timedelta(days=1.5))
    await again(call(free))


def test_volume_is_exact_under_parallel_calls(database: Database, free: Resource) -> None:
    volume = CallVolume(database, ManualClock(), limit=25)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: volume.take(free.id), range(60))) == 25


@pytest.mark.usefixtures("patient")
async def test_counts_are_shared_again_once_redis_is_back(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_RETRY_SECONDS", 0.2)
    port = int(redis_url.rpartition(":")[2].partition("/")[0])
    open_, connections = asyncio.Event(), set[asyncio.StreamWriter]()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on to the real Redis, as long as the way is open."""
        connections.add(writer)
        if not open_.is_set():
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", port)
        connections.add(back)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(4096):
                target.write(data)
                await target.drain()
            target.close()

        await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)

    open_.set()
    way = await asyncio.start_server(relay, "127.0.0.1", 0)
    limits = RateLimits(TierRates(), f"redis://127.0.0.1:{way.sockets[0].getsockname()[1]}")
    direct, caller = RateLimits(TierRates(), redis_url), resource(sku=Sku.FREE)
    assert await let_through(limits, caller, 5) == 5
    open_.clear()
    for connection in connections:
        connection.close()
    assert await let_through(limits, caller, 25) == 20  # counted here, from nothing
    alone = [limits.counts_alone]
    open_.set()
    await asyncio.sleep(0.3)
    assert await let_through(limits, caller, 1) == 1  # the sixth of those that Redis knows
    alone.append(limits.counts_alone)
    assert alone == [True, False]
    assert await let_through(direct, caller, 20) == 14
    await asyncio.gather(limits.close(), direct.close())
    way.close()
