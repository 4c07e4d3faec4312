"""What is acknowledged survives `kill -9`; parallel writes are all applied or refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import MASTER_KEY
from tests.gallery.conftest import World, photo, unit
from tests.gallery.texts import TextEngine, embedding, recognisers
from tests.many_people import NewPerson, add_persons
from tests.waiting import until

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.clock import SystemClock
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.errors import ConflictError, GalleryError, TrainingNotFinishedError
from mien.gallery.gallery import Gallery, open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.types import TrainingState
from mien.storage import Database, MasterKey, Vault

CHILD = """
import sys, threading
from pathlib import Path
from uuid import UUID
from tests.conftest import MASTER_KEY
from tests.gallery.test_crash_and_concurrency import opened
from tests.gallery.texts import photo
from mien.gallery.kinds import CollectionRef, Kind
from mien.search import TrainedIndexFiles
from mien.storage import Database

gallery, _ = opened(Database(sys.argv[1]), Path(sys.argv[2]))
ref = CollectionRef(UUID(sys.argv[3]), Kind.LARGE_PERSON_GROUP, "group")
"""

ENROL_FOR_EVER = """
seed = 0
while True:
    person = gallery.persons.create(ref, "p")
    face = gallery.faces.add(ref, photo({"seed": seed}), person_id=person).persisted_face_id
    print(person, face, flush=True)
    seed += 1
"""

TRAIN_AND_STOP = """
swap = TrainedIndexFiles._replace_manifest
def stop(*arguments):
    if sys.argv[4] == "after":
        swap(*arguments)
    print("training", flush=True)
    threading.Event().wait()
TrainedIndexFiles._replace_manifest = stop
gallery.training.start(ref)
gallery.training.run_pending()
"""


@pytest.fixture
def connect() -> Iterator[Callable[[str], Database]]:
    """Opens databases, and closes them at the end."""
    made: list[Database] = []

    def open_one(url: str) -> Database:
        made.append(Database(url))
        return made[-1]

    yield open_one
    for database in made:
        database.close()


Connect = Callable[[str], Database]


def opened(database: Database, folder: Path) -> tuple[Gallery, DetectedFaces]:
    vault = Vault(database, MasterKey.from_hex(MASTER_KEY), SystemClock())
    faces = DetectedFaces(database, vault, SystemClock())
    gallery = open_gallery(
        database,
        vault,
        SystemClock(),
        folder,
        engine=TextEngine(),
        recognisers=recognisers(),
        detected_faces=faces,
    )
    return gallery, faces


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, *map(str, arguments)], stdout=subprocess.PIPE, text=True, cwd=root
    )


def kill(process: subprocess.Popen[str]) -> str:
    os.kill(process.pid, signal.SIGKILL)
    rest, _ = process.communicate()
    return rest


@pytest.fixture
def place(database: Database, database_url: str, tmp_path: Path) -> tuple[str, Path, CollectionRef]:
    vault = Vault(database, MasterKey.from_hex(MASTER_KEY), SystemClock())
    owner = Accounts(database, vault, SystemClock()).create("owner", terms=DEVELOPMENT_TERMS).id
    ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, "group")
    opened(database, tmp_path)[0].collections.create(ref, "group", None, "recognition_04")
    return database_url, tmp_path / "snapshots", ref


@pytest.mark.heavy_on_postgresql
def test_an_acknowledged_enrolment_survives_kill_9(place: tuple[str, Path, CollectionRef], connect: Connect) -> None:
    url, folder, ref = place
    process = child(ENROL_FOR_EVER, url, folder, ref.resource_id)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(10)]
    lines += [line for line in kill(process).splitlines(keepends=True) if line.endswith("\n")]
    gallery, _ = opened(connect(url), folder)
    for line in lines:
        person, face = line.split()
        assert gallery.persons.get(ref, person).persisted_face_ids == (face,)
    counted = gallery.collections.get(ref)
    assert counted.faces in {len(lines), len(lines) + 1}
    assert counted.persons - counted.faces in {0, 1}


@pytest.mark.heavy_on_postgresql
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_training_that_was_killed_is_begun_again(
    place: tuple[str, Path, CollectionRef], connect: Connect, moment: str
) -> None:
    url, folder, ref = place
    gallery, faces = opened(connect(url), folder)
    first = add_persons(gallery, ref, [NewPerson("p", None, (embedding(unit(1)),))])
    gallery.training.start(ref)
    gallery.training.run_pending()
    second = add_persons(gallery, ref, [NewPerson("p", None, (embedding(unit(2)),))])
    process = child(TRAIN_AND_STOP, url, folder, ref.resource_id, moment)
    assert process.stdout is not None
    assert process.stdout.readline() == "training\n"
    assert gallery.training.status(ref).status is TrainingState.RUNNING
    # Somebody has the claim: nobody else begins, and the old state serves.
    assert gallery.training.run_pending() == 0
    (probe,) = faces.remember(ref.resource_id, "recognition_04", [embedding(unit(2))], 600)
    kill(process)
    gallery, _ = opened(connect(url), folder)
    everyone = gallery.recognition.identify([probe], ref, 10, 0.0)[0].candidates
    assert [candidate.person_id for candidate in everyone] == first
    with pytest.raises(TrainingNotFinishedError):
        gallery.persons.create(ref, "p")
    gallery.start()
    until(lambda: gallery.training.status(ref).status is TrainingState.SUCCEEDED)
    gallery.stop()
    everyone = gallery.recognition.identify([probe], ref, 10, 0.0)[0].candidates
    assert {candidate.person_id for candidate in everyone} == {*first, *second}
    again, before = gallery.training.history(ref)
    assert (again.status, again.attempts, again.faces) == (TrainingState.SUCCEEDED, 2, 2)
    assert (before.status, before.attempts, before.faces) == (TrainingState.SUCCEEDED, 1, 1)
    assert again.started is not None
    assert again.started > again.asked
    assert len(list(folder.glob("*/*/manifest.json"))) == 1


def test_parallel_writes_are_applied_or_refused(world: World) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    shared = world.gallery.persons.create(ref, "shared")
    other = world.open()

    def write(number: int) -> bool:
        gallery = (world.gallery, other)[number % 2]
        try:
            gallery.faces.add(ref, photo({"seed": number}), person_id=shared)
            own = gallery.persons.create(ref, str(number))
            gallery.faces.add(ref, photo({"seed": 1000 + number}), person_id=own)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        done = sum(pool.map(write, range(30)))
    counted = world.gallery.collections.get(ref)
    assert done > 0
    assert counted.faces == 2 * done
    assert len(world.gallery.persons.get(ref, shared).persisted_face_ids) == done
    assert world.train(ref) == "succeeded"
    row = world.gallery.rows.get(ref)
    assert len(world.gallery.indexes.store(row, row.snapshot or "").load()) == 2 * done


def test_everything_at_once_ends_in_a_state_that_adds_up(world: World) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    world.gallery.start()

    def work(number: int) -> None:
        try:
            person = world.gallery.persons.create(ref, "p")
            world.gallery.faces.add(ref, photo({"seed": number}), person_id=person)
            if number % 3 == 0:
                world.gallery.persons.delete(ref, person)
            if number % 4 == 0:
                world.gallery.training.start(ref)
            world.gallery.recognition.identify([world.detect(unit(number))], ref)
        except GalleryError:
            pass  # refused: being trained, not trained yet

    try:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(40)))
    finally:
        world.gallery.stop()
    fresh = world.open()
    fresh.training.run_pending()
    people = fresh.persons.page(ref)
    counted = fresh.collections.get(ref)
    assert counted.persons == len(people)
    assert counted.faces == sum(len(person.persisted_face_ids) for person in people)


def test_the_last_place_is_given_once(world: World) -> None:
    ref = world.make(Kind.FACE_LIST)

    def create(_: int) -> bool:
        try:
            world.gallery.collections.create(CollectionRef(world.owner, Kind.PERSON_GROUP, "one"), "name")
        except GalleryError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(create, range(12))) == 1
    assert world.gallery.collections.get(ref).faces == 0
