"""The gallery searched by PostgreSQL: the tests of identify, training and deletion, with pgvector behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.gallery.conftest import World, open_world
from tests.gallery.test_migrations import enrol, opened, seen
from tests.gallery.test_recognition import (
    test_a_deleted_person_is_not_found_from_that_moment,
    test_faces_of_other_models_or_weights_are_never_compared,
    test_find_similar_in_a_large_face_list_is_of_the_last_training,
    test_identify_finds_who_was_enrolled_and_nobody_for_strangers,
    test_the_default_threshold_grows_with_the_group,
)
from tests.gallery.test_training import (
    add,
    found,
    test_a_training_without_faces_fails_and_says_why,
    test_an_unchanged_collection_is_trained_at_once,
    test_identify_sees_the_last_training_and_nothing_later,
    test_nobody_writes_while_it_is_trained,
    test_the_states_of_a_training,
    test_threads_take_up_what_was_asked_for,
)
from tests.manual_clock import ManualClock
from tests.postgresql import MigratedDatabases, empty_postgresql

from mien.gallery import enrolment
from mien.gallery.crops import Crop
from mien.gallery.kinds import Kind
from mien.search import SearchEngineError
from mien.settings import Settings
from mien.storage import Database, MasterKey, Vault, migrate

__all__ = [
    "test_a_deleted_person_is_not_found_from_that_moment",
    "test_a_training_without_faces_fails_and_says_why",
    "test_an_unchanged_collection_is_trained_at_once",
    "test_faces_of_other_models_or_weights_are_never_compared",
    "test_find_similar_in_a_large_face_list_is_of_the_last_training",
    "test_identify_finds_who_was_enrolled_and_nobody_for_strangers",
    "test_identify_sees_the_last_training_and_nothing_later",
    "test_nobody_writes_while_it_is_trained",
    "test_the_default_threshold_grows_with_the_group",
    "test_the_states_of_a_training",
    "test_threads_take_up_what_was_asked_for",
]


@pytest.fixture
def database_url(postgresql_url: str, postgresql_databases: MigratedDatabases) -> Iterator[str]:
    """A migrated database of PostgreSQL: the other kind cannot be searched."""
    with empty_postgresql(postgresql_url, postgresql_databases.template) as url:
        yield url


@pytest.fixture(params=["pgvector", pytest.param("pgvector-hnsw", marks=pytest.mark.heavy)])
def world(
    request: pytest.FixtureRequest, database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> World:
    return open_world(database, vault, clock, tmp_path, search_engine=request.param)


BOTH = pytest.mark.parametrize("world", ["pgvector", "pgvector-hnsw"], indirect=True)


def templates(database: Database) -> int:
    with database.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM search_templates")).scalar_one())


def written(database: Database) -> set[tuple[str, str]]:
    """Each template's face with the transaction that wrote it."""
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT face_id::text, xmin::text FROM search_templates"))
        return {(str(row[0]), str(row[1])) for row in rows}


@BOTH
def test_what_is_deleted_leaves_postgresql(world: World, database: Database, clock: ManualClock) -> None:
    ref, other = world.make(Kind.LARGE_PERSON_GROUP), world.make(Kind.PERSON_GROUP, "other")
    ids = add(world, ref, 1, 2, 3)
    add(world, other, 4)
    world.train(ref)
    world.train(other)
    assert templates(database) == 4
    world.gallery.persons.delete(ref, ids[0])
    assert found(world, ref) == set(ids[1:])
    clock.advance(timedelta(minutes=31))
    assert world.gallery.purge() >= 1
    assert templates(database) == 3
    assert found(world, ref) == set(ids[1:])
    world.gallery.collections.delete(other)
    assert templates(database) == 2
    world.accounts.delete(world.owner)
    world.accounts.purge(world.owner)
    world.gallery.purge()
    assert templates(database) == 0


@BOTH
def test_a_later_training_changes_only_what_changed(world: World, database: Database) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    ids = add(world, ref, *range(20))
    world.train(ref)
    before = written(database)
    world.gallery.persons.delete(ref, ids[0])
    late = add(world, ref, 50)
    world.train(ref)
    assert len(before & written(database)) == 19  # those rows were not written again
    assert found(world, ref) == {*ids[1:], *late}


@BOTH
def test_the_engine_is_changed_by_the_next_training(
    world: World, database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    ids = add(world, ref, 1, 2)
    world.train(ref)
    with capture_logs() as logs:
        exact = replace(world, gallery=open_world(database, vault, clock, tmp_path, owner=world.owner).gallery)
    assert logs == []
    assert found(exact, ref) == set(ids)  # what there is serves on
    assert exact.train(ref) == "succeeded"
    assert templates(database) == 0
    assert found(exact, ref) == set(ids)
    with capture_logs() as logs:
        again = open_world(database, vault, clock, tmp_path, owner=world.owner, search_engine="pgvector")
    assert "unencrypted" in logs[0]["event"]
    assert found(again, ref) == set(ids)
    assert again.train(ref) == "succeeded"
    assert templates(database) == 2
    assert found(again, ref) == set(ids)
    assert not list((tmp_path / "snapshots").rglob("*.segment"))


def test_a_migration_to_another_recogniser(
    database: Database, vault: Vault, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolment, "make_crop", Crop)
    world, migrations, _ = opened(database, vault, clock, tmp_path, search_engine="pgvector")
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    ids = enrol(world, ref, 1, 2)
    world.train(ref)
    migrations.prepare(migrations.plan(ref, "recognition_03"))
    assert seen(world, ref, 1, "old", "recognition_04") == [ids[1]]
    migrations.migrate(migrations.plan(ref, "recognition_03"))
    assert seen(world, ref, 2, "new", "recognition_03") == [ids[2]]
    assert templates(database) == 2
    migrations.roll_back(ref)
    assert seen(world, ref, 2, "old", "recognition_04") == [ids[2]]


@BOTH
def test_a_lost_state_is_rebuilt(world: World, database: Database) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    ids = add(world, ref, 1, 2)
    world.train(ref)
    assert world.gallery.training.broken() == []
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM search_collections"))
    assert world.gallery.training.broken() == [ref]
    world.gallery.training.rebuild(ref)
    assert found(world, ref) == set(ids)


def test_sqlite_and_unknown_engines_are_refused(clock: ManualClock, tmp_path: Path, monkeypatch: Any) -> None:
    database = Database(f"sqlite:///{tmp_path / 'other.db'}")
    migrate(database)
    vault = Vault(database, MasterKey(bytes(32)), clock)
    with pytest.raises(SearchEngineError, match="needs PostgreSQL: set MIEN_DATABASE_URL"):
        open_world(database, vault, clock, tmp_path, search_engine="pgvector")
    database.close()
    monkeypatch.setenv("MIEN_SEARCH_ENGINE", "faiss")
    with pytest.raises(ValueError, match="search_engine"):
        Settings()
