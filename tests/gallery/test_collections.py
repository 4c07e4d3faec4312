from uuid import UUID, uuid4

import pytest
from tests.gallery.conftest import World, photo

from mien.accounts import DEVELOPMENT_TERMS, Sku
from mien.gallery.checks import first_id_after
from mien.gallery.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    InvalidCollectionIdError,
    InvalidTopError,
    NameEmptyError,
    NameTooLongError,
    NothingToUpdateError,
    PersistedFaceNotFoundError,
    PersonNotFoundError,
    Quota,
    QuotaExceededError,
    StartTooLongError,
    UnknownRecognitionModelError,
    UserDataTooLongError,
)
from mien.gallery.kinds import PUBLIC_KINDS, CollectionRef, Kind
from mien.gallery.quotas import Limits, Quotas

KINDS = pytest.mark.parametrize("kind", PUBLIC_KINDS)


@KINDS
def test_a_collection_is_made_shown_changed_and_deleted(world: World, kind: Kind) -> None:
    collections, ref = world.gallery.collections, world.ref(kind, "my-list_1")
    collections.create(ref, "name \0 \ud800", "data", "recognition_03")
    made = collections.get(ref)
    assert (made.collection_id, made.name, made.user_data) == ("my-list_1", "name \0 \ud800", "data")
    assert (made.recognition_model, made.persons, made.faces) == ("recognition_03", 0, 0)
    with pytest.raises(CollectionExistsError):
        collections.create(ref, "again")
    collections.update(ref, name="other")
    collections.update(ref, user_data="")
    assert (collections.get(ref).name, collections.get(ref).user_data) == ("other", "")
    collections.delete(ref)
    for call in (collections.get, collections.delete):
        with pytest.raises(CollectionNotFoundError) as caught:
            call(ref)
        assert not caught.value.malformed
    collections.create(ref, "once more")
    assert collections.get(ref).recognition_model == "recognition_01"


def test_kinds_and_resources_do_not_see_each_other(world: World) -> None:
    other = world.accounts.create("other", terms=DEVELOPMENT_TERMS).id
    for kind in PUBLIC_KINDS:
        world.make(kind, "same")
        world.gallery.collections.create(CollectionRef(other, kind, "same"), f"of other {kind}")
    theirs = CollectionRef(other, Kind.PERSON_GROUP, "same")
    person = world.gallery.persons.create(theirs, "somebody")
    assert world.gallery.collections.get(world.ref(Kind.PERSON_GROUP, "same")).persons == 0
    with pytest.raises(PersonNotFoundError):
        world.gallery.persons.get(world.ref(Kind.PERSON_GROUP, "same"), person)
    world.gallery.collections.delete(theirs)
    assert [c.name for c in world.gallery.collections.page(world.owner, Kind.PERSON_GROUP)] == ["same"]
    assert world.gallery.collections.page(other, Kind.PERSON_GROUP) == []


def test_what_callers_give_is_checked(world: World) -> None:
    create = world.gallery.collections.create
    ref = world.ref(Kind.PERSON_GROUP)
    for bad in ("", "A", "a b", "a" * 65, "ä", "a\n"):
        with pytest.raises(InvalidCollectionIdError):
            create(world.ref(Kind.PERSON_GROUP, bad), "name")
        with pytest.raises(CollectionNotFoundError) as caught:
            world.gallery.collections.get(world.ref(Kind.PERSON_GROUP, bad))
        assert caught.value.malformed
    for name, error in (("", NameEmptyError), ("  ", NameEmptyError), ("n" * 129, NameTooLongError)):
        with pytest.raises(error):
            create(ref, name)
    with pytest.raises(UserDataTooLongError):
        create(ref, "name", "u" * 16385)
    with pytest.raises(UnknownRecognitionModelError):
        create(ref, "name", None, "recognition_05")
    create(ref, "n" * 128, "u" * 16384)
    with pytest.raises(NothingToUpdateError):
        world.gallery.collections.update(ref)
    with pytest.raises(NameEmptyError):
        world.gallery.collections.update(ref, name="")
    with pytest.raises(StartTooLongError):
        world.gallery.persons.page(ref, "x" * 65)
    for top in (0, 1001, -1):
        with pytest.raises(InvalidTopError):
            world.gallery.collections.page(world.owner, Kind.PERSON_GROUP, top=top)


def test_pages_go_through_everything_once_in_order(world: World) -> None:
    names = ["-", "0", "a", "a-", "a0", "a_", "aa", "b", "z9"]
    for name in reversed(names):
        world.make(Kind.LARGE_FACE_LIST, name)
    seen, start = [], ""
    while page := world.gallery.collections.page(world.owner, Kind.LARGE_FACE_LIST, start, 2):
        seen += [one.collection_id for one in page]
        start = seen[-1]
    assert seen == sorted(names)
    ask = world.gallery.collections.page
    assert [one.collection_id for one in ask(world.owner, Kind.LARGE_FACE_LIST, "a1\0")] == ["a_", "aa", "b", "z9"]
    assert ask(world.owner, Kind.LARGE_FACE_LIST, "zé") == []
    assert len(ask(world.owner, Kind.LARGE_FACE_LIST, "\0")) == len(names)


def test_persons_page_by_their_ids(world: World) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    made = sorted(world.gallery.persons.create(ref, str(number)) for number in range(25))
    seen, start = [], ""
    while page := world.gallery.persons.page(ref, start, 7):
        seen += [one.person_id for one in page]
        start = seen[-1]
    assert seen == made
    assert [one.person_id for one in world.gallery.persons.page(ref, made[3].upper())] == made[4:]
    assert [one.person_id for one in world.gallery.persons.page(ref, made[3][:10])] == made[3:]
    assert world.gallery.persons.page(ref, "zz") == []


def test_the_first_id_after_any_text_is_the_next_of_the_strings() -> None:
    ids = sorted(str(uuid4()) for _ in range(300))
    letters = "09af-gzAF \x7fé"
    starts = [one[:cut] + letter for one in ids[:40] for cut in (0, 1, 8, 9, 13, 35) for letter in letters]
    for start in [*starts, *ids[:20], "", "f" * 8, "ffffffff-ffff-ffff-ffff-ffffffffffff"]:
        first = first_id_after(start)
        compared = start.lower() if len(start) == 36 else start
        expected = [one for one in ids if one > compared]
        assert [one for one in ids if first is not None and UUID(one) >= first] == expected, start


def test_persons_and_faces_are_made_shown_changed_and_deleted(world: World) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    persons, faces = world.gallery.persons, world.gallery.faces
    one, other = persons.create(ref, "one", "data"), persons.create(ref, "other")
    face = faces.add(ref, photo({"seed": 1}), person_id=one, user_data="of one").persisted_face_id
    assert persons.get(ref, one.upper()).persisted_face_ids == (face,)
    assert persons.get(ref, other).persisted_face_ids == ()
    assert faces.get(ref, face, one).user_data == "of one"
    faces.update(ref, face, "changed", one)
    assert faces.get(ref, face.upper(), one).user_data == "changed"
    with pytest.raises(UserDataTooLongError):
        faces.update(ref, face, "u" * 1025, one)
    for person_id in (other, str(uuid4())):
        with pytest.raises((PersistedFaceNotFoundError, PersonNotFoundError)):
            faces.get(ref, face, person_id)
    persons.update(ref, one, name="renamed")
    assert (persons.get(ref, one).name, persons.get(ref, one).user_data) == ("renamed", "data")
    faces.delete(ref, face, one)
    with pytest.raises(PersistedFaceNotFoundError) as caught:
        faces.get(ref, face, one)
    assert not caught.value.malformed
    with pytest.raises(PersistedFaceNotFoundError) as caught:
        faces.delete(ref, "no guid", one)
    assert caught.value.malformed
    persons.delete(ref, one)
    with pytest.raises(PersonNotFoundError):
        persons.get(ref, one)
    with pytest.raises(PersonNotFoundError) as person_caught:
        persons.delete(ref, "no guid")
    assert person_caught.value.malformed
    counted = world.gallery.collections.get(ref)
    assert (counted.persons, counted.faces) == (1, 0)


@pytest.mark.parametrize("kind", [Kind.FACE_LIST, Kind.LARGE_FACE_LIST])
def test_faces_of_lists(world: World, kind: Kind) -> None:
    ref = world.make(kind)
    added = [world.gallery.faces.add(ref, photo({"seed": seed}), user_data=str(seed)) for seed in range(5)]
    ids = sorted(one.persisted_face_id for one in added)
    assert [one.persisted_face_id for one in world.gallery.faces.all(ref)] == ids
    assert [one.persisted_face_id for one in world.gallery.faces.page(ref, ids[1], 2)] == ids[2:4]
    world.gallery.faces.delete(ref, ids[0])
    assert world.gallery.collections.get(ref).faces == 4
    world.gallery.collections.delete(ref)
    with pytest.raises(CollectionNotFoundError):
        world.gallery.faces.all(ref)


def test_quotas(world: World) -> None:
    few = Quotas(
        limits={
            Sku.STANDARD: {
                Kind.PERSON_GROUP: Limits(2, 3, 4, 2),
                Kind.FACE_LIST: Limits(1, 0, 0, 2),
            }
        }
    )
    gallery = world.open(quotas=few)
    small = world.with_(gallery=gallery)
    one, two = small.make(Kind.PERSON_GROUP, "one"), small.make(Kind.PERSON_GROUP, "two")
    with pytest.raises(QuotaExceededError) as caught:
        small.make(Kind.PERSON_GROUP, "three")
    assert (caught.value.quota, caught.value.limit) == (Quota.COLLECTIONS, 2)
    people = [gallery.persons.create(one, "p") for _ in range(3)]
    with pytest.raises(QuotaExceededError) as caught:
        gallery.persons.create(one, "p")
    assert caught.value.quota is Quota.PERSONS_OF_COLLECTION
    gallery.persons.create(two, "p")
    with pytest.raises(QuotaExceededError) as caught:
        gallery.persons.create(two, "p")
    assert caught.value.quota is Quota.PERSONS_OF_RESOURCE
    for seed in range(2):
        gallery.faces.add(one, photo({"seed": seed}), person_id=people[0])
    with pytest.raises(QuotaExceededError) as caught:
        gallery.faces.add(one, photo({"seed": 2}), person_id=people[0])
    assert caught.value.quota is Quota.FACES
    gallery.faces.add(one, photo({"seed": 2}), person_id=people[1])
    faces = small.make(Kind.FACE_LIST, "list")
    for seed in range(2):
        gallery.faces.add(faces, photo({"seed": seed}))
    with pytest.raises(QuotaExceededError) as caught:
        gallery.faces.add(faces, photo({"seed": 2}))
    assert (caught.value.quota, caught.value.kind) == (Quota.FACES, Kind.FACE_LIST)
