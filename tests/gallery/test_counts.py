from pathlib import Path
from uuid import UUID

from tests.gallery.conftest import World, embedding, photo, unit
from tests.gallery.texts import recognisers
from tests.manual_clock import ManualClock
from tests.many_people import NewPerson, add_persons

from mien.gallery.counts import faces_stored, storage_use
from mien.gallery.gallery import open_gallery
from mien.gallery.kinds import Kind
from mien.storage import Database, Vault


def people(count: int) -> list[NewPerson]:
    return [NewPerson("p", None, (embedding(unit(2 * n)), embedding(unit(2 * n + 1)))) for n in range(count)]


def test_faces_and_quotas_are_counted_by_resource(world: World, database: Database) -> None:
    add_persons(world.gallery, world.make(Kind.PERSON_GROUP, "one"), people(3))
    add_persons(world.gallery, world.make(Kind.PERSON_GROUP, "two"), people(2))
    faces = world.make(Kind.FACE_LIST, "list")
    for seed in range(4):
        world.gallery.faces.add(faces, photo({"seed": seed}))
    assert faces_stored(database) == {world.owner: 14}
    uses = {use.name: (use.used, use.limit) for use in storage_use(database)}
    assert uses == {
        "personGroup.persons": (3, 10_000),
        "personGroup.personsInAll": (5, 100_000_000),
        "personGroup.collections": (2, 1_000_000),
        "faceList.faces": (4, 1_000),
        "faceList.collections": (1, 64),
    }
    assert {use.resource_id for use in storage_use(database)} == {world.owner}


def test_trainings_that_succeed_are_told(
    world: World, database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> None:
    told: list[tuple[UUID, int]] = []
    gallery = open_gallery(
        database,
        vault,
        clock,
        tmp_path / "others",
        engine=world.engine,
        recognisers=recognisers(),
        detected_faces=world.faces,
        trained=lambda owner, faces: told.append((owner, faces)),
    )
    for name, count in (("full", 3), ("empty", 0)):
        ref = world.make(Kind.PERSON_GROUP, name)
        add_persons(gallery, ref, people(count))
        gallery.training.start(ref)
        gallery.training.run_pending()
    assert told == [(world.owner, 6)]
