import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.gallery.conftest import World, embedding, open_world, photo, unit
from tests.manual_clock import ManualClock
from tests.many_people import NewPerson, add_persons
from tests.waiting import until

from mien.gallery.errors import CollectionNotFoundError, NotTrainedError, TrainingNotFinishedError
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.types import FindMode, TrainingState
from mien.search import TrainedIndexFiles
from mien.storage import Database, Vault


def add(world: World, ref: CollectionRef, *seeds: int) -> list[str]:
    return add_persons(world.gallery, ref, [NewPerson("p", None, (embedding(unit(seed)),)) for seed in seeds])


def found(world: World, ref: CollectionRef) -> set[str]:
    probe = world.detect(unit(0))
    return {c.person_id for c in world.gallery.recognition.identify([probe], ref, 100, 0.0)[0].candidates}


def files(world: World, tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "snapshots").rglob("*") if path.suffix == ".segment"]


def test_the_states_of_a_training(world: World, clock: ManualClock) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    training = world.gallery.training
    with pytest.raises(NotTrainedError):
        training.status(ref)
    with pytest.raises(CollectionNotFoundError):
        training.start(world.ref(Kind.PERSON_GROUP, "none"))
    add(world, ref, 1)
    asked = clock.now()
    training.start(ref)
    waiting = training.status(ref)
    assert (waiting.status, waiting.created, waiting.last_success) == (TrainingState.NOT_STARTED, asked, None)
    clock.advance(timedelta(seconds=5))
    assert training.run_pending() == 1
    done = training.status(ref)
    assert (done.status, done.message) == (TrainingState.SUCCEEDED, None)
    assert (done.created, done.last_action, done.last_success) == (asked, clock.now(), clock.now())
    assert training.run_pending() == 0
    clock.advance(timedelta(seconds=5))
    add(world, ref, 2)
    changed = training.status(ref)
    assert (changed.last_action, changed.last_success) == (clock.now(), done.last_success)


def test_the_history_of_trainings(world: World, clock: ManualClock) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    training = world.gallery.training
    assert training.history(ref) == []
    assert world.train(ref) == "failed"  # nobody is in it
    add(world, ref, 1, 2)
    asked = clock.now()
    training.start(ref)
    (waiting, failed) = training.history(ref)
    assert (waiting.number, waiting.status, waiting.started, waiting.faces) == (
        2,
        TrainingState.NOT_STARTED,
        None,
        None,
    )
    assert (failed.number, failed.status, failed.attempts) == (1, TrainingState.FAILED, 1)
    assert "no person with a face" in (failed.message or "")
    clock.advance(timedelta(seconds=3))
    training.run_pending()
    clock.advance(timedelta(seconds=3))
    training.start(ref)  # nothing has changed
    skipped, done, _ = training.history(ref)
    assert (done.asked, done.started, done.ended) == (asked, asked + timedelta(seconds=3), asked + timedelta(seconds=3))
    assert (done.status, done.persons, done.faces, done.unchanged) == (TrainingState.SUCCEEDED, 2, 2, False)
    assert (skipped.status, skipped.unchanged, skipped.attempts, skipped.started) == ("succeeded", True, 0, None)
    training.rebuild(ref)
    assert training.history(ref)[0].attempts == 1
    for _ in range(60):
        training.start(ref)
    assert [one.number for one in training.history(ref)] == list(range(64, 14, -1))
    # It goes with its collection, and another of the same name begins anew.
    world.gallery.collections.delete(ref)
    assert training.history(world.make(Kind.PERSON_GROUP)) == []


def test_a_training_whose_resource_is_deleted_meanwhile_ends_quietly(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    add(world, ref, 1)
    real = TrainedIndexFiles.write

    def write(*arguments: Any) -> None:
        real(*arguments)
        world.accounts.delete(world.owner)
        world.accounts.purge(world.owner)

    monkeypatch.setattr(TrainedIndexFiles, "write", write)
    world.gallery.training.start(ref)
    world.gallery.training.run_pending()
    with pytest.raises(CollectionNotFoundError):
        world.gallery.training.history(ref)


def test_a_training_without_faces_fails_and_says_why(world: World) -> None:
    for kind, words in (
        (Kind.LARGE_PERSON_GROUP, "no person with a face"),
        (Kind.LARGE_FACE_LIST, "no face in the list"),
    ):
        ref = world.make(kind)
        if kind.has_persons:
            world.gallery.persons.create(ref, "without a face")
        assert world.train(ref) == "failed"
        assert words in (world.gallery.training.status(ref).message or "")
        with pytest.raises(NotTrainedError):
            probe = world.detect(unit(1))
            if kind.has_persons:
                world.gallery.recognition.identify([probe], ref)
            else:
                world.gallery.similar_faces.find_in(probe, ref, FindMode.MATCH_FACE)


def test_nobody_writes_while_it_is_trained(world: World) -> None:
    ref, faces = world.make(Kind.PERSON_GROUP), world.make(Kind.LARGE_FACE_LIST)
    person = world.gallery.persons.create(ref, "p")
    face = world.gallery.faces.add(ref, photo({"seed": 1}), person_id=person).persisted_face_id
    listed = world.gallery.faces.add(faces, photo({"seed": 1})).persisted_face_id
    gallery = world.gallery
    gallery.training.start(ref)
    gallery.training.start(faces)
    for write in (
        lambda: gallery.persons.create(ref, "q"),
        lambda: gallery.persons.update(ref, person, name="q"),
        lambda: gallery.persons.delete(ref, person),
        lambda: gallery.faces.add(ref, photo({"seed": 2}), person_id=person),
        lambda: gallery.faces.update(ref, face, "data", person),
        lambda: gallery.faces.delete(ref, face, person),
        lambda: gallery.collections.update(ref, name="q"),
        lambda: gallery.collections.delete(ref),
        lambda: gallery.training.start(ref),
        lambda: gallery.faces.add(faces, photo({"seed": 2})),
        lambda: gallery.faces.delete(faces, listed),
    ):
        with pytest.raises(TrainingNotFinishedError):
            write()
    assert gallery.persons.get(ref, person).name == "p"
    assert gallery.training.run_pending() == 2
    gallery.persons.update(ref, person, name="q")


def test_identify_sees_the_last_training_and_nothing_later(world: World) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    first = add(world, ref, 1, 2, 3)
    world.train(ref)
    second = add(world, ref, 4)
    assert found(world, ref) == set(first)
    # The old state serves on while the next one is made.
    world.gallery.training.start(ref)
    assert found(world, ref) == set(first)
    world.gallery.training.run_pending()
    assert found(world, ref) == {*first, *second}


def test_an_unchanged_collection_is_trained_at_once(world: World, clock: ManualClock, tmp_path: Path) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    add(world, ref, 1, 2)
    world.train(ref)
    before = files(world, tmp_path)
    clock.advance(timedelta(minutes=1))
    world.gallery.training.start(ref)
    status = world.gallery.training.status(ref)
    assert (status.status, status.last_success) == (TrainingState.SUCCEEDED, clock.now())
    assert files(world, tmp_path) == before
    # Names are not part of what is trained.
    world.gallery.collections.update(ref, name="renamed")
    world.gallery.training.start(ref)
    assert world.gallery.training.status(ref).status is TrainingState.SUCCEEDED


def test_a_later_training_writes_only_what_changed(world: World, tmp_path: Path) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    ids = add(world, ref, *range(200))
    world.train(ref)
    (large,) = files(world, tmp_path)
    number, size = large.stat().st_ino, large.stat().st_size
    late = add(world, ref, 500)
    world.gallery.persons.delete(ref, ids[0])
    world.train(ref)
    inodes = {path.stat().st_ino: path.stat().st_size for path in files(world, tmp_path)}
    assert inodes.pop(number) == size
    assert sum(inodes.values()) < size / 10
    assert found(world, ref) <= {*ids[1:], *late}
    assert late[0] in found(world, ref)
    assert len(list((tmp_path / "snapshots").glob("*/*/manifest.json"))) == 1


def test_templates_are_encrypted_in_the_snapshot(world: World, tmp_path: Path) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    add(world, ref, 1)
    world.train(ref)
    data = b"".join(path.read_bytes() for path in (tmp_path / "snapshots").rglob("*") if path.is_file())
    assert unit(1).tobytes()[:12] not in data
    row = world.gallery.rows.get(ref)
    assert len(world.gallery.indexes.store(row, row.snapshot or "").load()) == 1


def test_a_damaged_snapshot_is_made_anew_by_training(world: World, tmp_path: Path) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    ids = add(world, ref, 1, 2)
    world.train(ref)
    for path in files(world, tmp_path):
        os.truncate(path, 40)
    more = add(world, ref, 3)
    fresh = world.with_(gallery=world.open())
    assert fresh.train(ref) == "succeeded"
    assert found(fresh, ref) == {*ids, *more}


def test_a_training_that_fails_says_so_and_the_old_state_serves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    ids = add(world, ref, 1, 2)
    world.train(ref)
    add(world, ref, 3)

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TrainedIndexFiles, "update", no_room)
    assert world.train(ref) == "failed"
    assert "inside the service" in (world.gallery.training.status(ref).message or "")
    assert found(world, ref) == set(ids)
    monkeypatch.undo()
    assert world.train(ref) == "succeeded"
    assert len(found(world, ref)) == 3


def test_deleting_leaves_no_file(world: World, tmp_path: Path) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    add(world, ref, 1)
    world.train(ref)
    world.gallery.collections.delete(ref)
    assert list((tmp_path / "snapshots").iterdir()) == []
    other = world.make(Kind.LARGE_PERSON_GROUP)
    add(world, other, 1)
    world.train(other)
    world.accounts.delete(world.owner)
    world.accounts.purge(world.owner)
    assert world.gallery.purge() >= 1
    assert list((tmp_path / "snapshots").iterdir()) == []


def test_threads_take_up_what_was_asked_for(world: World) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    add(world, ref, 1)
    world.gallery.training.start(ref)
    fresh = world.open()
    fresh.start()
    try:
        until(lambda: fresh.training.status(ref).status is TrainingState.SUCCEEDED)
    finally:
        fresh.stop()


def test_deleted_templates_leave_the_files_within_half_an_hour_of_a_training_that_only_skips_them(
    world: World, clock: ManualClock
) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    ids = add(world, ref, *range(10))
    world.train(ref)
    world.gallery.persons.delete(ref, ids[3])
    world.train(ref)
    assert found(world, ref) == set(ids) - {ids[3]}
    store = stored(world, ref)
    assert store.holds_removed  # one of ten: the training rewrites nothing
    world.gallery.purge()
    assert stored(world, ref).holds_removed
    clock.advance(timedelta(minutes=30))
    world.gallery.purge()
    assert not stored(world, ref).holds_removed
    assert {len(segment) for segment in stored(world, ref).load().segments} == {9}
    assert found(world, ref) == set(ids) - {ids[3]}
    assert world.gallery.purge() == 0


def test_a_machine_without_the_snapshot_makes_it_from_the_database(
    world: World, database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> None:
    other = open_world(database, vault, clock, tmp_path / "other machine", owner=world.owner)
    ref = world.make(Kind.PERSON_GROUP)
    ids = add(world, ref, *range(6))
    world.train(ref)
    late = add(world, ref, 6)
    world.gallery.persons.delete(ref, ids[1])
    # What was trained, no more and no less, on either machine.
    assert found(other, ref) == found(world, ref) == set(ids) - {ids[1]}
    assert other.train(ref) == "succeeded"
    expected = {*ids, *late} - {ids[1]}
    assert found(world, ref) == found(other, ref) == expected
    world.gallery.purge()
    other.gallery.purge()
    for folder in (tmp_path, tmp_path / "other machine"):  # nothing is left of the training before
        assert len({path.parent for path in (folder / "snapshots").glob("*/*/*.segment")}) == 1


def stored(world: World, ref: CollectionRef) -> TrainedIndexFiles:
    row = world.gallery.rows.get(ref)
    store = world.gallery.indexes.store(row, row.snapshot or "")
    assert isinstance(store, TrainedIndexFiles)
    return store
