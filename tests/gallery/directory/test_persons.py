from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from tests.gallery.directory.world import MODEL, World, build
from tests.gallery.texts import photo, unit
from tests.manual_clock import ManualClock

from mien.accounts import Sku
from mien.gallery.directory.recognition import EVERYONE
from mien.gallery.errors import (
    FingerprintMismatchError,
    InvalidStartError,
    InvalidTopError,
    NameEmptyError,
    NameTooLongError,
    NothingToUpdateError,
    OperationNotFoundError,
    PersistedFaceNotFoundError,
    PersonNotFoundError,
    Quota,
    QuotaExceededError,
    SeveralFacesError,
    StartTooLongError,
    UnknownRecognitionModelError,
    UserDataTooLongError,
)
from mien.gallery.kinds import Kind
from mien.gallery.quotas import Limits, Quotas
from mien.gallery.types import OperationState
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import PersistedFaceRow


def test_a_person_is_made_shown_changed_and_deleted(world: World) -> None:
    persons, owner = world.persons, world.owner
    made = persons.create(owner, "Ada \0 \ud800", "data")
    assert made.id is not None
    assert made.id == str(UUID(made.id))
    assert world.operations.get(owner, made.operation_id).status is OperationState.SUCCEEDED
    person = persons.get(owner, made.id.upper())
    assert (person.person_id, person.name, person.user_data) == (made.id, "Ada \0 \ud800", "data")
    persons.update(owner, made.id, name="Grace")
    assert (persons.get(owner, made.id).name, persons.get(owner, made.id).user_data) == ("Grace", "data")
    persons.update(owner, made.id, user_data="")
    assert (persons.get(owner, made.id).name, persons.get(owner, made.id).user_data) == ("Grace", "")
    deleted = persons.delete(owner, made.id)
    assert deleted.id is None
    assert world.operations.get(owner, deleted.operation_id).finished is not None
    with pytest.raises(PersonNotFoundError):
        persons.get(owner, made.id)


def test_faces_lie_under_their_recognition_model(world: World) -> None:
    persons, owner, person = world.persons, world.owner, world.person()
    four, three = world.face(person, 1, "recognition_04"), world.face(person, 2, "recognition_03")
    assert persons.face_ids(owner, person, "recognition_04") == [four]
    assert persons.face_ids(owner, person, "recognition_03") == [three]
    assert persons.face_ids(owner, person, "recognition_01") == []
    assert persons.get_face(owner, person, "recognition_04", four.upper()).persisted_face_id == four
    for model in ("recognition_03", "recognition_02"):
        with pytest.raises(PersistedFaceNotFoundError):
            persons.get_face(owner, person, model, four)
    persons.update_face(owner, person, "recognition_04", four, "left")
    persons.update_face(owner, person, "recognition_04", four, None)
    assert persons.get_face(owner, person, "recognition_04", four).user_data == "left"
    operation = persons.delete_face(owner, person, "recognition_04", four).operation_id
    assert world.operations.get(owner, operation).status is OperationState.SUCCEEDED
    assert persons.face_ids(owner, person, "recognition_04") == []
    assert persons.face_ids(owner, person, "recognition_03") == [three]


def test_another_persons_face_is_not_found(world: World) -> None:
    one, two = world.person(1), world.person(2)
    (face,) = world.persons.face_ids(world.owner, one, MODEL)
    with pytest.raises(PersistedFaceNotFoundError):
        world.persons.delete_face(world.owner, two, MODEL, face)
    assert world.persons.face_ids(world.owner, one, MODEL) == [face]


def test_deleting_a_person_deletes_the_templates_of_every_model(world: World, database: Database) -> None:
    person = world.person(1, 2)
    world.face(person, 3, "recognition_01")
    stays = world.person(4)
    world.persons.delete(world.owner, person)
    with database.read(EVERY_RESOURCE) as session:
        assert session.scalars(select(PersistedFaceRow.person_id)).all() == [UUID(stays)]


def test_paging_visits_every_person_once_in_order(world: World) -> None:
    made = sorted(world.persons.create(world.owner, f"p{number}").id or "" for number in range(23))
    for top in (1, 7, 23, 1000):
        seen: list[str] = []
        while page := world.persons.page(world.owner, seen[-1] if seen else "", top):
            assert len(page) <= top
            seen += [person.person_id for person in page]
        assert seen == made
    # A person that is gone is as good a place to start.
    world.persons.delete(world.owner, made[10])
    assert [one.person_id for one in world.persons.page(world.owner, made[10].upper(), 2)] == made[11:13]


def test_start_must_be_a_person_id(world: World) -> None:
    for start in ("x", "00000000", str(uuid4())[:-1], "{" + str(uuid4()) + "}"):
        with pytest.raises(InvalidStartError):
            world.persons.page(world.owner, start)
    with pytest.raises(StartTooLongError):
        world.persons.page(world.owner, "0" * 65)
    for top in (0, 1001):
        with pytest.raises(InvalidTopError):
            world.persons.page(world.owner, "", top)
    assert world.persons.page(world.owner) == []


def test_what_is_given_is_checked(world: World) -> None:
    persons, owner, person = world.persons, world.owner, world.person(1)
    for name, error in (("", NameEmptyError), (" \t", NameEmptyError), ("x" * 129, NameTooLongError)):
        with pytest.raises(error):
            persons.create(owner, name)
        with pytest.raises(error):
            persons.update(owner, person, name=name)
    with pytest.raises(UserDataTooLongError):
        persons.create(owner, "x", "u" * 16385)
    with pytest.raises(NothingToUpdateError):
        persons.update(owner, person)
    with pytest.raises(UserDataTooLongError):
        persons.add_face(owner, person, MODEL, photo({"seed": 1}), user_data="u" * 1025)
    with pytest.raises(SeveralFacesError):
        persons.add_face(owner, person, MODEL, photo({"seed": 1}, {"seed": 2}))
    (face,) = persons.face_ids(owner, person, MODEL)
    for model in ("recognition_05", "", "persons"):
        with pytest.raises(UnknownRecognitionModelError):
            persons.add_face(owner, person, model, photo({"seed": 1}))
        with pytest.raises(UnknownRecognitionModelError):
            persons.face_ids(owner, person, model)
        with pytest.raises(UnknownRecognitionModelError):
            persons.get_face(owner, person, model, face)
    for unknown, malformed in (("no", True), (str(uuid4()), False)):
        with pytest.raises(PersonNotFoundError) as missing:
            persons.add_face(owner, unknown, MODEL, photo({"seed": 1}))
        assert (missing.value.malformed, missing.value.kind) == (malformed, Kind.DIRECTORY)
        with pytest.raises(PersistedFaceNotFoundError) as no_face:
            persons.get_face(owner, person, MODEL, unknown)
        assert (no_face.value.malformed, no_face.value.face_id) == (malformed, unknown)


def test_resources_do_not_see_each_other(world: World) -> None:
    person = world.person(1)
    world.groups.create(world.owner, "group", "Group", add=[person])
    (face,) = world.persons.face_ids(world.owner, person, MODEL)
    operation = world.persons.create(world.owner, "x").operation_id
    other = world.other
    world.persons.create(other, "y")
    for call in (
        lambda: world.persons.get(other, person),
        lambda: world.persons.update(other, person, name="z"),
        lambda: world.persons.delete(other, person),
        lambda: world.persons.get_face(other, person, MODEL, face),
        lambda: world.persons.groups_of(other, person),
        lambda: world.groups.create(other, "group", "Group", add=[person]),
    ):
        with pytest.raises(PersonNotFoundError):
            call()
    with pytest.raises(OperationNotFoundError):
        world.operations.get(other, operation)
    assert world.groups.page(other) == []
    assert len(world.persons.page(other)) == 1


def test_tiers_limit_persons_and_faces(world: World, database: Database, vault: Vault, tmp_path: Path) -> None:
    small = {Kind.DIRECTORY: Limits(8, 2, 2, 3)}
    quotas = Quotas({Sku.FREE: small, Sku.STANDARD: small}, dynamic_groups=1)
    tiny = build(database, vault, ManualClock(), tmp_path, quotas=quotas)
    first, _ = tiny.person(1, 2), tiny.person()
    with pytest.raises(QuotaExceededError) as exceeded:
        tiny.persons.create(tiny.owner, "third")
    assert (exceeded.value.quota, exceeded.value.limit) == (Quota.PERSONS_OF_COLLECTION, 2)
    tiny.face(first, 3, "recognition_03")  # the limit is for all models together
    with pytest.raises(QuotaExceededError) as exceeded:
        tiny.face(first, 4)
    assert exceeded.value.quota is Quota.FACES
    tiny.groups.create(tiny.owner, "one", "One")
    with pytest.raises(QuotaExceededError) as exceeded:
        tiny.groups.create(tiny.owner, "two", "Two")
    assert exceeded.value.quota is Quota.DYNAMIC_GROUPS
    tiny.persons.delete(tiny.owner, first)
    tiny.persons.create(tiny.owner, "third")


def test_a_model_bound_anew_takes_no_face_beside_those_of_the_old_one(
    world: World, database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> None:
    person = world.person(1)
    rebound = build(database, vault, clock, tmp_path, fingerprint="b" * 64)
    with pytest.raises(FingerprintMismatchError, match="mien models migrate"):
        rebound.face(person, 2)
    rebound.persons.delete(rebound.owner, person)  # an empty model takes the recogniser that is bound now
    assert rebound.person(2)


def test_no_template_is_readable_in_the_database(world: World, database: Database) -> None:
    world.person(1)
    with database.read(EVERY_RESOURCE) as session:
        (sealed,) = session.scalars(select(PersistedFaceRow.sealed)).all()
        assert session.scalar(select(func.count()).select_from(PersistedFaceRow)) == 1
    assert unit(1).tobytes()[:16] not in sealed


def test_parallel_writes_are_all_done(world: World) -> None:
    owner = world.resource("fresh")  # the first write of a resource makes its directory: here several at once

    def work(number: int) -> str:
        person = world.persons.create(owner, f"p{number}").id or ""
        for seed in (number, 100 + number):
            world.persons.add_face(owner, person, MODEL, photo({"seed": seed}))
        world.groups.create(owner, f"g{number}", "Group", add=[person])
        return person

    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(work, range(12)))
    assert [one.person_id for one in world.persons.page(owner)] == sorted(made)
    assert all(len(world.persons.face_ids(owner, person, MODEL)) == 2 for person in made)
    assert len(world.groups.page(owner)) == 12
    probes = [world.detect(unit(number), owner=owner) for number in range(10)]
    found = world.recognition.identify_persons(owner, probes, EVERYONE)
    assert [[one.person_id for one in answer.candidates] for answer in found] == [[person] for person in made[:10]]
