"""Looking after people: found and listed, searched by a face as they are now, put right and undone, stale indexes."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from tests.gallery.conftest import World, embedding, photo, unit
from tests.gallery.test_reassignment import consent, enrol, found, rows_of
from tests.manual_clock import ManualClock
from tests.many_people import NewPerson, add_persons

from mien.gallery import enrolment
from mien.gallery.correction_records import KEPT, CorrectionKind
from mien.gallery.crops import Crop
from mien.gallery.errors import CannotUndoError, CollectionNotFoundError, CorrectionNotFoundError, PersonNotFoundError
from mien.gallery.kinds import Kind
from mien.gallery.people import PeopleOrder
from mien.gallery.policy import EnrolmentPolicy
from mien.storage.names import name_key
from mien.storage.tables import ConsentRow, CorrectionRow, PersonRow
from mien.vision.types import FaceBox

NAMES = (
    "Žofie O'Neill",
    "anna WEISS",
    "Weiß, Anton",
    "محمد علي",
    "דוד לוי",
    "Zoë",
    "Bob",
    "Bob",
    "李雷",
    "a\x00b\u200d",
)


def test_names_are_compared_as_people_read_them() -> None:
    assert name_key("  Žofie\u200b  O'NEILL ") == name_key("zofie o'neill") == "zofie o'neill"
    assert name_key("Weiß") == "weiss"
    assert name_key("\ud800x") == "x"
    assert len(name_key("\ufdfa" * 128)) == 200


def test_people_are_listed_in_every_order_and_paged_both_ways(world: World, clock: ManualClock) -> None:
    ref, other = world.make(Kind.LARGE_PERSON_GROUP), world.make(Kind.PERSON_GROUP, "other")
    world.gallery.persons.create(other, "Anna elsewhere")
    for number, name in enumerate(NAMES):
        clock.advance(timedelta(minutes=1))
        vectors = tuple(embedding(unit(100 * number + one)) for one in range(number % 3))
        add_persons(world.gallery, ref, [NewPerson(name, None, vectors)])
    people = world.gallery.people
    expected = {
        PeopleOrder.NAME: sorted(NAMES, key=name_key),
        PeopleOrder.NEWEST: list(reversed(NAMES)),
        PeopleOrder.OLDEST: list(NAMES),
    }
    for order in PeopleOrder:
        pages = [people.page(ref, order=order, top=3)]
        while pages[-1].has_next:
            pages.append(people.page(ref, order=order, top=3, after=pages[-1].last))
        listed = [one for page in pages for one in page.people]
        assert sorted(one.name for one in listed) == sorted(NAMES)
        assert {page.total for page in pages} == {len(NAMES)}
        assert [page.has_previous for page in pages] == [False, True, True, True]
        if order in expected:
            assert [one.name for one in listed] == expected[order]
        elif order is PeopleOrder.MOST_FACES:
            assert [one.faces for one in listed] == sorted((one.faces for one in listed), reverse=True)
        back = [pages[-1]]
        while back[-1].has_previous:
            back.append(people.page(ref, order=order, top=3, before=back[-1].first))
        assert [page.people for page in reversed(back)] == [page.people for page in pages]
        assert [page.has_next for page in reversed(back)] == [True, True, True, False]


def test_people_are_found_by_name_id_and_face(world: World) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    ids = {name: world.gallery.persons.create(ref, name) for name in NAMES}
    ann, (face,) = enrol(world, ref, "Ann", 1)

    def names(text: str) -> list[str]:
        page = world.gallery.people.page(ref, text)
        assert page.total == len(page.people)
        return [one.name for one in page.people]

    assert names("weiss") == ["anna WEISS", "Weiß, Anton"]
    assert names("weiss ANNA") == ["anna WEISS"]
    assert names("علي") == ["محمد علي"]
    assert names("zofie") == ["Žofie O'Neill"]
    assert names("%") == names("_") == names("nobody") == []
    assert names(ids["Zoë"]) == names(ids["Zoë"][:9].upper()) == ["Zoë"]
    assert names(face) == ["Ann"]
    world.gallery.persons.update(ref, ann, "Beatrix")
    assert (names("ann"), names("beatrix")) == (["anna WEISS"], ["Beatrix"])
    assert [one.name for one in world.gallery.people.namesakes(ref, "BOB ")] == ["Bob", "Bob"]
    with pytest.raises(CollectionNotFoundError):
        world.gallery.people.page(world.ref(Kind.LARGE_PERSON_GROUP, "nowhere"))


def test_a_group_says_what_its_training_does_not_know(world: World) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    stale = world.gallery.stale
    assert not stale.of(ref).is_stale  # there is nothing to train
    ann, faces = enrol(world, ref, "Ann", 1, 2)
    bob, _ = enrol(world, ref, "Bob", 3)
    assert (stale.of(ref).added, stale.of(ref).removed, stale.of(ref).is_stale) == (3, 0, True)
    assert world.train(ref) == "succeeded"
    assert (stale.of(ref).changes, stale.every(world.owner)) == (0, [])
    world.gallery.persons.update(ref, ann, "Anna")
    assert not stale.of(ref).is_stale  # a name needs no training
    enrol(world, ref, "Cid", 4)
    world.gallery.faces.delete(ref, faces[0], ann)
    world.gallery.reassignment.move_faces(ref, faces[1:], ann, bob)
    now = stale.of(ref)
    assert (now.added, now.removed, now.changes, now.is_stale) == (2, 2, 4, True)
    assert [one.ref for one in stale.every()] == [ref]
    assert world.train(ref) == "succeeded"
    assert not stale.of(ref).is_stale
    flat = world.make(Kind.FACE_LIST, "flat")
    world.gallery.faces.add(flat, photo({"seed": 1}))
    assert not stale.of(flat).is_stale


def test_a_face_is_looked_for_in_all_groups_as_they_are_now(world: World) -> None:
    trained, never = world.make(Kind.LARGE_PERSON_GROUP, "trained"), world.make(Kind.PERSON_GROUP, "never")
    other = world.make(Kind.LARGE_PERSON_GROUP, "other", "recognition_03")
    ann, anns = enrol(world, trained, "Ann", 1, 2)
    bob, _ = enrol(world, trained, "Bob", 3)
    assert world.train(trained) == "succeeded"
    cid, _ = enrol(world, trained, "Cid", 4)
    dan, _ = enrol(world, never, "Dan", 1, 5)
    enrol(world, other, "Eve", 1)
    search = world.gallery.person_search

    def who(seed: int) -> set[str]:
        vector = unit(1000 + seed, near=seed)
        result = search.everywhere(world.owner, {"recognition_04": vector})
        assert (result.groups, result.left_out) == (2, ("other",))
        return {one.person_id for one in result.found}

    assert search.models(world.owner) == ["recognition_03", "recognition_04"]
    assert (who(1), who(3), who(4), who(5), who(9)) == ({ann, dan}, {bob}, {cid}, {dan}, set())
    world.gallery.reassignment.move_faces(trained, anns[:1], ann, bob)
    assert who(1) == {bob, dan}  # and not Ann, whom the index still has
    world.gallery.persons.delete(trained, bob)
    assert who(1) == {dan}

    likely = search.like_face(trained, anns[1], ann).found
    assert ann not in {one.person_id for one in likely}
    assert search.fit(trained, anns[1], ann) is None
    added = world.gallery.faces.add(trained, photo({"seed": 2}), person_id=cid).persisted_face_id
    assert search.like_face(trained, added, cid).found[0].person_id == ann
    fit = search.fit(trained, added, cid)
    assert fit is not None
    assert fit < 0.5
    with pytest.raises(PersonNotFoundError):
        search.like_face(trained, added, dan)


def test_a_merge_is_undone(world: World, clock: ManualClock) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    ann, anns = enrol(world, ref, "Ann", 1, 2)
    clock.advance(timedelta(days=3))
    bob, bobs = enrol(world, ref, "Bob", 3)
    assert world.train(ref) == "succeeded"
    number = consent(world, ref, ann, clock.now())
    before = {row.person_id: row.created_at for row in rows_of(world, PersonRow)}  # type: ignore[attr-defined]
    world.gallery.reassignment.merge(ref, ann, bob)
    (record,) = world.gallery.corrections.recent(ref)
    assert (record.kind, record.person_id, record.name, record.into_name, record.faces) == (
        CorrectionKind.MERGE, ann, "Ann", "Bob", 2,
    )  # fmt: skip
    assert world.gallery.corrections.recent(ref, bob) == [record]
    world.gallery.faces.delete(ref, anns[1], bob)
    world.gallery.corrections.undo(ref, record.id)
    again = world.gallery.persons.get(ref, ann)
    assert (again.name, again.user_data, again.persisted_face_ids) == ("Ann", "about Ann", (anns[0],))
    assert world.gallery.persons.get(ref, bob).persisted_face_ids == tuple(bobs)
    rows = rows_of(world, PersonRow)
    assert {row.person_id: row.created_at for row in rows} == before  # type: ignore[attr-defined]
    assert [str(one.person_id) for one in rows_of(world, ConsentRow)] == [ann]  # type: ignore[attr-defined]
    assert number is not None
    assert (world.gallery.rows.get(ref).persons, world.gallery.rows.get(ref).faces) == (2, 2)
    assert world.train(ref) == "succeeded"
    assert (found(world, ref, 1), found(world, ref, 3)) == ([ann], [bob])
    with pytest.raises(CorrectionNotFoundError):
        world.gallery.corrections.undo(ref, record.id)


def test_moves_are_undone_or_refused(world: World, clock: ManualClock) -> None:
    ref, to = world.make(Kind.LARGE_PERSON_GROUP), world.make(Kind.PERSON_GROUP, "to")
    ann, anns = enrol(world, ref, "Ann", 1, 2)
    bob, _ = enrol(world, ref, "Bob", 3)
    cid, _ = enrol(world, ref, "Cid")
    assert world.train(ref) == "succeeded"
    corrections = world.gallery.corrections
    world.gallery.reassignment.move_faces(ref, anns[:1], ann, bob)
    (record,) = corrections.recent(ref, ann)
    corrections.undo(ref, record.id)
    assert world.gallery.persons.get(ref, ann).persisted_face_ids == tuple(sorted(anns))
    assert world.train(ref) == "succeeded"
    assert found(world, ref, 1) == [ann]

    world.gallery.reassignment.move_faces(ref, anns[:1], ann, bob)
    clock.advance(timedelta(minutes=1))
    world.gallery.reassignment.move_faces(ref, anns[:1], bob, cid)
    last, first = corrections.recent(ref)
    with pytest.raises(CannotUndoError, match="moved on"):
        corrections.undo(ref, first.id)
    corrections.undo(ref, last.id)
    corrections.undo(ref, first.id)
    assert world.gallery.persons.get(ref, ann).persisted_face_ids == tuple(sorted(anns))

    world.gallery.relocation.move(ref, ann, to)
    (moved,) = corrections.recent(to, ann)
    assert (moved.kind, moved.source) == (CorrectionKind.GROUP, f"{ref.kind.value}/{ref.collection_id}")
    corrections.undo(to, moved.id)
    assert world.gallery.persons.get(ref, ann).persisted_face_ids == tuple(sorted(anns))
    assert corrections.recent(to) == []

    world.gallery.reassignment.merge(ref, ann, bob)
    world.gallery.persons.delete(ref, bob)
    assert rows_of(world, CorrectionRow) == []  # nothing of Ann is kept when her faces are erased
    world.gallery.reassignment.merge(ref, world.gallery.persons.create(ref, "Dan"), cid)
    assert len(corrections.recent(ref)) == 1
    clock.advance(KEPT)
    assert corrections.recent(ref) == []
    world.gallery.purge()
    assert rows_of(world, CorrectionRow) == []


def test_faces_say_when_and_from_what_they_were_enrolled(
    world: World, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolment, "make_crop", lambda photo, box: Crop(b"a jpeg", FaceBox(1, 2, 3, 4)))
    ref, flat = world.make(Kind.LARGE_PERSON_GROUP), world.make(Kind.FACE_LIST, "flat")
    ann = world.gallery.persons.create(ref, "Ann")
    first = world.gallery.faces.add(ref, photo({"seed": 1}), person_id=ann, source="Ann/1.jpg").persisted_face_id
    world.gallery.policies.set_for(ref, EnrolmentPolicy(keep_crops=True))
    clock.advance(timedelta(hours=1))
    second = world.gallery.faces.add(ref, photo({"seed": 2}), person_id=ann, source="x" * 300).persisted_face_id
    listed = world.gallery.faces.enrolled(ref, ann)
    assert [(one.face_id, one.has_crop) for one in listed] == [(second, True), (first, False)]
    assert (listed[0].source, listed[1].source, listed[0].created_at) == ("x" * 200, "Ann/1.jpg", clock.now())
    assert world.gallery.crops.of(ref, [first, second, "no id"]) == {second: Crop(b"a jpeg", FaceBox(1, 2, 3, 4))}
    only = world.gallery.faces.add(flat, photo({"seed": 3})).persisted_face_id
    assert [(one.face_id, one.source) for one in world.gallery.faces.enrolled(flat)] == [(only, None)]
    with pytest.raises(PersonNotFoundError):
        world.gallery.faces.enrolled(ref, str(UUID(int=1)))


def test_names_of_an_older_database_are_found(world: World) -> None:
    """Rows that are inserted without the ORM have their key, too."""
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    add_persons(world.gallery, ref, [NewPerson("Zoë Weiß", None, ())])
    with world.gallery.rows.database.read(world.owner) as session:
        assert session.scalars(select(PersonRow.name_key)).all() == ["zoe weiss"]
        assert session.scalar(select(func.count()).select_from(PersonRow)) == 1


def test_people_are_found_in_every_group_at_once(world: World) -> None:
    ref, other = world.make(Kind.LARGE_PERSON_GROUP), world.make(Kind.PERSON_GROUP, "other")
    ann, faces = enrol(world, ref, "Zoë Ann", 1)
    eve, _ = enrol(world, other, "Ann Zoé")
    bob, _ = enrol(world, other, "Bob")
    people = world.gallery.people
    assert [one.name for one in people.anywhere(world.owner)] == ["Ann Zoé", "Bob", "Zoë Ann"]
    assert [one.name for one in people.anywhere(world.owner, top=1)] == ["Ann Zoé"]
    (first, second) = people.anywhere(world.owner, "zoe ann")
    assert (first.ref, first.person_id, first.faces) == (other, eve, 0)
    assert (second.ref, second.group, second.person_id, second.faces) == (ref, ref.collection_id, ann, 1)
    for text, person in ((bob[:8], bob), (bob.upper(), bob), (faces[0], ann)):
        assert [one.person_id for one in people.anywhere(world.owner, text)] == [person], text
    assert people.anywhere(UUID(int=9), "ann") == []
    assert people.named(world.owner, [UUID(ann), UUID(bob), UUID(int=1)]) == {UUID(ann): "Zoë Ann", UUID(bob): "Bob"}
