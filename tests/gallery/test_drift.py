"""Drift on a database: counts of several servers, one look a week, baselines, and the alert rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import select
from tests.manual_clock import ManualClock

from mien.events import AlertMonitor, AlertRules, AuditLog, Condition, Deliveries, MetricStore
from mien.events.drift import API, BINS, KEPT_DAYS, DriftCounts, DriftSeries
from mien.gallery.drift import Drift, DriftError
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.claims import Claims
from mien.storage.tables import DriftCountRow, DriftStateRow, ResourceRow

BEGIN = datetime(2026, 9, 7, 12, tzinfo=UTC)  # a Monday


class World:
    """A resource and its cameras, with a clock to move."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self.clock = ManualClock(BEGIN)
        self.counts = DriftCounts(database, self.clock)
        self.audit = AuditLog(database, self.clock, vault)
        self.drift = self.server()
        self.random = np.random.default_rng(4)

    def server(self) -> Drift:
        """What one server has; another call is another server."""
        return Drift(self.database, self.clock, self.audit, Claims(self.database))

    def resource(self) -> UUID:
        made = uuid4()
        with self.database.write(EVERY_RESOURCE) as session:
            session.add(resource_row(made, self.clock.now()))
        return made

    def days(self, resource: UUID, count: int, *, level: float = 80.0, source: str = API) -> None:
        for _ in range(count):
            for value in self.random.normal(level, 8, 60):
                self.counts.note(resource, source, DriftSeries.QUALITY, float(value))
                self.counts.scores(resource, source, 0.7 + 0.01 * float(self.random.normal()), 0.3)
                self.counts.note(resource, source, DriftSeries.UNREAD, 0.0)
            self.counts.flush()
            self.clock.advance(timedelta(days=1))


def resource_row(made: UUID, now: datetime) -> ResourceRow:
    columns = {"id": made, "name": f"r{made.hex[:8]}", "created_at": now}
    for column in ResourceRow.__table__.columns:
        if column.name not in columns and not column.nullable and column.default is None:
            kind = column.type.python_type
            columns[column.name] = now if kind is datetime else uuid4() if kind is UUID else kind()
    return ResourceRow(**columns)


@pytest.fixture
def world(database: Database, vault: Vault) -> World:
    return World(database, vault)


def test_counts_of_several_servers_add_up_and_others_see_none_of_them(world: World) -> None:
    one, other = world.resource(), world.resource()
    second = DriftCounts(world.database, world.clock)
    for counts in (world.counts, second, world.counts):
        counts.note(one, API, DriftSeries.QUALITY, 77)
        counts.scores(one, "Gate", 0.61, 0.2)
        counts.scores(one, "Gate", None, None)
        assert counts.flush() == 4
        assert counts.flush() == 0
    with world.database.read(one) as session:
        rows = {(row.source, row.series, row.bin): row.count for row in session.scalars(select(DriftCountRow))}
    assert rows == {
        (API, "quality", 15): 3,
        ("Gate", "topScore", 12): 3,
        ("Gate", "topScore", BINS[DriftSeries.SCORE].count): 3,
        ("Gate", "margin", 8): 3,
    }
    with world.database.read(other) as session:
        assert session.scalars(select(DriftCountRow)).all() == []
    assert world.drift.of(other) == []


def test_counts_of_a_purged_resource_stop_nobody_elses(world: World) -> None:
    one = world.resource()
    world.counts.note(uuid4(), API, DriftSeries.QUALITY, 50)
    world.counts.note(one, API, DriftSeries.QUALITY, 50)
    assert world.counts.flush() == 1


def test_nothing_is_counted_where_it_is_switched_off(world: World) -> None:
    off = DriftCounts(world.database, world.clock, enabled=False)
    off.note(world.resource(), API, DriftSeries.QUALITY, 50)
    assert off.flush() == 0


def test_a_change_is_told_with_its_day_and_by_an_alert_once(world: World, vault: Vault) -> None:
    resource, camera = world.resource(), "Gate 1"
    world.days(resource, 35, source=camera)
    changed = world.clock.now().date()
    rules = AlertRules(world.database, vault, world.clock)
    rule, _ = rules.create("drift", Condition("Drift", 1), resource_id=resource)
    elsewhere, _ = rules.create("elsewhere", Condition("Drift", 1), resource_id=world.resource())
    deliveries = Deliveries(world.database, rules, lambda *_: 204, world.clock)
    monitor = AlertMonitor(
        world.database, rules, deliveries, MetricStore(world.database), world.clock, first=[world.drift.look]
    )
    assert world.drift.look() == 1
    monitor.evaluate()
    assert not rules.get(rule.id).firing
    world.days(resource, 7, level=55, source=camera)
    # Two servers look: one of them does it, and only once a week.
    assert world.drift.look() == 1
    assert world.server().look() == 0
    assert world.drift.look() == 0
    monitor.evaluate()
    assert rules.get(rule.id).firing
    assert rules.get(rule.id).value == 1
    assert not rules.get(elsewhere.id).firing
    found = world.drift.of(resource)
    assert [one.moved for one in found] == [True, False, False, False]
    assert (found[0].source, found[0].series) == (camera, DriftSeries.QUALITY)
    assert found[0].since is not None
    assert abs((found[0].since - changed).days) <= 1
    assert found[0].sentence.startswith("Changed since ")
    assert "mean 80 → 5" in found[0].sentence
    assert all("No change" in one.sentence for one in found[1:])


def test_a_new_baseline_ends_the_alarm_and_is_recorded(world: World) -> None:
    resource = world.resource()
    world.days(resource, 35)
    world.days(resource, 7, level=50)
    assert any(one.moved for one in world.drift.of(resource))
    begins = world.drift.set_baseline(resource, API, None, actor="cli:anna")
    assert begins == world.clock.now().date()
    assert not any(one.moved for one in world.drift.of(resource))
    assert any("takes four weeks" in one.sentence for one in world.drift.of(resource))
    world.days(resource, 42, level=50)
    assert {one.sentence for one in world.drift.of(resource)} == {"No change beyond chance."}
    entry = world.audit.search(limit=1)[0]
    assert (entry.action, entry.details) == ("drift.baseline", {"source": "api", "first": begins.isoformat()})
    with pytest.raises(DriftError, match="future"):
        world.drift.set_baseline(resource, API, date(2100, 1, 1), actor="cli:anna")
    with pytest.raises(DriftError, match="nothing was counted for the camera 'Nowhere'"):
        world.drift.set_baseline(resource, "Nowhere", None, actor="cli:anna")


def test_a_look_that_was_taken_over_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from mien.storage.claims import ClaimLostError, Held  # noqa: PLC0415  only here

    world.days(world.resource(), 36)

    def lost(*_: object) -> None:
        raise ClaimLostError("another server")

    monkeypatch.setattr(Held, "fence", lost)
    with pytest.raises(ClaimLostError):
        world.drift.look()
    with world.database.read(EVERY_RESOURCE) as session:
        assert session.scalars(select(DriftStateRow)).all() == []
    monkeypatch.undo()
    assert world.drift.look() == 1


def test_old_counts_are_deleted(world: World) -> None:
    resource = world.resource()
    world.days(resource, 2)
    world.clock.advance(timedelta(days=KEPT_DAYS))
    assert world.counts.purge() > 0
    assert world.counts.purge() == 0
