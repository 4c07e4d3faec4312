"""The gallery searched by Milvus: the tests of identify, training and deletion, with a real server behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.gallery.conftest import World, open_world
from tests.gallery.test_recognition import (
    test_a_deleted_person_is_not_found_from_that_moment,
    test_faces_of_other_models_or_weights_are_never_compared,
    test_find_similar_in_a_large_face_list_is_of_the_last_training,
    test_identify_finds_who_was_enrolled_and_nobody_for_strangers,
)
from tests.gallery.test_training import (
    add,
    found,
    test_a_training_without_faces_fails_and_says_why,
    test_an_unchanged_collection_is_trained_at_once,
    test_identify_sees_the_last_training_and_nothing_later,
    test_nobody_writes_while_it_is_trained,
    test_the_states_of_a_training,
)
from tests.manual_clock import ManualClock

from mien.gallery.kinds import Kind
from mien.search import SearchEngineError
from mien.search.milvus import INDEXES, MilvusServer, MilvusTables, equals
from mien.storage import Database, Vault

__all__ = [
    "test_a_deleted_person_is_not_found_from_that_moment",
    "test_a_training_without_faces_fails_and_says_why",
    "test_an_unchanged_collection_is_trained_at_once",
    "test_faces_of_other_models_or_weights_are_never_compared",
    "test_find_similar_in_a_large_face_list_is_of_the_last_training",
    "test_identify_finds_who_was_enrolled_and_nobody_for_strangers",
    "test_identify_sees_the_last_training_and_nothing_later",
    "test_nobody_writes_while_it_is_trained",
    "test_the_states_of_a_training",
]

pytestmark = pytest.mark.heavy


@pytest.fixture
def tables(milvus_url: str) -> Iterator[MilvusTables]:
    opened = MilvusTables(MilvusServer(milvus_url))
    yield opened
    opened.close()


@pytest.fixture
def world(milvus_url: str, database: Database, vault: Vault, clock: ManualClock, tmp_path: Path) -> World:
    return open_world(database, vault, clock, tmp_path, search_engine="milvus", milvus=MilvusServer(milvus_url))


def template_tables(tables: MilvusTables) -> list[str]:
    """The tables of templates that are on the server."""
    return [name for name in tables._client.list_collections() if name.startswith("mien_templates_")]


def templates(tables: MilvusTables, world: World) -> set[tuple[str, int]]:
    """The faces of a resource that are on the server, each with the number of its row."""
    where = equals("resource", str(world.owner))
    return {
        (row["face"], row["id"]) for table in template_tables(tables) for row in tables.rows(table, where, ("face",))
    }


def test_what_is_deleted_leaves_milvus(world: World, tables: MilvusTables, clock: ManualClock) -> None:
    ref, other = world.make(Kind.LARGE_PERSON_GROUP), world.make(Kind.PERSON_GROUP, "other")
    ids = add(world, ref, 1, 2, 3)
    add(world, other, 4)
    world.train(ref)
    world.train(other)
    assert len(templates(tables, world)) == 4
    world.gallery.persons.delete(ref, ids[0])
    assert found(world, ref) == set(ids[1:])
    clock.advance(timedelta(minutes=31))
    assert world.gallery.purge() >= 1
    assert len(templates(tables, world)) == 3
    assert found(world, ref) == set(ids[1:])
    world.gallery.collections.delete(other)
    assert len(templates(tables, world)) == 2
    world.accounts.delete(world.owner)
    world.accounts.purge(world.owner)
    world.gallery.purge()
    assert templates(tables, world) == set()
    assert tables.count(INDEXES, equals("resource", str(world.owner))) == 0


def test_a_later_training_changes_only_what_changed(world: World, tables: MilvusTables) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    ids = add(world, ref, *range(20))
    world.train(ref)
    before = templates(tables, world)
    world.gallery.persons.delete(ref, ids[0])
    late = add(world, ref, 50)
    world.train(ref)
    after = templates(tables, world)
    assert (len(before & after), len(after)) == (19, 20)  # those rows were not written again
    assert found(world, ref) == {*ids[1:], *late}


def test_the_engine_is_changed_by_the_next_training(
    world: World,
    tables: MilvusTables,
    milvus_url: str,
    database: Database,
    vault: Vault,
    clock: ManualClock,
    tmp_path: Path,
) -> None:
    server = MilvusServer(milvus_url)
    ref = world.make(Kind.PERSON_GROUP)
    ids = add(world, ref, 1, 2)
    world.train(ref)
    with capture_logs() as logs:
        opened = open_world(database, vault, clock, tmp_path, owner=world.owner, milvus=server)
    exact = replace(world, gallery=opened.gallery)
    assert logs == []
    assert found(exact, ref) == set(ids)  # the index in Milvus is used until the next training
    assert exact.train(ref) == "succeeded"
    assert templates(tables, world) == set()
    assert found(exact, ref) == set(ids)
    with capture_logs() as logs:
        again = open_world(database, vault, clock, tmp_path, owner=world.owner, search_engine="milvus", milvus=server)
    assert "unencrypted" in logs[0]["event"]
    assert again.train(ref) == "succeeded"
    assert len(templates(tables, world)) == 2
    assert found(again, ref) == set(ids)
    assert not list((tmp_path / "snapshots").rglob("*.segment"))


def test_a_lost_index_is_rebuilt_from_the_database(world: World, tables: MilvusTables) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    ids = add(world, ref, 1, 2)
    world.train(ref)
    assert world.gallery.training.broken() == []
    own = equals("resource", str(world.owner))
    for table in template_tables(tables):
        tables.delete(table, own)
    assert world.gallery.training.broken() == [ref]
    world.gallery.training.rebuild(ref)
    assert found(world, ref) == set(ids)
    tables.delete(INDEXES, own)
    fresh = world.open()  # another server, which has nothing loaded
    assert found(replace(world, gallery=fresh), ref) == set(ids)


def test_without_a_server_the_engine_is_refused(
    database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> None:
    with pytest.raises(SearchEngineError, match="set MIEN_MILVUS_URL"):
        open_world(database, vault, clock, tmp_path, search_engine="milvus")
