"""Servers on several machines: one database, a folder of trained indexes each."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from tests.conftest import MASTER_KEY
from tests.gallery.conftest import World, unit
from tests.gallery.texts import TextEngine, embedding, recognisers
from tests.manual_clock import ManualClock
from tests.many_people import NewPerson, add_persons
from tests.pausing import pause

from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.gallery import Gallery, open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.training import rebuilding
from mien.gallery.types import TrainingState
from mien.search import EnrolledTemplates, TrainedIndexCorruptError
from mien.search.segment import Segment
from mien.storage import Database, MasterKey, Vault
from mien.storage.claims import Claims

CHILD = """
import sys
from pathlib import Path
from uuid import UUID
import structlog
from tests.gallery.test_many_machines import machine
from mien.gallery.kinds import CollectionRef, Kind
from mien.search import TrainedIndexFiles
from mien.storage import Database
from mien.storage.claims import Claims

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
database = Database(sys.argv[1])
gallery = machine(database, Path(sys.argv[2]), Claims(database, 1.0))
ref = CollectionRef(UUID(sys.argv[3]), Kind.LARGE_PERSON_GROUP, "group")
swap = TrainedIndexFiles._replace_manifest
def wait(*arguments):
    print("training", flush=True)
    sys.stdin.readline()
    swap(*arguments)
TrainedIndexFiles._replace_manifest = wait
gallery.training.start(ref)
print("trained", gallery.training.run_pending(), flush=True)
"""


def machine(database: Database, folder: Path, claims: Claims | None = None) -> Gallery:
    """Open a gallery as a server of its own does."""
    clock = ManualClock()
    vault = Vault(database, MasterKey.from_hex(MASTER_KEY), clock)
    faces = DetectedFaces(database, vault, clock)
    return open_gallery(
        database,
        vault,
        clock,
        folder,
        engine=TextEngine(),
        recognisers=recognisers(),
        detected_faces=faces,
        claims=claims,
    )


Connect = Callable[[], Database]


@pytest.fixture
def connect(world: World) -> Iterator[Connect]:
    """Opens further connections to the database of `world`."""
    made: list[Database] = []

    def one() -> Database:
        made.append(Database(world.gallery.rows.database.url.render_as_string(hide_password=False)))
        return made[-1]

    yield one
    for database in made:
        database.close()


def add(gallery: Gallery, ref: CollectionRef, *seeds: int) -> list[str]:
    persons = [NewPerson(str(seed), None, (embedding(unit(seed)),)) for seed in seeds]
    return list(add_persons(gallery, ref, persons))


def found(world: World, gallery: Gallery, ref: CollectionRef, seed: int) -> list[str]:
    """Return whom a server identifies, who is exactly this."""
    (result,) = gallery.recognition.identify([world.detect(unit(seed))], ref, 1, 0.9)
    return [one.person_id for one in result.candidates]


def train(gallery: Gallery, ref: CollectionRef) -> None:
    gallery.training.start(ref)
    assert gallery.training.run_pending() == 1
    assert gallery.training.status(ref).status is TrainingState.SUCCEEDED


def test_a_paused_trainer_never_takes_the_index_back(world: World, connect: Connect, tmp_path: Path) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    here = machine(connect(), tmp_path / "here", Claims(connect(), 600))
    add(here, ref, *range(1, 30))
    url = world.gallery.rows.database.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(tmp_path / "there"), str(ref.resource_id)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "training\n"
        assert here.training.run_pending() == 0, "the other server has the claim"
        pause(process, world.gallery.rows.database)
        deadline = time.monotonic() + 120
        while here.training.run_pending() == 0:
            assert time.monotonic() < deadline, "the claim of a stopped server was never free"
            time.sleep(0.05)
        (late,) = add(here, ref, 99)
        train(here, ref)
        before = here.rows.get(ref)
        assert before.trained_revision == before.revision
        process.send_signal(signal.SIGCONT)
        output, _ = process.communicate("\n\n\n", timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert output == "trained 0\n"
    after = here.rows.get(ref)
    assert (after.revision, after.trained_revision, after.snapshot) == (
        before.revision,
        before.trained_revision,
        before.snapshot,
    )
    assert [(run.status.value, run.attempts) for run in here.training.history(ref)] == [
        ("succeeded", 1),
        ("succeeded", 2),
    ]
    third = machine(connect(), tmp_path / "there")
    for gallery in (here, third):
        assert found(world, gallery, ref, 99) == [late]


def test_each_training_is_done_by_one_server(world: World, connect: Connect, tmp_path: Path) -> None:
    refs = [world.make(Kind.LARGE_PERSON_GROUP, f"group-{number}") for number in range(4)]
    for number, ref in enumerate(refs):
        add(world.gallery, ref, *range(100 * number + 1, 100 * number + 20))
    servers = [machine(connect(), tmp_path / str(number), Claims(connect(), 600)) for number in range(3)]
    for ref in refs:
        servers[0].training.start(ref)
    with ThreadPoolExecutor(len(servers)) as pool:
        ended = list(pool.map(lambda server: server.training.run_pending(), servers))
    assert sum(ended) == len(refs)
    for ref in refs:
        (run,) = servers[1].training.history(ref)
        assert (run.status, run.attempts, run.faces) == (TrainingState.SUCCEEDED, 1, 19)
        assert servers[2].training.run_pending() == 0


def test_a_new_index_is_loaded_ahead_of_the_first_question(
    world: World, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    here, there = machine(connect(), tmp_path / "here"), machine(connect(), tmp_path / "there")
    first = add(here, ref, *range(1, 20))
    train(here, ref)
    assert there.loader.run_once() == 1
    (second,) = add(here, ref, 77)
    train(here, ref)
    assert there.loader.run_once() == 1
    assert there.loader.run_once() == 0
    for name in ("rebuild", "_change"):
        monkeypatch.delattr(rebuilding.Rebuilding, name)  # a question must not need them
    assert found(world, there, ref, 77) == [second]
    assert found(world, there, ref, 3) == [first[2]]
    there.loader.start()
    deadline = time.monotonic() + 120
    while not there.loader.ready:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    there.loader.stop()
    assert not there.loader.ready


def test_the_loader_serves_what_it_can(world: World, connect: Connect, tmp_path: Path) -> None:
    good, bad = (world.make(Kind.LARGE_PERSON_GROUP, name) for name in ("good", "bad"))
    for ref in (good, bad):
        add(world.gallery, ref, 1, 2)
        train(world.gallery, ref)
    there = machine(connect(), tmp_path / "there")
    search = there.indexes.search

    def broken(row):  # type: ignore[no-untyped-def]
        if row.collection_id == "bad":
            raise TrainedIndexCorruptError(tmp_path, "is damaged beyond repair")
        return search(row)

    there.indexes.search = broken  # type: ignore[method-assign]
    assert there.loader.run_once() == 1
    assert there.loader.run_once() == 0


@pytest.mark.heavy_on_postgresql
@pytest.mark.parametrize("seed", range(4))
def test_what_changed_is_brought_up_to_date_as_if_it_were_built_anew(
    world: World, connect: Connect, tmp_path: Path, seed: int
) -> None:
    """A server follows another's trainings by what changed; a third rebuilds the last one whole."""
    random, ref = Random(seed), world.make(Kind.LARGE_PERSON_GROUP)
    here, there = machine(connect(), tmp_path / "here"), machine(connect(), tmp_path / "there")
    persons = add(here, ref, *range(1, 15))
    train(here, ref)
    there.loader.run_once()
    for round_ in range(4):
        for number in range(random.randrange(3)):
            persons += add(here, ref, 100 * (round_ + 1) + number)
        for _ in range(random.randrange(3)):
            here.persons.delete(ref, persons.pop(random.randrange(len(persons))))
        if random.random() < 0.5:
            person = random.choice(persons)
            (face,) = here.persons.get(ref, person).persisted_face_ids
            here.faces.delete(ref, face, person_id=person)
        if random.random() < 0.4:
            here.compaction.take_out(ref.resource_id, here.rows.get(ref).uid)
        train(here, ref)
        there.loader.run_once()
    third = machine(connect(), tmp_path / "third")
    row = here.rows.get(ref)
    contents = []
    for gallery in (here, there, third):
        search = gallery.indexes.search(row)
        assert search is not None
        faces = search.faces()
        both = zip(faces.person_ids, faces.face_ids, faces.templates, strict=True)
        contents.append(sorted((p.tobytes(), f.tobytes(), t.tobytes()) for p, f, t in both))
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) == row.faces


def _files(folder: Path) -> dict[str, Path]:
    (manifest,) = folder.glob("*/*/manifest.json")
    (segment,) = manifest.parent.glob("*.segment")
    return {"manifest": manifest, "segment": segment}


@pytest.mark.heavy_on_postgresql  # the files are the same
@pytest.mark.parametrize("file", ["manifest", "segment"])
def test_damage_in_any_byte_is_found_and_mended_once(world: World, connect: Connect, tmp_path: Path, file: str) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    folder = tmp_path / "here"
    first = machine(connect(), folder)
    persons = add(first, ref, *range(1, 8))
    train(first, ref)
    database = connect()
    told: list[tuple[UUID, UUID, str]] = []
    probes = {seed: world.detect(unit(seed)) for seed in (2, 5)}
    size = _files(folder)[file].stat().st_size
    # Every byte of what is small, and a random byte of each part of what is not.
    step = max(1, size // 60)
    for start in range(0, size, step):
        path = _files(folder)[file]
        offset = min(path.stat().st_size - 1, Random(start).randrange(start, start + step))
        data = bytearray(path.read_bytes())
        data[offset] ^= 1 << Random(start).randrange(8)
        path.write_bytes(data)
        told.clear()
        gallery = machine(database, folder)
        gallery.indexes._damaged = lambda *what: told.append(what)
        for _ in range(2):  # every template is compared, so that each is read
            found = gallery.recognition.identify(list(probes.values()), ref, 100, -1.0)
            assert [one.candidates[0].person_id for one in found] == [persons[1], persons[4]], f"byte {offset}"
            row = gallery.rows.get(ref)
            search = gallery.indexes.search(row)
            assert search is not None
            assert len(search.faces()) == len(persons)
        assert len(told) == gallery.indexes.damages == 1, f"byte {offset}"
        assert told[0][:2] == (ref.resource_id, row.uid)
        assert gallery.training.broken() == []


def test_damage_that_a_training_comes_upon_is_mended(world: World, connect: Connect, tmp_path: Path) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    folder = tmp_path / "here"
    first = machine(connect(), folder)
    persons = add(first, ref, *range(1, 8))
    train(first, ref)
    path = _files(folder)["segment"]
    data = bytearray(path.read_bytes())
    data[-40] ^= 1  # a template, which is read when segments are merged
    path.write_bytes(data)
    again = machine(connect(), folder)
    persons += add(again, ref, *range(50, 60))
    train(again, ref)
    assert again.indexes.damages == 1
    assert again.training.broken() == []
    for seed, person in zip((1, 7, 50), (persons[0], persons[6], persons[7]), strict=True):
        assert found(world, again, ref, seed) == [person]


def test_a_disk_that_is_full_while_another_servers_index_is_made_leaves_nobody_out(
    world: World, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index of a later training was left with the content of an earlier one, and all later trainings went on so."""
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    here, there = machine(connect(), tmp_path / "here"), machine(connect(), tmp_path / "there")
    add(here, ref, *range(1, 15))
    train(here, ref)
    there.loader.run_once()
    (late,) = add(here, ref, 99)
    train(here, ref)

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Segment, "write", full)
        with pytest.raises(OSError, match="No space"):
            found(world, there, ref, 99)
    assert found(world, there, ref, 99) == [late]
    add(there, ref, 100)
    train(there, ref)
    assert found(world, there, ref, 99) == [late]


def test_nobody_is_found_on_any_server_after_everybody_was_deleted(
    world: World, connect: Connect, tmp_path: Path
) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    here, there = machine(connect(), tmp_path / "here"), machine(connect(), tmp_path / "there")
    persons = add(here, ref, 1, 2)
    train(here, ref)
    for one in persons:
        here.persons.delete(ref, one)
    assert found(world, here, ref, 1) == []
    assert found(world, there, ref, 1) == [], "this server had to build the index, and there was nothing to build"
    (late,) = add(there, ref, 3)
    train(there, ref)
    assert found(world, there, ref, 3) == [late]
    assert found(world, here, ref, 3) == [late]


def test_a_training_does_not_go_on_from_an_index_that_lacks_somebody(
    world: World, connect: Connect, tmp_path: Path
) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    folder = tmp_path / "here"
    first = machine(connect(), folder)
    persons = add(first, ref, *range(1, 8))
    train(first, ref)
    row = first.rows.get(ref)
    assert row.snapshot is not None
    search = first.indexes.search(row)
    assert search is not None
    faces = search.faces()
    fewer = EnrolledTemplates(faces.person_ids[1:], faces.face_ids[1:], faces.templates[1:])
    first.indexes.store(row, row.snapshot).write(fewer, search.fingerprint)
    again = machine(connect(), folder)
    add(again, ref, 50)
    train(again, ref)
    assert [found(world, again, ref, seed) for seed in range(1, 8)] == [[one] for one in persons]
    assert again.indexes.damages == 1
