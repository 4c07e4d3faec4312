from datetime import timedelta
from uuid import UUID, uuid4

from tests.manual_clock import ManualClock

from mien.accounts import Accounts, Acknowledgement, Sku
from mien.events import MetricStore, Recorder
from mien.gateway.usage import rate_use, volume_use
from mien.gateway.volume import CallVolume
from mien.storage import Database, Vault

TERMS = Acknowledgement("Anna Admin", responsible_ai=True, not_for_police=True)


def test_rates_are_those_of_the_busiest_minute(database: Database, clock: ManualClock) -> None:
    recorder = Recorder(database, clock)
    free, paid, gone = uuid4(), uuid4(), uuid4()
    for calls in (15, 5):
        for resource_id in (free, paid, gone):
            for _ in range(calls):
                recorder.call(
                    resource_id, "op", 200, "", seconds=0.1, data_in=0, data_out=0, transactions=1, blocked=False
                )
        clock.advance(timedelta(minutes=1))
    recorder.flush()
    skus = {free: Sku.FREE, paid: Sku.STANDARD}

    def use(free_per_minute: int = 20, paid_per_second: int = 10) -> dict[UUID, float]:
        found = rate_use(MetricStore(database), skus, free_per_minute, paid_per_second, clock.now())
        assert {one.quota for one in found} <= {"rate"}
        return {one.resource_id: one.percent for one in found}

    assert use() == {free: 75, paid: 2.5}
    assert use(free_per_minute=0) == {paid: 2.5}
    clock.advance(timedelta(minutes=5))
    assert use() == {}


def test_volumes_are_those_of_the_month(database: Database, vault: Vault, clock: ManualClock) -> None:
    resource = Accounts(database, vault, clock).create("desk", terms=TERMS, sku=Sku.FREE)
    volume = CallVolume(database, clock, 10)
    assert all(volume.take(resource.id) for _ in range(8))
    skus = {resource.id: Sku.FREE}
    assert [use.percent for use in volume_use(database, skus, 10, clock.now())] == [80]
    assert volume_use(database, {resource.id: Sku.STANDARD}, 10, clock.now()) == []
    assert volume_use(database, skus, 0, clock.now()) == []
    assert volume_use(database, skus, 10, clock.now() + timedelta(days=31)) == []
