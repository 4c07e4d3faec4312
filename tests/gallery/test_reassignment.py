"""Merging persons, moving faces between them, moving persons between groups: nothing is lost, nobody is a ghost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from tests.gallery.conftest import World, embedding, photo, unit
from tests.gallery.texts import FINGERPRINT
from tests.manual_clock import ManualClock
from tests.many_people import NewPerson, add_persons
from tests.waiting import until

from mien.gallery import enrolment
from mien.gallery.crops import Crop, crop_name
from mien.gallery.errors import (
    AlreadyThereError,
    CollectionNotFoundError,
    GalleryError,
    NotAGroupError,
    OtherRecogniserError,
    PersistedFaceNotFoundError,
    PersonNotFoundError,
    QuotaExceededError,
    SamePersonError,
    TrainingNotFinishedError,
)
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.quotas import Limits, Quotas
from mien.storage import Vault
from mien.storage.tables import ConsentRow, CropRow, OtherTemplateRow, PersonRow


def enrol(world: World, ref: CollectionRef, name: str, *seeds: int) -> tuple[str, list[str]]:
    person = world.gallery.persons.create(ref, name, f"about {name}")
    added = (world.gallery.faces.add(ref, photo({"seed": one}), person_id=person, user_data=str(one)) for one in seeds)
    return person, [one.persisted_face_id for one in added]


def found(world: World, ref: CollectionRef, seed: int) -> list[str]:
    probe = world.detect(unit(1000 + seed, near=seed))
    return [one.person_id for one in world.gallery.recognition.identify([probe], ref, 10, 0.5)[0].candidates]


def state(world: World, *refs: CollectionRef) -> object:
    """Everything that a refusal must leave as it was."""
    return [
        (row.persons, row.faces, row.revision, row.training_action_at, world.gallery.persons.page(ref))
        for ref in refs
        for row in [world.gallery.rows.get(ref)]
    ]


def consent(world: World, ref: CollectionRef, person: str, now: datetime) -> UUID:
    number = UUID(int=UUID(person).int ^ 1)
    with world.gallery.rows.database.write(world.owner) as session:
        row = ConsentRow(
            resource_id=world.owner, consent_id=number, collection=world.gallery.rows.get(ref).uid,
            person_id=UUID(person), face_id=None, given_by="them", purpose="the door", evidence=None, given_at=now,
            expires_at=None, withdrawn_at=None, reason=None, recorded_by="test", recorded_at=now,
        )  # fmt: skip
        session.add(row)
    return number


def rows_of(world: World, table: type) -> list[object]:
    with world.gallery.rows.database.read(world.owner) as session:
        return list(session.scalars(select(table)))


def test_a_person_is_merged_into_another(world: World, clock: ManualClock) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    made = clock.now()
    ann, anns = enrol(world, ref, "Ann", 1, 2)
    clock.advance(timedelta(days=3))
    anna, annas = enrol(world, ref, "Anna", 3)
    bob, _ = enrol(world, ref, "Bob", 4)
    assert world.train(ref) == "succeeded"
    assert found(world, ref, 1) == [ann]  # which is noted, and counts for the other one later
    number = consent(world, ref, ann, clock.now())
    clock.advance(timedelta(minutes=1))

    assert world.gallery.reassignment.merge(ref, ann.upper(), anna) == 2
    merged = world.gallery.persons.get(ref, anna)
    assert (merged.name, merged.user_data) == ("Anna", "about Anna")
    assert merged.persisted_face_ids == tuple(sorted(anns + annas))
    assert world.gallery.faces.get(ref, anns[0], anna).user_data == "1"
    with pytest.raises(PersonNotFoundError):
        world.gallery.persons.get(ref, ann)
    about = world.gallery.collections.get(ref)
    assert (about.persons, about.faces) == (2, 4)
    assert world.gallery.training.status(ref).last_action == clock.now()
    (kept,) = rows_of(world, ConsentRow)
    assert (kept.consent_id, kept.person_id) == (number, UUID(anna))  # type: ignore[attr-defined]
    (row,) = [one for one in rows_of(world, PersonRow) if one.person_id == UUID(anna)]  # type: ignore[attr-defined]
    assert (row.created_at, row.seen_at.date()) == (made, clock.now().date())  # type: ignore[attr-defined]

    # Until the next training: as trained, but nobody under the id that is gone. Verify asks the tables.
    assert (found(world, ref, 1), found(world, ref, 3), found(world, ref, 4)) == ([], [anna], [bob])
    assert world.gallery.recognition.verify_person(world.owner, world.detect(unit(1)), anna, ref).is_identical
    assert world.train(ref) == "succeeded"
    assert [found(world, ref, seed) for seed in (1, 2, 3, 4)] == [[anna], [anna], [anna], [bob]]
    clock.advance(timedelta(hours=2))
    world.gallery.purge()
    assert [found(world, ref, seed) for seed in (1, 2, 3, 4)] == [[anna], [anna], [anna], [bob]]
    assert world.gallery.training.broken() == []


def test_somebody_without_a_face_is_merged(world: World) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    empty, faces = enrol(world, ref, "Empty", 1)
    other, _ = enrol(world, ref, "Other", 2)
    assert world.train(ref) == "succeeded"
    world.gallery.faces.delete(ref, faces[0], empty)
    assert world.gallery.reassignment.merge(ref, empty, other) == 0
    assert (found(world, ref, 1), found(world, ref, 2)) == ([], [other])


def test_faces_are_moved_and_moved_back(world: World, clock: ManualClock) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    ann, anns = enrol(world, ref, "Ann", 1, 2, 3)
    bob, bobs = enrol(world, ref, "Bob", *range(10, 20))
    assert world.train(ref) == "succeeded"
    world.gallery.reassignment.move_faces(ref, [anns[1].upper(), anns[1]], ann, bob)
    assert world.gallery.persons.get(ref, ann).persisted_face_ids == tuple(sorted([anns[0], anns[2]]))
    assert anns[1] in world.gallery.persons.get(ref, bob).persisted_face_ids
    with pytest.raises(PersistedFaceNotFoundError):
        world.gallery.faces.get(ref, anns[1], ann)
    assert found(world, ref, 2) == [ann]  # as it was trained: Ann is still there
    assert world.train(ref) == "succeeded"
    assert found(world, ref, 2) == [bob]

    world.gallery.reassignment.move_faces(ref, [anns[1]], bob, ann)
    assert world.train(ref) == "succeeded"
    assert found(world, ref, 2) == [ann]
    # What cleans up behind removals must not take away what came back under the same ids.
    clock.advance(timedelta(hours=1))
    world.gallery.purge()
    assert (found(world, ref, 2), found(world, ref, 10)) == ([ann], [bob])
    world.gallery.reassignment.move_faces(ref, anns, ann, bob)
    assert world.gallery.persons.get(ref, ann).persisted_face_ids == ()
    assert len(world.gallery.persons.get(ref, bob).persisted_face_ids) == len(bobs) + 3
    assert world.train(ref) == "succeeded"
    assert found(world, ref, 1) == [bob]


def test_what_is_refused_changes_nothing(world: World) -> None:
    world = world.with_(gallery=world.open(quotas=small_quotas()))
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    other = world.make(Kind.LARGE_PERSON_GROUP, "other")
    ann, anns = enrol(world, ref, "Ann", 1, 2)
    bob, bobs = enrol(world, ref, "Bob", 3, 4)
    enrol(world, other, "Cid", 5)
    enrol(world, other, "Dan")
    assert world.train(ref) == world.train(other) == "succeeded"
    before = state(world, ref, other)
    merge, move = world.gallery.reassignment.merge, world.gallery.reassignment.move_faces
    nobody, nowhere = str(UUID(int=7)), world.ref(Kind.PERSON_GROUP, "none")
    refused: list[tuple[type[GalleryError], Callable[[], object]]] = [
        (QuotaExceededError, lambda: merge(ref, ann, bob)),
        (QuotaExceededError, lambda: move(ref, anns, ann, bob)),
        (SamePersonError, lambda: merge(ref, ann, ann.upper())),
        (SamePersonError, lambda: move(ref, anns, ann, ann)),
        (PersonNotFoundError, lambda: merge(ref, nobody, ann)),
        (PersonNotFoundError, lambda: merge(ref, ann, "nobody")),
        (CollectionNotFoundError, lambda: merge(nowhere, ann, bob)),
        (PersistedFaceNotFoundError, lambda: move(ref, [anns[0], nobody], ann, bob)),
        (PersistedFaceNotFoundError, lambda: move(ref, anns, bob, ann)),
        (QuotaExceededError, lambda: world.gallery.relocation.move(ref, ann, other)),
        (PersonNotFoundError, lambda: world.gallery.relocation.move(ref, nobody, other)),
        (CollectionNotFoundError, lambda: world.gallery.relocation.move(ref, ann, nowhere)),
        (AlreadyThereError, lambda: world.gallery.relocation.move(ref, ann, ref)),
        (NotAGroupError, lambda: world.gallery.relocation.move(ref, ann, world.ref(Kind.FACE_LIST, "list"))),
    ]
    for expected, write in refused:
        with pytest.raises(expected):
            write()
    assert state(world, ref, other) == before
    world.gallery.faces.delete(ref, bobs[0], bob)
    world.gallery.training.start(ref)
    before = state(world, ref, other)
    for write in (
        lambda: merge(ref, ann, bob),
        lambda: move(ref, anns, ann, bob),
        lambda: world.gallery.relocation.move(ref, ann, other),
    ):
        with pytest.raises(TrainingNotFinishedError):
            write()
    assert state(world, ref, other) == before


def small_quotas() -> Quotas:
    """Three faces a person, two persons a group."""
    few = {Kind.LARGE_PERSON_GROUP: Limits(10, 2, 100, 3)}
    return Quotas({sku: {**limits, **few} for sku, limits in Quotas().limits.items()})


def test_a_person_moves_to_another_group_with_all_that_is_theirs(
    world: World, vault: Vault, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolment, "make_crop", Crop)
    world.gallery.policies.set(world.owner, EnrolmentPolicy(keep_crops=True))
    ref, to = world.make(Kind.LARGE_PERSON_GROUP, "old"), world.make(Kind.PERSON_GROUP, "new")
    made = clock.now()
    ann, anns = enrol(world, ref, "Ann", 1, 2)
    enrol(world, ref, "Bob", *range(10, 20))
    enrol(world, to, "Cid", 5)
    assert world.train(ref) == world.train(to) == "succeeded"
    number = consent(world, ref, ann, clock.now())
    with world.gallery.rows.database.write(world.owner) as session:  # what a migration has left
        row = world.gallery.rows.get(ref)
        sealed = world.gallery.templates.seal(world.owner, row.uid, UUID(anns[0]), embedding(unit(77), "b" * 64))
        other = OtherTemplateRow(
            resource_id=world.owner, collection=row.uid, face_id=UUID(anns[0]), fingerprint="b" * 64, sealed=sealed
        )
        session.add(other)
    clock.advance(timedelta(days=1))

    def check(at: CollectionRef, left: CollectionRef, counts: tuple[int, int, int, int]) -> None:
        uid = world.gallery.rows.get(at).uid
        person = world.gallery.persons.get(at, ann)
        assert (person.name, person.user_data, person.persisted_face_ids) == ("Ann", "about Ann", tuple(sorted(anns)))
        assert world.gallery.faces.get(at, anns[1], ann).user_data == "2"
        with pytest.raises(PersonNotFoundError):
            world.gallery.persons.get(left, ann)
        both = [world.gallery.collections.get(one) for one in (left, at)]
        assert tuple(number for one in both for number in (one.persons, one.faces)) == counts
        crops = {one.face_id: one for one in rows_of(world, CropRow) if one.collection == uid}  # type: ignore[attr-defined]
        for face in map(UUID, anns):
            opened = vault.open(crops[face].sealed, resource_id=world.owner, what=crop_name(uid, face))  # type: ignore[attr-defined]
            assert b'"seed"' in Crop.unpack(opened).jpeg
        (template,) = rows_of(world, OtherTemplateRow)
        old = world.gallery.templates.open(world.owner, uid, UUID(anns[0]), template.sealed)  # type: ignore[attr-defined]
        assert old.tolist() == unit(77).tolist()
        (kept,) = rows_of(world, ConsentRow)
        assert (kept.consent_id, kept.collection) == (number, uid)  # type: ignore[attr-defined]
        (whose,) = [one for one in rows_of(world, PersonRow) if one.person_id == UUID(ann)]  # type: ignore[attr-defined]
        assert whose.created_at == made  # type: ignore[attr-defined]
        assert (found(world, left, 1), found(world, at, 1)) == ([], [])  # gone at once, there from the next training
        assert world.gallery.recognition.verify_person(world.owner, world.detect(unit(1)), ann, at).is_identical
        assert world.train(at) == "succeeded"
        assert (found(world, left, 1), found(world, at, 1), found(world, at, 2)) == ([], [ann], [ann])

    assert world.gallery.relocation.move(ref, ann, to) == ()
    check(to, ref, (1, 10, 2, 3))
    assert world.train(ref) == "succeeded"  # skips the templates in the snapshot, and keeps the notes of it
    world.gallery.relocation.move(to, ann, ref)
    check(ref, to, (1, 1, 2, 12))
    clock.advance(timedelta(hours=1))
    world.gallery.purge()
    assert (found(world, ref, 1), found(world, to, 1), found(world, to, 5) != []) == ([ann], [], True)


def test_a_person_moves_only_to_faces_of_the_same_recogniser(world: World) -> None:
    ref = world.make(Kind.PERSON_GROUP, "here")
    older = world.make(Kind.PERSON_GROUP, "older", "recognition_03")
    ann, _ = enrol(world, ref, "Ann", 1)
    with pytest.raises(OtherRecogniserError, match="--collection personGroup/older --to recognition_04"):
        world.gallery.relocation.move(ref, ann, older)
    world = world.with_(gallery=world.open("c" * 64))
    newer = world.make(Kind.PERSON_GROUP, "newer")
    add_persons(world.gallery, newer, [NewPerson("Bob", None, (embedding(unit(3), "c" * 64),))])
    with pytest.raises(OtherRecogniserError, match="--collection personGroup/here` first"):
        world.gallery.relocation.move(ref, ann, newer)
    # An empty group takes what comes, as it is.
    empty = world.make(Kind.PERSON_GROUP, "empty")
    world.gallery.relocation.move(ref, ann, empty)
    assert world.gallery.rows.get(empty).fingerprint == FINGERPRINT


def test_suspicions_follow(world: World) -> None:
    ref, to = world.make(Kind.PERSON_GROUP), world.make(Kind.LARGE_PERSON_GROUP, "to")
    ann, (first,) = enrol(world, ref, "Ann", 1)
    anna, (second, twice) = enrol(world, ref, "Anna", 1, 1)
    other, (third,) = enrol(world, ref, "Other", 1)
    before = world.gallery.duplicates.found(ref)
    assert len(before) == 6
    world.gallery.reassignment.merge(ref, ann, anna)
    pairs = {frozenset((one.face_id, one.other_face_id)) for one in world.gallery.duplicates.found(ref)}
    assert frozenset((first, second)) not in pairs  # somebody has looked at them
    assert {frozenset((third, one)) for one in (first, second, twice)} | {frozenset((second, twice))} == pairs
    enrol(world, to, "Annie", 1)
    told = world.gallery.relocation.move(ref, anna, to)
    assert {one.face_id for one in told} == {first, second, twice}
    assert len(world.gallery.duplicates.found(to)) == 4
    assert world.gallery.duplicates.found(ref) == []
    assert world.gallery.persons.get(ref, other).name == "Other"


def test_what_was_dismissed_is_not_suspected_again(world: World) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    people = add_persons(world.gallery, ref, [NewPerson("p", None, (embedding(unit(1)),)) for _ in range(2)])
    assert world.train(ref) == "succeeded"
    (pair,) = world.gallery.duplicates.found(ref)
    assert world.gallery.duplicates.dismiss(ref, pair.other_face_id, pair.face_id)
    assert not world.gallery.duplicates.dismiss(ref, pair.face_id, people[0])
    assert world.gallery.duplicates.found(ref) == []
    (third,) = add_persons(world.gallery, ref, [NewPerson("q", None, ())])
    world.gallery.reassignment.move_faces(ref, [pair.face_id], pair.person_id or "", third)
    assert world.train(ref) == "succeeded"  # which compares the moved face anew
    assert world.gallery.duplicates.found(ref) == []


def test_merging_while_others_enrol_and_train_loses_nothing(world: World) -> None:
    ref, to = world.make(Kind.LARGE_PERSON_GROUP), world.make(Kind.LARGE_PERSON_GROUP, "to")
    target, _ = enrol(world, ref, "target", 0)
    sources = [enrol(world, ref, str(number), 100 + number)[0] for number in range(8)]
    gallery, other = world.gallery, world.open()
    enrolled: list[str] = []

    def add(number: int) -> None:
        for source in (sources[number % len(sources)], target):
            try:
                added = (gallery, other)[number % 2].faces.add(ref, photo({"seed": number}), person_id=source)
                enrolled.append(added.persisted_face_id)
            except (PersonNotFoundError, TrainingNotFinishedError):
                pass  # refused, and the caller was told

    def merge(number: int) -> None:
        def merged() -> bool:
            try:
                if number % 2:
                    other.reassignment.merge(ref, sources[number], target)
                else:
                    gallery.relocation.move(ref, sources[number], to)
            except TrainingNotFinishedError:
                gallery.training.run_pending()
                return False
            return True

        until(merged)

    def train(_: int) -> None:
        with suppress(TrainingNotFinishedError):
            gallery.training.start(ref)
        other.training.run_pending()

    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(work, number) for number in range(8) for work in (add, merge, train)]
        for future in futures:
            future.result()
    gallery.training.run_pending()
    people = [(one, person) for one in (ref, to) for person in gallery.persons.page(one)]
    assert {person.person_id for _, person in people} == {target, *sources[::2]}
    faces = [face for _, person in people for face in person.persisted_face_ids]
    assert len(faces) == len(set(faces)) == len(enrolled) + 9
    assert set(enrolled) <= set(faces)
    for one in (ref, to):
        about = gallery.collections.get(one)
        theirs = [person.persisted_face_ids for where, person in people if where == one]
        assert (about.persons, about.faces) == (len(theirs), sum(map(len, theirs)))
        assert world.train(one) == "succeeded"
        row = gallery.rows.get(one)
        assert len(gallery.indexes.store(row, row.snapshot or "").load()) == about.faces
