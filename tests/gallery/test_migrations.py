"""Collections change their recogniser: nothing is lost, the old templates serve until the new ones are whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from tests.gallery.conftest import World
from tests.gallery.texts import CALIBRATION, DIMENSION, Found, TextEngine, photo, unit
from tests.manual_clock import ManualClock

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.gallery import enrolment
from mien.gallery.crops import Crop
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.directory.services import DirectoryServices, open_directory
from mien.gallery.errors import FingerprintMismatchError, NotCalibratedError, TrainingNotFinishedError
from mien.gallery.gallery import open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.recognisers import Recogniser, Recognisers
from mien.gallery.reembedding.job import CannotMigrateError, MigrationRunningError, Migrations, NothingToRollBackError
from mien.gallery.reembedding.switch import PlaceTakenError
from mien.gallery.types import FindMode
from mien.storage import Database, Vault
from mien.storage.tables import OtherTemplateRow, PersistedFaceRow
from mien.vision.types import Want

FINGERPRINTS = {"old": "a" * 64, "new": "b" * 64}
LABELS = {"recognition_01": "old", "recognition_02": "old", "recognition_03": "new", "recognition_04": "old"}
TURN = np.linalg.qr(np.random.default_rng(7).normal(size=(DIMENSION, DIMENSION)))[0].astype(np.float32)


class TwoEngines(TextEngine):
    """Two recognisers whose templates have nothing to do with each other; calls back before each photo."""

    def __init__(self) -> None:
        self.before: Callable[[str], None] = lambda _pack: None
        self.blind = False

    def analyze(self, image: bytes, want: Want) -> Found:
        pack = want.recogniser or ""
        self.before(pack)
        self.fingerprint = FINGERPRINTS[pack]
        found = super().analyze(image, want)
        if self.blind:
            return replace(found, faces=())
        if pack != "new":
            return found
        faces = tuple(
            replace(face, embedding=replace(face.embedding, vector=turned(face.embedding.vector)))
            for face in found.faces
            if face.embedding
        )
        return replace(found, faces=faces)


def turned(vector: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.asarray(TURN @ vector, np.float32)
    return found


def bound(labels: dict[str, str]) -> Recognisers:
    return Recognisers(
        {label: Recogniser(label, pack, FINGERPRINTS[pack], CALIBRATION) for label, pack in labels.items()}
    )


def opened(
    database: Database,
    vault: Vault,
    clock: ManualClock,
    folder: Path,
    labels: dict[str, str] = LABELS,
    *,
    search_engine: str = "exact",
) -> tuple[World, Migrations, DirectoryServices]:
    engine, faces = TwoEngines(), DetectedFaces(database, vault, clock)
    gallery = open_gallery(
        database,
        vault,
        clock,
        folder / "snapshots",
        engine=engine,
        recognisers=bound(labels),
        detected_faces=faces,
        search_engine=search_engine,
    )
    accounts = Accounts(database, vault, clock)
    there = accounts.named("owner")
    owner = there.id if there else accounts.create("owner", terms=DEVELOPMENT_TERMS).id
    if not there:
        gallery.policies.set(owner, EnrolmentPolicy(keep_crops=True))
    migrations = Migrations(
        gallery,
        vault,
        engine,
        bound(labels),
        pack_of={FINGERPRINTS[name]: name for name in FINGERPRINTS}.get,
        threads=1,
    )
    directory = open_directory(gallery, database, vault, clock, engine=engine, recognisers=bound(labels))
    return World(gallery, owner, faces, engine, accounts, lambda: gallery), migrations, directory


@pytest.fixture(autouse=True)
def crops_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolment, "make_crop", Crop)


@pytest.fixture
def place(
    database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> Callable[..., tuple[World, Migrations, DirectoryServices]]:
    return lambda **labels: opened(database, vault, clock, tmp_path, {**LABELS, **labels})


Place = Callable[..., tuple[World, Migrations, DirectoryServices]]


def enrol(world: World, ref: CollectionRef, *seeds: int) -> dict[int, str]:
    """Enrol one face a seed; gives the person or, in lists, the face."""
    found = {}
    for seed in seeds:
        person = world.gallery.persons.create(ref, str(seed)) if ref.kind.has_persons else None
        face = world.gallery.faces.add(ref, photo({"seed": seed}), person_id=person).persisted_face_id
        found[seed] = person or face
    return found


def seen(world: World, ref: CollectionRef, seed: int, pack: str, model: str) -> list[str]:
    """Who is found by a photo of a seed."""
    vector = unit(seed) if pack == "old" else turned(unit(seed))
    probe = world.detect(vector, model, FINGERPRINTS[pack])
    if ref.kind.has_persons:
        return [one.person_id for one in world.gallery.recognition.identify([probe], ref)[0].candidates]
    return [one.face_id for one in world.gallery.similar_faces.find_in(probe, ref, FindMode.MATCH_PERSON)]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(Kind.PERSON_GROUP, marks=pytest.mark.heavy_on_postgresql),
        Kind.LARGE_PERSON_GROUP,
        pytest.param(Kind.LARGE_FACE_LIST, marks=pytest.mark.heavy_on_postgresql),
        Kind.FACE_LIST,
    ],
)
def test_a_collection_is_migrated_to_another_model_and_back(place: Place, kind: Kind) -> None:
    world, migrations, _ = place()
    ref = world.make(kind)
    ids = enrol(world, ref, 1, 2, 3)
    if kind.trained:
        world.train(ref)
        world.gallery.faces.delete(ref, *_a_face(world, ref, 3, ids[3]))
    plan = migrations.plan(ref, "recognition_03")
    assert (plan.faces, plan.ready, plan.to_make, plan.lost) == ((2, 0, 2, ()) if kind.trained else (3, 0, 3, ()))
    steps: list[tuple[int, int]] = []
    assert migrations.migrate(plan, report=lambda *step: steps.append(step)) == []
    assert steps[-1] == (plan.faces, plan.faces)
    for where in (world, place()[0]):
        assert where.gallery.collections.get(ref).recognition_model == "recognition_03"
        assert seen(where, ref, 1, "new", "recognition_03") == [ids[1]]
        assert seen(where, ref, 99, "new", "recognition_03") == []
        with pytest.raises(Exception, match="detected with recognition_04, not with recognition_03"):
            seen(where, ref, 1, "old", "recognition_04")
    if kind.trained:
        assert world.gallery.training.status(ref).status.value == "succeeded"
        assert world.gallery.training.history(ref)[0].message == "Migrated to recognition_03."
        assert seen(world, ref, 3, "new", "recognition_03") == []
    later = enrol(world, ref, 4)
    if kind.trained:
        world.train(ref)
    assert seen(world, ref, 4, "new", "recognition_03") == [later[4]]
    assert migrations.plan(ref, "recognition_04").ready == plan.faces
    # The face that came later gets an old template from its crop.
    migrations.roll_back(ref)
    assert world.gallery.collections.get(ref).recognition_model == "recognition_04"
    for seed, one in {**{seed: ids[seed] for seed in (1, 2)}, **later}.items():
        assert seen(world, ref, seed, "old", "recognition_04") == [one]
    with pytest.raises(NothingToRollBackError):
        migrations.roll_back(ref)
    assert migrations.forget(ref) == plan.faces + 1


def _a_face(world: World, ref: CollectionRef, seed: int, one: str) -> tuple[str, str | None]:
    if not ref.kind.has_persons:
        return one, None
    return world.gallery.persons.get(ref, one).persisted_face_ids[0], one


def test_new_weights_under_the_same_label(place: Place) -> None:
    world, _, _ = place()
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    ids = enrol(world, ref, 1, 2)
    world.train(ref)
    after, migrations, _ = place(recognition_04="new")
    command = r"`mien models migrate --collection largePersonGroup/group`"
    with pytest.raises(FingerprintMismatchError, match=command):
        seen(after, ref, 1, "new", "recognition_04")
    with pytest.raises(FingerprintMismatchError, match=command):
        after.gallery.faces.add(ref, photo({"seed": 9}), person_id=ids[1])
    with pytest.raises(FingerprintMismatchError, match=command):
        after.gallery.recognition.verify_person(
            world.owner, after.detect(turned(unit(1)), "recognition_04", FINGERPRINTS["new"]), ids[1], ref
        )
    # The servers that run with the old binding go on while everything is prepared.
    migrations.prepare(migrations.plan(ref))
    assert seen(world, ref, 1, "old", "recognition_04") == [ids[1]]
    more = enrol(world, ref, 3)
    plan = migrations.plan(ref)
    assert (plan.ready, plan.to_make) == (2, 1)
    migrations.migrate(plan)
    for seed, person in {**ids, **more}.items():
        assert seen(after, ref, seed, "new", "recognition_04") == [person]
    assert not migrations.plan(ref).needed


def test_faces_without_a_crop_are_named_and_nothing_is_lost(place: Place, database: Database) -> None:
    world, migrations, _ = place()
    ref = world.make(Kind.PERSON_GROUP)
    ids = enrol(world, ref, 1, 2)
    world.gallery.policies.set_for(ref, EnrolmentPolicy(min_size=1))
    ids |= enrol(world, ref, 3)
    world.train(ref)
    (bare,) = world.gallery.persons.get(ref, ids[3]).persisted_face_ids
    plan = migrations.plan(ref, "recognition_03")
    assert plan.lost == ((UUID(ids[3]), UUID(bare)),)
    with pytest.raises(CannotMigrateError, match="--leave-out") as raised:
        migrations.migrate(plan)
    assert raised.value.lost == plan.lost
    assert seen(world, ref, 3, "old", "recognition_04") == [ids[3]]
    assert migrations.migrate(plan, leave_out=True) == list(plan.lost)
    assert seen(world, ref, 1, "new", "recognition_03") == [ids[1]]
    assert seen(world, ref, 3, "new", "recognition_03") == []
    assert world.gallery.persons.get(ref, ids[3]).persisted_face_ids == (bare,)
    # The person is still there, and what is left out takes part in nothing.
    probe = world.detect(turned(unit(3)), "recognition_03", FINGERPRINTS["new"])
    with pytest.raises(Exception, match="no face of the person"):
        world.gallery.recognition.verify_person(world.owner, probe, ids[3], ref)
    with pytest.raises(CannotMigrateError):
        migrations.forget(ref)
    migrations.roll_back(ref)
    assert seen(world, ref, 3, "old", "recognition_04") == [ids[3]]
    with database.read(world.owner) as session:
        assert all(len(row.sealed) > 0 for row in session.query(PersistedFaceRow))


def test_a_crop_without_a_face_is_told(place: Place) -> None:
    world, migrations, _ = place()
    ref = world.make(Kind.FACE_LIST)
    enrol(world, ref, 1)
    assert isinstance(world.engine, TwoEngines)
    world.engine.blind = True
    with pytest.raises(CannotMigrateError):
        migrations.migrate(migrations.plan(ref, "recognition_03"))
    with pytest.raises(CannotMigrateError):  # of nobody there would be nothing to search
        migrations.migrate(migrations.plan(ref, "recognition_03"), leave_out=True)
    world.engine.blind = False
    assert len(seen(world, ref, 1, "old", "recognition_04")) == 1


@pytest.mark.parametrize("kind", [Kind.LARGE_PERSON_GROUP, Kind.FACE_LIST])
def test_writes_and_searches_go_on_meanwhile(place: Place, kind: Kind) -> None:
    world, migrations, _ = place()
    ref = world.make(kind)
    ids = enrol(world, ref, *range(40))
    if kind.trained:
        world.train(ref)
    other, _, _ = place()
    engine, late, calls = world.engine, {}, []
    assert isinstance(engine, TwoEngines)

    def meanwhile(pack: str) -> None:
        calls.append(pack)
        if len(calls) in {3, 35, 41, 43}:
            # The old state serves, and what is added now must not be lost.
            assert seen(other, ref, 1, "old", "recognition_04") == [ids[1]]
            try:
                late.update(enrol(other, ref, 100 + len(calls)))
            except TrainingNotFinishedError:  # as in any training: refused, not lost
                assert kind.trained
        if len(calls) == 5:
            other.gallery.faces.delete(ref, *_a_face(other, ref, 7, ids[7]))

    engine.before = meanwhile
    assert migrations.migrate(migrations.plan(ref, "recognition_03")) == []
    assert len(late) >= 2
    for seed, one in {**ids, **late}.items():
        assert seen(world, ref, seed, "new", "recognition_03") == ([] if seed == 7 else [one])


def test_an_enrolment_that_meets_the_switch_is_made_again(place: Place) -> None:
    world, migrations, _ = place()
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    person = world.gallery.persons.create(ref, "p")
    enrol(world, ref, 1)
    other, _, _ = place()
    assert isinstance(other.engine, TwoEngines)

    def switch(pack: str) -> None:
        if pack == "old":
            migrations.migrate(migrations.plan(ref, "recognition_03"))

    other.engine.before = switch
    other.gallery.faces.add(ref, photo({"seed": 2}), person_id=person)
    assert world.train(ref) == "succeeded"
    assert seen(world, ref, 2, "new", "recognition_03") == [person]


def test_a_failure_leaves_the_old_state_and_open_doors(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    world, migrations, _ = place()
    ref = world.make(Kind.PERSON_GROUP)
    ids = enrol(world, ref, 1)
    world.train(ref)
    before = world.gallery.training.status(ref)

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mien.search.TrainedIndexFiles.write", no_room)
    with pytest.raises(OSError, match="No space"):
        migrations.migrate(migrations.plan(ref, "recognition_03"))
    monkeypatch.undo()
    assert world.gallery.training.status(ref) == before
    assert seen(world, ref, 1, "old", "recognition_04") == [ids[1]]
    migrations.roll_back(ref)  # drops what was prepared
    assert migrations.plan(ref, "recognition_03").ready == 0


def test_one_process_at_a_time(place: Place) -> None:
    world, migrations, _ = place()
    ref = world.make(Kind.FACE_LIST)
    enrol(world, ref, 1)
    with world.gallery.indexes.claim(migrations.plan(ref).uid, "migration"), pytest.raises(MigrationRunningError):
        migrations.migrate(migrations.plan(ref, "recognition_03"))


def test_a_plan_that_somebody_else_has_carried_out(place: Place) -> None:
    """Such as that of a page that was open meanwhile: the way back stays."""
    world, migrations, _ = place()
    ref = world.make(Kind.PERSON_GROUP)
    ids = enrol(world, ref, 1)
    world.train(ref)
    plan = migrations.plan(ref, "recognition_03")
    for where in (migrations, place()[1]):
        assert where.migrate(plan) == []
        assert seen(world, ref, 1, "new", "recognition_03") == [ids[1]]
    migrations.roll_back(ref)
    assert seen(world, ref, 1, "old", "recognition_04") == [ids[1]]


def test_what_has_no_faces_changes_its_label(place: Place) -> None:
    world, migrations, _ = place()
    ref = world.make(Kind.PERSON_GROUP)
    migrations.migrate(migrations.plan(ref, "recognition_03"))
    assert world.gallery.collections.get(ref).recognition_model == "recognition_03"
    ids = enrol(world, ref, 1)
    world.train(ref)
    assert seen(world, ref, 1, "new", "recognition_03") == [ids[1]]
    same = world.make(Kind.FACE_LIST, "same")
    faces = enrol(world, same, 1)
    migrations.migrate(migrations.plan(same, "recognition_01"))  # the same weights under another label
    assert seen(world, same, 1, "old", "recognition_01") == [faces[1]]
    migrations.roll_back(same)
    assert seen(world, same, 1, "old", "recognition_04") == [faces[1]]


def test_an_uncalibrated_target_is_refused(place: Place) -> None:
    world, migrations, _ = place()
    ref = world.make(Kind.FACE_LIST)
    plan = migrations.plan(ref, "recognition_03")
    with pytest.raises(NotCalibratedError):
        migrations.migrate(replace(plan, target=replace(plan.target, measured=None)))


def test_a_person_directory_is_migrated(place: Place) -> None:
    world, migrations, services = place()
    owner, directory = world.owner, services.directory
    persons = {}
    for seed in (1, 2):
        persons[seed] = directory.create(owner, str(seed)).id or ""
        directory.add_face(owner, persons[seed], "recognition_04", photo({"seed": seed}))
    services.dynamic_groups.create(owner, "some", "Some", add=[persons[2]])
    (ref,) = [one for one in migrations.collections(owner) if one.kind is Kind.DIRECTORY]
    migrations.migrate(migrations.plan(ref, "recognition_03"))

    def found(seed: int, pack: str, model: str) -> tuple[list[str], list[str]]:
        vector = unit(seed) if pack == "old" else turned(unit(seed))
        probe = world.detect(vector, model, FINGERPRINTS[pack])
        (everyone,) = services.recognition.identify_persons(owner, [probe], ["*"])
        (some,) = services.recognition.identify_dynamic(owner, [probe], "some")
        return [one.person_id for one in everyone.candidates], [one.person_id for one in some.candidates]

    assert found(1, "new", "recognition_03") == ([persons[1]], [])
    assert found(2, "new", "recognition_03") == ([persons[2]], [persons[2]])
    assert found(1, "old", "recognition_04") == ([], [])
    (face,) = directory.face_ids(owner, persons[1], "recognition_03")
    assert directory.face_ids(owner, persons[1], "recognition_04") == []
    # Both names can be written to afterwards, also by a server that was there before.
    directory.add_face(owner, persons[1], "recognition_04", photo({"seed": 1}))
    assert found(1, "old", "recognition_04")[0] == [persons[1]]
    with pytest.raises(PlaceTakenError):
        migrations.roll_back(CollectionRef(owner, Kind.DIRECTORY, "recognition_03"))
    (second,) = directory.face_ids(owner, persons[1], "recognition_04")
    directory.delete_face(owner, persons[1], "recognition_04", second)
    migrations.roll_back(CollectionRef(owner, Kind.DIRECTORY, "recognition_03"))
    assert directory.face_ids(owner, persons[1], "recognition_04") == [face]
    assert found(2, "old", "recognition_04") == ([persons[2]], [persons[2]])
    # New weights under the same label.
    _, again, later = place(recognition_04="new")
    again.migrate(again.plan(CollectionRef(owner, Kind.DIRECTORY, "recognition_04")))
    probe = world.detect(turned(unit(2)), "recognition_04", FINGERPRINTS["new"])
    (answer,) = later.recognition.identify_persons(owner, [probe], ["*"])
    assert [one.person_id for one in answer.candidates] == [persons[2]]


def test_a_copy_in_another_resource_can_be_migrated_too(place: Place) -> None:
    world, migrations, services = place()
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    world.gallery.policies.set_for(ref, EnrolmentPolicy(keep_crops=True, min_size=5))
    ids = enrol(world, ref, 1, 2)
    world.train(ref)
    other = world.accounts.create("other", terms=DEVELOPMENT_TERMS).id
    taken = services.transfers.take(ref, [other])
    services.transfers.apply(other, taken.id or "", "copy")
    copy = CollectionRef(other, Kind.LARGE_PERSON_GROUP, "copy")
    assert world.gallery.crops.count(other, copy) == 2
    assert world.gallery.policies.get_for(copy).min_size == 5
    there = world.with_(owner=other)
    migrations.migrate(migrations.plan(copy, "recognition_03"))
    assert seen(there, copy, 2, "new", "recognition_03") == [ids[2]]
    assert seen(world, ref, 2, "old", "recognition_04") == [ids[2]]


def test_deleting_takes_the_other_templates_along(place: Place, database: Database) -> None:
    world, migrations, _ = place()
    ref = world.make(Kind.PERSON_GROUP)
    ids = enrol(world, ref, 1, 2)
    migrations.migrate(migrations.plan(ref, "recognition_03"))
    world.gallery.persons.delete(ref, ids[1])
    with database.read(world.owner) as session:
        assert session.query(OtherTemplateRow).count() == 1
    world.gallery.collections.delete(ref)
    with database.read(world.owner) as session:
        assert session.query(OtherTemplateRow).count() == 0


CHILD = """
import sys, threading
from pathlib import Path
from tests.conftest import MASTER_KEY
from tests.gallery.test_migrations import opened
from tests.manual_clock import ManualClock
from mien.gallery import enrolment
from mien.gallery.reembedding import rows
from mien.gallery.crops import Crop
from mien.gallery.kinds import Kind
from mien.storage import Database, MasterKey, Vault

enrolment.make_crop = Crop
database = Database(sys.argv[1])
world, migrations, _ = opened(
    database, Vault(database, MasterKey.from_hex(MASTER_KEY), ManualClock()), ManualClock(), Path(sys.argv[2])
)
ref = world.ref(Kind.LARGE_PERSON_GROUP)
calls = []

def stop(*_):
    calls.append(1)
    if len(calls) == 34 or sys.argv[3] == "switching":
        print("there", flush=True)
        threading.Event().wait()

if sys.argv[3] == "making":
    world.engine.before = stop
else:
    rows.swap_templates = stop
migrations.migrate(migrations.plan(ref, "recognition_03"))
"""


@pytest.mark.heavy_on_postgresql
@pytest.mark.parametrize("moment", ["making", "switching"])
def test_a_migration_that_is_killed_goes_on_where_it_was(
    database: Database, database_url: str, vault: Vault, clock: ManualClock, tmp_path: Path, moment: str
) -> None:
    world, migrations, _ = opened(database, vault, clock, tmp_path)
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    ids = enrol(world, ref, *range(36))
    world.train(ref)
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, database_url, str(tmp_path), moment],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    process.kill()
    process.communicate()
    assert seen(world, ref, 5, "old", "recognition_04") == [ids[5]]
    plan = migrations.plan(ref, "recognition_03")
    assert plan.ready == (32 if moment == "making" else 36)
    made: list[str] = []
    assert isinstance(world.engine, TwoEngines)
    world.engine.before = made.append
    if moment == "switching":
        # Writers were kept out when it was killed: the next training or migration opens the door again.
        with pytest.raises(TrainingNotFinishedError):
            world.gallery.persons.create(ref, "p")
    migrations.migrate(plan)
    assert len(made) == plan.to_make
    for seed, person in ids.items():
        assert seen(world, ref, seed, "new", "recognition_03") == [person]
    world.gallery.persons.create(ref, "p")
    assert len(list((tmp_path / "snapshots").glob("*/*/manifest.json"))) == 1
