"""Answers of engines that may miss somebody are checked by exact searches in what the database has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.conftest import sqlite_database
from tests.gallery.conftest import World, open_world, photo, unit
from tests.manual_clock import ManualClock
from tests.postgresql import MigratedDatabases, empty_postgresql
from tests.waiting import until

from mien.events.recall import RecallCounts, recall_percent
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.training.file_indexes import FileIndexes
from mien.gallery.training.indexes import TrainedIndexes
from mien.search import Query
from mien.storage import Database, MasterKey, Vault


@pytest.fixture
def database_url(postgresql_url: str, postgresql_databases: MigratedDatabases) -> Iterator[str]:
    """A migrated database of PostgreSQL, which has the approximate engine."""
    with empty_postgresql(postgresql_url, postgresql_databases.template) as url:
        yield url


@pytest.fixture
def world(database: Database, vault: Vault, clock: ManualClock, tmp_path: Path) -> World:
    world = open_world(database, vault, clock, tmp_path, search_engine="pgvector-hnsw")
    world.gallery.indexes.shadow.share = 1.0
    return world


def trained(world: World, people: int) -> tuple[CollectionRef, list[str]]:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    ids = [world.gallery.persons.create(ref, str(seed)) for seed in range(people)]
    for seed, person in enumerate(ids):
        world.gallery.faces.add(ref, photo({"seed": seed}), person_id=person)
    assert world.train(ref) == "succeeded"
    return ref, ids


def ask(world: World, ref: CollectionRef, seed: int) -> list[str]:
    (found,) = world.gallery.recognition.identify([world.detect(unit(seed))], ref)
    return [one.person_id for one in found.candidates]


def test_an_engine_that_loses_people_is_found_out(world: World, clock: ManualClock) -> None:
    ref, ids = trained(world, 30)
    told: list[tuple[UUID, UUID, float, int]] = []
    shadow = world.gallery.indexes.shadow
    shadow._told = lambda *more: told.append(more)
    counts = RecallCounts(world.gallery.rows.database, clock)
    shadow.counted = counts.note
    for seed in range(30):
        assert ask(world, ref, seed) == [ids[seed]]
    assert ask(world, ref, 1000) == []  # a stranger is nobody's miss
    world.gallery.persons.delete(ref, ids[29])
    assert ask(world, ref, 29) == []  # nor is a deleted person
    assert (shadow.check(), shadow.misses, shadow.recall, told) == (32, 0, 1.0, [])
    with world.gallery.rows.database.engine.begin() as connection:  # behind everybody's back
        gone = [UUID(one) for one in ids[:3]]
        lost = connection.execute(text("DELETE FROM search_templates WHERE person_id = ANY(:gone)"), {"gone": gone})
        assert lost.rowcount == 3
    with capture_logs() as logs:
        for seed in range(10):
            assert ask(world, ref, seed) == ([] if seed < 3 else [ids[seed]])
        assert shadow.check() == 10
    assert (shadow.checks, shadow.misses, shadow.recall) == (42, 3, 39 / 42)
    assert counts.flush() == 2
    percent = recall_percent(world.gallery.rows.database, world.owner, clock.now(), clock.now())
    assert percent == pytest.approx(100 * 39 / 42)
    uid = world.gallery.rows.get(ref).uid
    assert [one[:2] for one in told] == [(world.owner, uid)]  # once, at the second miss
    assert [one["log_level"] for one in logs].count("error") == 1


def test_the_thread_checks_what_a_server_answers(world: World) -> None:
    ref, ids = trained(world, 3)
    world.gallery.start()
    try:
        shadow = world.gallery.indexes.shadow
        assert ask(world, ref, 1) == [ids[1]]
        until(lambda: shadow.checks)
        assert (shadow.checks, shadow.misses) == (1, 0)
    finally:
        world.gallery.stop()


def test_filters_of_a_query_hold_for_its_check(world: World) -> None:
    ref, ids = trained(world, 4)
    search = world.gallery.indexes.search(world.gallery.rows.get(ref))
    assert search is not None
    probe = unit(0)[None]
    queries: list[dict[str, Any]] = [
        {"only": frozenset({UUID(ids[1])})},
        {"without": frozenset({UUID(ids[0])})},
        {"min_similarity": 0.9999, "without": frozenset({UUID(ids[0])})},
    ]
    for query in queries:
        search.search(probe, Query(**query))
    shadow = world.gallery.indexes.shadow
    assert (shadow.check(), shadow.misses) == (3, 0)
    shadow.offer(world.gallery.rows.get(ref), probe, Query(), [[]])
    assert (shadow.check(), shadow.misses) == (1, 1)


class Elsewhere(FileIndexes):
    """Files of which another server would be in charge: it deletes only when it is let."""

    elsewhere = True
    let: Callable[[], object]

    def prepare_tidy(self, uid: UUID, name: str) -> Callable[[], object]:
        delete = super().prepare_tidy(uid, name)
        return lambda: (self.let(), delete())


def test_no_transaction_waits_for_another_server(clock: ManualClock, tmp_path: Path) -> None:
    database = sqlite_database(tmp_path / "mien.db")
    vault = Vault(database, MasterKey(bytes(32)), clock)
    engine = Elsewhere(tmp_path / "indexes", vault)
    indexes = TrainedIndexes([engine], tmp_path / "indexes", database, vault)
    uid = UUID(int=7)
    for name in ("old", "new"):
        (engine.of(uid) / name).mkdir(parents=True)

    def write_in_another_thread() -> None:
        def write() -> None:
            with database.write(UUID(int=1)):
                written.set()

        written = threading.Event()
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        assert written.wait(20), "the database is locked while another server is waited for"
        thread.join()

    engine.let = write_in_another_thread
    with indexes.claim(uid) as held:
        assert held is not None
        indexes.tidy(uid, "new", held)
    assert [one.name for one in engine.of(uid).iterdir()] == ["new"]
    database.close()
