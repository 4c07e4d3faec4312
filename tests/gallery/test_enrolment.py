import io
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select
from tests.gallery.conftest import World, embedding, photo, unit
from tests.manual_clock import ManualClock
from tests.many_people import NewPerson, add_faces, add_persons

from mien.accounts import DEVELOPMENT_TERMS
from mien.gallery.enrolment import make_crop
from mien.gallery.errors import (
    LowQualityError,
    NoFaceError,
    SeveralFacesError,
    TargetFaceOutOfRangeError,
)
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.types import DuplicateKind, FindMode, TargetFace
from mien.storage.crypto import CryptoError
from mien.storage.tables import PersistedFaceRow
from mien.vision.decode import decode
from mien.vision.types import FaceBox, OperatingPoint

LEFT, RIGHT = (100, 100, 80, 80), (300, 100, 80, 80)


def test_exactly_one_face_or_a_target_that_has_one(world: World) -> None:
    ref = world.make(Kind.FACE_LIST)
    add = world.gallery.faces.add
    two = photo({"seed": 1, "box": LEFT}, {"seed": 2, "box": RIGHT})
    for point, hint in ((OperatingPoint.GENERAL, "detection_03 finds more"), (OperatingPoint.BEST, "found$")):
        with pytest.raises(NoFaceError, match=hint):
            add(ref, photo(), operating_point=point)
    with pytest.raises(SeveralFacesError, match="300,100,80,80"):
        add(ref, two)
    with pytest.raises(NoFaceError):
        add(ref, two, target=TargetFace(0, 0, 50, 50))
    with pytest.raises(SeveralFacesError):
        add(ref, two, target=TargetFace(0, 0, 640, 480))
    for outside in (TargetFace(600, 0, 41, 10), TargetFace(0, 400, 10, 81)):
        with pytest.raises(TargetFaceOutOfRangeError):
            add(ref, two, target=outside)
    assert world.gallery.collections.get(ref).faces == 0
    add(ref, two, target=TargetFace(*RIGHT))
    probe = world.detect(unit(2))
    assert world.gallery.similar_faces.find_in(probe, ref, FindMode.MATCH_PERSON)[0].confidence > 0.99


def test_people_who_stand_close_are_told_apart_by_the_rectangle(world: World) -> None:
    ref = world.make(Kind.FACE_LIST)
    close = photo({"seed": 1, "box": (100, 100, 100, 100)}, {"seed": 2, "box": (140, 120, 60, 60)})
    world.gallery.faces.add(ref, close, target=TargetFace(101, 99, 100, 100))
    (kept,) = world.gallery.faces.all(ref)
    row = world.gallery.rows.get(ref)
    with world.gallery.rows.database.read(world.owner) as session:
        sealed = session.scalars(select(PersistedFaceRow)).one()
    opened = world.gallery.templates.open(world.owner, row.uid, sealed.face_id, sealed.sealed)
    np.testing.assert_array_equal(opened, unit(1))
    assert str(sealed.face_id) == kept.persisted_face_id


def test_a_template_opens_for_its_own_row_only(world: World) -> None:
    ref = world.make(Kind.FACE_LIST)
    for seed in (1, 2):
        world.gallery.faces.add(ref, photo({"seed": seed}))
    uid = world.gallery.rows.get(ref).uid
    with world.gallery.rows.database.read(world.owner) as session:
        one, other = session.scalars(select(PersistedFaceRow)).all()
    assert unit(1).tobytes()[:8] not in one.sealed + other.sealed
    with pytest.raises(CryptoError):
        world.gallery.templates.open(world.owner, uid, one.face_id, other.sealed)


@pytest.mark.parametrize(
    ("policy", "face", "words"),
    [
        (EnrolmentPolicy(min_quality="high"), {"quality": "medium"}, "is medium, required is at least high"),
        (EnrolmentPolicy(max_blur="low"), {"blur": "high"}, r"blur is high \(0.50\), required is at most low"),
        (EnrolmentPolicy(no_occlusion=True), {"mouth": True}, "occlusion is mouth covered"),
        (EnrolmentPolicy(max_yaw=20), {"yaw": -31.25}, "yaw is -31.2 degrees, required is at most 20 to either side"),
        (EnrolmentPolicy(max_pitch=10, max_roll=5), {"pitch": 11, "roll": 6}, "pitch is 11.0 .*; roll is 6.0"),
        (EnrolmentPolicy(min_size=100), {}, "size is 80 pixels, required is at least 100 pixels"),
    ],
)  # fmt: skip
def test_a_photo_below_the_policy_is_refused_with_the_measure(
    world: World, policy: EnrolmentPolicy, face: dict[str, object], words: str
) -> None:
    ref, other = world.make(Kind.FACE_LIST, "strict"), world.make(Kind.FACE_LIST, "lenient")
    world.gallery.policies.set_for(ref, policy)
    assert world.gallery.policies.get_for(ref) == policy
    with pytest.raises(LowQualityError, match=words):
        world.gallery.faces.add(ref, photo({"seed": 1, **face}))
    world.gallery.faces.add(other, photo({"seed": 1, **face}))
    world.gallery.faces.add(ref, photo({"seed": 1, "box": (0, 0, 200, 200)}))
    world.gallery.policies.set_for(ref, None)
    world.gallery.faces.add(ref, photo({"seed": 1, **face}))


def test_the_policy_of_a_resource_holds_where_a_collection_has_none(world: World) -> None:
    ref, own = world.make(Kind.FACE_LIST, "plain"), world.make(Kind.FACE_LIST, "own")
    world.gallery.policies.set(world.owner, EnrolmentPolicy(min_size=300))
    world.gallery.policies.set(world.owner, EnrolmentPolicy(min_size=200))
    world.gallery.policies.set_for(own, EnrolmentPolicy())
    with pytest.raises(LowQualityError):
        world.gallery.faces.add(ref, photo({"seed": 1}))
    world.gallery.faces.add(own, photo({"seed": 1}))
    other = world.accounts.create("other", terms=DEVELOPMENT_TERMS).id
    assert world.gallery.policies.get(other) == EnrolmentPolicy()


def test_policies_are_checked(world: World) -> None:
    for wrong in ({"min_quality": "best"}, {"max_yaw": -1}, {"min_size": 0}):
        with pytest.raises(ValueError, match=r"min_|max_"):
            EnrolmentPolicy(**wrong)
    whole = EnrolmentPolicy("low", "medium", True, 1.5, 2, 3, 40, True)
    assert EnrolmentPolicy.from_json(whole.to_json()) == whole
    assert EnrolmentPolicy.from_json('{"unknown": 1}') == EnrolmentPolicy()


def test_the_same_photo_twice_is_reported(world: World) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    one, other = (world.gallery.persons.create(ref, name) for name in ("one", "other"))
    first = world.gallery.faces.add(ref, photo({"seed": 1}), person_id=one)
    assert first.duplicates == ()
    second = world.gallery.faces.add(ref, photo({"seed": 1}), person_id=other)
    (found,) = second.duplicates
    assert (found.kind, found.other_face_id, found.other_person_id) == (
        DuplicateKind.SAME_PHOTO,
        first.persisted_face_id,
        one,
    )
    assert world.gallery.duplicates.found(ref) == [found]
    assert first.persisted_face_id in str(found)
    world.gallery.persons.delete(ref, one)
    assert world.gallery.duplicates.found(ref) == []


def test_the_same_person_under_two_ids_is_reported_and_more_photos_of_one_are_not(world: World) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    one, other, third = (world.gallery.persons.create(ref, name) for name in "abc")
    world.gallery.faces.add(ref, photo({"seed": 1}), person_id=one)
    assert world.gallery.faces.add(ref, photo({"seed": 20, "near": 1}), person_id=one).duplicates == ()
    assert world.gallery.faces.add(ref, photo({"seed": 2}), person_id=third).duplicates == ()
    (found,) = world.gallery.faces.add(ref, photo({"seed": 21, "near": 1}), person_id=other).duplicates
    assert (found.kind, found.person_id, found.other_person_id) == (DuplicateKind.SAME_PERSON, other, one)
    assert found.confidence > 0.5
    faces = world.make(Kind.FACE_LIST)
    world.gallery.faces.add(faces, photo({"seed": 1}))
    assert world.gallery.faces.add(faces, photo({"seed": 20, "near": 1})).duplicates == ()
    # Two people of one group photo are not one photo twice.
    both = ({"seed": 5, "box": LEFT}, {"seed": 6, "box": RIGHT})
    for person, box in ((one, LEFT), (other, RIGHT)):
        added = world.gallery.faces.add(ref, photo(*both), person_id=person, target=TargetFace(*box))
        assert added.duplicates == ()


def test_a_crop_has_a_margin_and_stays_in_the_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    with Image.open(io.BytesIO(make_crop(decode(buffer.getvalue()), FaceBox(100, 60, 80, 60)).jpeg)) as crop:
        assert crop.size == (160, 120)
    with Image.open(io.BytesIO(make_crop(decode(buffer.getvalue()), FaceBox(0, 0, 80, 60)).jpeg)) as crop:
        assert crop.size == (120, 90)


def test_bulk_enrolment_counts(world: World) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    people = [NewPerson(str(n), None, (embedding(unit(n)), embedding(unit(n + 5000)))) for n in range(2100)]
    ids = add_persons(world.gallery, ref, people)
    assert len(set(ids)) == 2100
    counted = world.gallery.collections.get(ref)
    assert (counted.persons, counted.faces) == (2100, 4200)
    assert len(world.gallery.persons.get(ref, ids[2099]).persisted_face_ids) == 2
    listed = world.make(Kind.LARGE_FACE_LIST)
    faces = add_faces(world.gallery, listed, [embedding(unit(n)) for n in range(3)])
    assert sorted(faces) == [one.persisted_face_id for one in world.gallery.faces.page(listed)]
    with world.gallery.rows.database.read(world.owner) as session:
        assert session.scalar(select(func.count()).select_from(PersistedFaceRow)) == 4203


def pairs(world: World, ref: CollectionRef) -> set[tuple[str, str | None, str | None]]:
    return {(one.kind.value, one.person_id, one.other_person_id) for one in world.gallery.duplicates.found(ref)}


def test_look_alikes_are_those_of_now_whoever_wrote_them(world: World) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    one, two, three = (world.gallery.persons.create(ref, name) for name in ("one", "two", "three"))
    first = world.gallery.faces.add(ref, photo({"seed": 1}), person_id=one).persisted_face_id
    other = world.open()
    # Written elsewhere, and seen here; removed elsewhere, and not seen any more.
    alike = photo({"seed": 2, "near": 1, "away": 0.1})
    assert [d.other_face_id for d in other.faces.add(ref, alike, person_id=two).duplicates] == [first]
    assert world.gallery.faces.add(ref, photo({"seed": 3}), person_id=three).duplicates == ()
    other.faces.delete(ref, first, one)
    again = world.gallery.faces.add(ref, photo({"seed": 4, "near": 1, "away": 0.1}), person_id=three)
    assert {d.other_person_id for d in again.duplicates} == {two}
    world.gallery.persons.delete(ref, two)
    assert other.faces.add(ref, photo({"seed": 5, "near": 1, "away": 0.1}), person_id=three).duplicates == ()
    for seed in range(200, 300):  # more than the matrix has room for at first
        world.gallery.faces.add(ref, photo({"seed": seed}), person_id=three)
    found = world.gallery.faces.add(ref, photo({"seed": 9, "near": 250, "away": 0.1}), person_id=one)
    assert {d.other_person_id for d in found.duplicates} == {three}


@pytest.mark.parametrize("size", ["small", "large"])
def test_imports_and_large_collections_are_compared_by_training(
    world: World, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if size == "large":
        for module in ("duplicates", "training.duplicates"):
            monkeypatch.setattr(f"mien.gallery.{module}.COMPARED_FACES", 3)
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    people = [NewPerson(str(n), None, (embedding(unit(n)), embedding(unit(n + 5000, n, 0.1)))) for n in range(20)]
    ids = add_persons(world.gallery, ref, people)
    (twin,) = add_persons(world.gallery, ref, [NewPerson("twin", None, (embedding(unit(900, 7, 0.1)),))])
    assert pairs(world, ref) == set()
    assert world.train(ref) == "succeeded"
    found = {frozenset((a, b)) for kind, a, b in pairs(world, ref) if kind == "samePerson"}
    assert found == {frozenset((twin, ids[7]))}
    # What comes later is compared once, and nothing is written twice.
    late = world.gallery.persons.create(ref, "late")
    told = world.gallery.faces.add(ref, photo({"seed": 901, "near": 3, "away": 0.1}), person_id=late).duplicates
    assert bool(told) == (size == "small")
    assert world.train(ref) == "succeeded"
    found = {frozenset((a, b)) for _, a, b in pairs(world, ref)}
    assert found == {frozenset((twin, ids[7])), frozenset((late, ids[3]))}
    world.gallery.training.rebuild(ref)
    assert {frozenset((a, b)) for _, a, b in pairs(world, ref)} == found


def test_the_same_picture_imported_twice_is_reported(world: World) -> None:
    ref = world.make(Kind.LARGE_FACE_LIST)
    one, other, _ = add_faces(world.gallery, ref, [embedding(unit(1)), embedding(unit(1)), embedding(unit(2))])
    world.train(ref)
    (found,) = world.gallery.duplicates.found(ref)
    assert ({found.face_id, found.other_face_id}, found.kind.value) == ({one, other}, "samePhoto")


def test_removed_templates_leave_the_memory_of_look_alikes(world: World, clock: ManualClock) -> None:
    ref = world.make(Kind.FACE_LIST)
    for seed in (1, 2):
        world.gallery.faces.add(ref, photo({"seed": seed}))
    assert world.gallery.duplicate_check.forget_old() == 0
    clock.advance(timedelta(minutes=31))
    assert world.gallery.duplicate_check.forget_old() == 1
    assert world.gallery.faces.add(ref, photo({"seed": 1})).duplicates
