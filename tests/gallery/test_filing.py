"""Photos with ready templates are filed by one writer: each once, together with the row that says so."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from tests.gallery.conftest import World, embedding, photo, unit

from mien.accounts import Sku
from mien.gallery.enrolment import Enrolment
from mien.gallery.errors import (
    ConflictError,
    FingerprintMismatchError,
    NameTooLongError,
    PersonNotFoundError,
    QuotaExceededError,
    TrainingNotFinishedError,
    UserDataTooLongError,
)
from mien.gallery.filed_photos import FiledAs, NamesakesError, ReadyPhoto, Recipe
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.quotas import Limits, Quotas
from mien.storage.tables import ImportedPhotoRow, PersistedFaceRow, PersonRow


def ready(
    world: World, recipe: Recipe, person: str, seed: int, person_id: UUID | None = None, **more: str | None
) -> ReadyPhoto:
    content = f"{seed:064x}"
    digest = world.gallery.filing.digest(recipe, content, person, person_id)
    face = Enrolment(embedding(unit(seed)), f"{content}|0,0,9,9", None)
    return ReadyPhoto(digest, person, person_id, face, more.get("user_data"), more.get("face_data"), f"{person}/{seed}")


def counts(world: World, ref: CollectionRef) -> tuple[int, int, int, int, int]:
    """Persons and faces as the collection counts them, and their rows, and those of photos that were filed."""
    with world.gallery.rows.reading(ref) as (session, row):
        tables = (PersonRow, PersistedFaceRow, ImportedPhotoRow)
        of_row = [select(func.count()).select_from(one).where(one.collection == row.uid) for one in tables]
        persons, faces, photos = (session.scalar(one) or 0 for one in of_row)
        return row.persons, row.faces, persons, faces, photos


def test_a_photo_is_filed_once_however_often_it_comes(world: World) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    filing = world.gallery.filing
    recipe = filing.recipe(ref)
    mum = world.gallery.persons.create(ref, "Mum")
    photos = [
        ready(world, recipe, "Zoë", 1, user_data="since 2020", face_data="passport"),
        ready(world, recipe, "ZOE", 2),
        ready(world, recipe, "zoë", 1),
        ready(world, recipe, "mum", 3),
    ]
    first = filing.file(ref, recipe, photos)
    assert [one.outcome for one in first] == ["enrolled", "enrolled", "earlier", "enrolled"]
    assert [one.created for one in first] == [True, False, False, False]
    assert first[0].person_id == first[1].person_id
    assert first[3].person_id == mum
    person = world.gallery.persons.get(ref, first[0].person_id)
    assert (person.name, person.user_data, len(person.persisted_face_ids)) == ("Zoë", "since 2020", 2)
    shown = {one.face_id: (one.user_data, one.source) for one in world.gallery.faces.enrolled(ref, person.person_id)}
    assert shown[first[0].face_id] == ("passport", "Zoë/1")
    assert filing.known(ref, recipe, [one.digest for one in photos]) == {one.digest for one in photos}
    assert [one.outcome for one in filing.file(ref, recipe, photos)] == ["earlier"] * 4
    assert counts(world, ref) == (2, 3, 2, 3, 3)
    assert world.train(ref) == "succeeded"
    found = world.gallery.recognition.identify([world.detect(unit(3))], ref)
    assert found[0].candidates[0].person_id == mum


def test_a_deleted_face_does_not_come_back_until_it_is_asked_for(world: World) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    filing = world.gallery.filing
    recipe = filing.recipe(ref)
    photos = [ready(world, recipe, "Ann", 1), ready(world, recipe, "Bob", 2)]
    ann = filing.file(ref, recipe, photos)[0]
    world.gallery.persons.delete(ref, ann.person_id)
    assert [one.outcome for one in filing.file(ref, recipe, photos)] == ["earlier", "earlier"]
    assert filing.forget(ref) == 2
    again = filing.file(ref, recipe, photos)
    # Bob is known by the photo of the face that is still there.
    assert [(one.outcome, one.created) for one in again] == [("enrolled", True), ("earlier", False)]
    assert counts(world, ref) == (2, 2, 2, 2, 2)
    world.gallery.collections.delete(ref)
    with world.gallery.rows.database.read(world.owner) as session:
        assert session.scalar(select(func.count()).select_from(ImportedPhotoRow)) == 0


def test_what_is_refused_does_not_touch_the_others(world: World) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    twins = [world.gallery.persons.create(ref, name) for name in ("Twin", "twin")]
    quotas = Quotas({sku: {ref.kind: Limits(collections=9, persons=4, persons_in_all=4, faces=2)} for sku in Sku})
    filing = world.open(quotas=quotas).filing
    recipe = filing.recipe(ref)
    unknown = uuid4()
    photos = {
        "a": (ready(world, recipe, "Ann", 1), None),
        "b": (ready(world, recipe, "Twin", 2), NamesakesError),
        "c": (ready(world, recipe, "whatever", 3, UUID(twins[1])), None),
        "d": (ready(world, recipe, "whatever", 4, unknown), PersonNotFoundError),
        "e": (ready(world, recipe, "x" * 129, 5), NameTooLongError),
        "f": (ready(world, recipe, "Ann", 6, face_data="x" * 1025), UserDataTooLongError),
        "g": (ready(world, recipe, "Ann", 7), None),
        "h": (ready(world, recipe, "Ann", 8), QuotaExceededError),
        "i": (ready(world, recipe, "Bob", 9), None),
        "j": (ready(world, recipe, "Cat", 10), QuotaExceededError),
    }
    filed = dict(zip(photos, filing.file(ref, recipe, [one for one, _ in photos.values()]), strict=True))
    for name, (_, error) in photos.items():
        assert filed[name].outcome is (FiledAs.REFUSED if error else FiledAs.ENROLLED), name
        assert error is None or isinstance(filed[name].error, error), name
    assert filed["c"].person_id == twins[1]
    assert counts(world, ref) == (4, 4, 4, 4, 4)


def test_persons_of_one_transaction_count_for_the_resource(world: World) -> None:
    ref, other = world.make(Kind.LARGE_PERSON_GROUP), world.make(Kind.LARGE_PERSON_GROUP, "other")
    world.gallery.persons.create(other, "Zoe")
    quotas = Quotas({sku: {ref.kind: Limits(collections=9, persons=9, persons_in_all=3, faces=9)} for sku in Sku})
    filing = world.open(quotas=quotas).filing
    recipe = filing.recipe(ref)
    people = ("Ann", "Bob", "Cat", "Ann", "Dan")
    filed = filing.file(ref, recipe, [ready(world, recipe, name, seed) for seed, name in enumerate(people)])
    assert [one.outcome for one in filed] == ["enrolled", "enrolled", "refused", "enrolled", "refused"]
    assert counts(world, ref) == (2, 3, 2, 3, 3)


def test_nothing_is_filed_in_a_group_that_changed(world: World) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    filing = world.gallery.filing
    recipe = filing.recipe(ref)
    photos = [ready(world, recipe, "Ann", 1)]
    world.gallery.training.start(ref)
    for refused in (lambda: filing.recipe(ref), lambda: filing.file(ref, recipe, photos)):
        with pytest.raises(TrainingNotFinishedError):
            refused()
    world.gallery.training.run_pending()
    world.gallery.collections.delete(ref)
    world.make(Kind.PERSON_GROUP)
    with pytest.raises(ConflictError):
        filing.file(ref, recipe, photos)
    other = filing.recipe(ref)
    strange = Enrolment(embedding(unit(1), "b" * 64), "x|1,1,1,1", None)
    wrong = ReadyPhoto(b"d" * 32, "Ann", None, strange, None, None, "x")
    with pytest.raises(FingerprintMismatchError):
        filing.file(ref, other, [ready(world, other, "Bob", 2), wrong])
    assert counts(world, ref) == (0, 0, 0, 0, 0)


def test_duplicates_are_recorded_as_when_photos_are_added_one_by_one(world: World) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    filing = world.gallery.filing
    recipe = filing.recipe(ref)
    old = world.gallery.persons.create(ref, "Old")
    world.gallery.faces.add(ref, photo({"seed": 5}), person_id=old)
    filed = filing.file(ref, recipe, [ready(world, recipe, "New", 5), ready(world, recipe, "Twice", 5)])
    assert {one.other_person_id for one in filed[0].duplicates} == {old}
    assert {one.other_person_id for one in filed[1].duplicates} == {old, filed[0].person_id}
    assert len(world.gallery.duplicates.found(ref)) == 3
