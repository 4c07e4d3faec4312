from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import select
from tests.gallery.conftest import CALIBRATION, World, embedding, photo, unit
from tests.gallery.texts import FINGERPRINT
from tests.manual_clock import ManualClock
from tests.many_people import NewPerson, add_persons

from mien.accounts import DEVELOPMENT_TERMS
from mien.gallery.errors import (
    CollectionNotFoundError,
    FaceListEmptyError,
    FaceNotFoundError,
    FingerprintMismatchError,
    IncompatibleModelError,
    NotTrainedError,
    PersonHasNoFaceError,
    PersonNotFoundError,
    TrainingNotFinishedError,
)
from mien.gallery.identification import STRICTER
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.types import FindMode
from mien.matching import cosine, person_scores
from mien.matching.open_set import similarity_for_gallery
from mien.matching.persons import SINGLE_FACE_PENALTY
from mien.storage.tables import RemovalRow
from mien.vision.types import Embedding

GROUPS = pytest.mark.parametrize("kind", [Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP])


def enrolled(world: World, ref: CollectionRef, seeds: range) -> list[str]:
    people = [NewPerson(str(seed), None, (embedding(unit(seed)),)) for seed in seeds]
    return add_persons(world.gallery, ref, people)


def test_verify_two_faces(world: World) -> None:
    one, again, other = world.detect(unit(1)), world.detect(unit(50, near=1)), world.detect(unit(2))
    same = world.gallery.recognition.verify(world.owner, one, again)
    assert same.is_identical
    assert same.confidence == round(CALIBRATION.confidence(cosine(unit(1), unit(50, near=1))), 5)
    assert not world.gallery.recognition.verify(world.owner, one, other).is_identical
    assert world.gallery.recognition.verify(world.owner, one, one.upper()).confidence > 0.99
    for bad in (str(uuid4()), "no guid"):
        with pytest.raises(FaceNotFoundError) as caught:
            world.gallery.recognition.verify(world.owner, one, bad)
        assert caught.value.face_id == bad
        assert caught.value.malformed == (bad == "no guid")


def test_faces_of_other_resources_and_expired_ones_are_not_found(world: World, clock: ManualClock) -> None:
    other = world.accounts.create("other", terms=DEVELOPMENT_TERMS).id
    one, two = world.detect(unit(1)), world.detect(unit(2))
    with pytest.raises(FaceNotFoundError):
        world.gallery.recognition.verify(other, one, two)
    clock.advance(timedelta(seconds=86400))
    with pytest.raises(FaceNotFoundError):
        world.gallery.recognition.verify(world.owner, one, two)


def test_faces_of_other_models_or_weights_are_never_compared(world: World) -> None:
    recognition, similar_faces = world.gallery.recognition, world.gallery.similar_faces
    one, labelled = world.detect(unit(1)), world.detect(unit(1), "recognition_03")
    weights = world.detect(unit(1), "recognition_04", "b" * 64)
    for call in (
        lambda face: recognition.verify(world.owner, one, face),
        lambda face: similar_faces.find(world.owner, one, [face], FindMode.MATCH_FACE),
        lambda face: similar_faces.group(world.owner, [one, face]),
    ):
        with pytest.raises(IncompatibleModelError):
            call(labelled)
        with pytest.raises(FingerprintMismatchError, match="detect it again"):
            call(weights)
    group, faces = world.make(Kind.PERSON_GROUP), world.make(Kind.FACE_LIST)
    person = world.gallery.persons.create(group, "p")
    world.gallery.faces.add(group, photo({"seed": 1}), person_id=person)
    world.gallery.faces.add(faces, photo({"seed": 1}))
    world.train(group)
    for compare in (
        lambda face: recognition.verify_person(world.owner, face, person, group),
        lambda face: recognition.identify([face], group),
        lambda face: similar_faces.find_in(face, faces, FindMode.MATCH_FACE),
    ):
        with pytest.raises(IncompatibleModelError):
            compare(labelled)
        with pytest.raises(FingerprintMismatchError):
            compare(weights)
    # The label is bound anew: nothing enrolled before is compared, and nothing new is mixed in.
    rebound = world.open("c" * 64)
    fresh = world.detect(unit(1), fingerprint="c" * 64)
    with pytest.raises(FingerprintMismatchError):
        rebound.recognition.identify([fresh], group)
    with pytest.raises(FingerprintMismatchError):
        rebound.faces.add(group, photo({"seed": 2}), person_id=person)
    with pytest.raises(FingerprintMismatchError):
        rebound.similar_faces.find_in(fresh, faces, FindMode.MATCH_FACE)
    # An empty collection takes the new recogniser.
    rebound.persons.delete(group, person)
    person = rebound.persons.create(group, "p")
    rebound.faces.add(group, photo({"seed": 1}), person_id=person)
    rebound.training.start(group)
    rebound.training.run_pending()
    (found,) = rebound.recognition.identify([fresh], group)
    assert [candidate.person_id for candidate in found.candidates] == [person]


@GROUPS
def test_verify_a_person_takes_all_faces_and_needs_no_training(world: World, kind: Kind) -> None:
    ref = world.make(kind)
    person = world.gallery.persons.create(ref, "p")
    probe = world.detect(unit(9, near=1))
    verify = world.gallery.recognition.verify_person
    with pytest.raises(PersonHasNoFaceError):
        verify(world.owner, probe, person, ref)
    for seed in (5, 1, 6):
        world.gallery.faces.add(ref, photo({"seed": seed}), person_id=person)
    alone = cosine(unit(9, near=1), unit(1))  # the others are of somebody else: no help, and hardly a hindrance
    expected = CALIBRATION.confidence(1 - SINGLE_FACE_PENALTY * (1 - alone))
    assert verify(world.owner, probe, person, ref).confidence == pytest.approx(expected, abs=1e-5)
    for bad in (str(uuid4()), "no guid"):
        with pytest.raises(PersonNotFoundError):
            verify(world.owner, probe, bad, ref)
    with pytest.raises(CollectionNotFoundError):
        verify(world.owner, probe, person, world.ref(kind, "another"))


def test_identify_scores_a_person_by_all_of_their_photos(world: World) -> None:
    """Two photos that are each a little less like the probe than another person's only one are more together."""
    ref = world.make(Kind.PERSON_GROUP)
    probe = unit(1)
    frame = np.linalg.qr(np.stack([probe, unit(2), unit(3), unit(4)]).T)[0].T
    views = [(0.7 * probe + np.sqrt(1 - 0.7**2) * aside).astype(np.float32) for aside in frame[1:3]]
    rival = (0.72 * probe + np.sqrt(1 - 0.72**2) * frame[3]).astype(np.float32)
    assert max(cosine(probe, view) for view in views) < cosine(probe, rival)
    people = [NewPerson("two", None, tuple(map(embedding, views))), NewPerson("one", None, (embedding(rival),))]
    ids = add_persons(world.gallery, ref, people)
    world.train(ref)
    found = world.gallery.recognition.identify([world.detect(probe)], ref, 2, 0.0)[0].candidates
    assert [one.person_id for one in found] == ids
    expected = [float(person_scores(probe[None], np.stack(views))[0]), cosine(probe, rival)]
    assert [one.confidence for one in found] == pytest.approx([CALIBRATION.confidence(s) for s in expected], abs=1e-4)
    (best,) = world.gallery.recognition.identify([world.detect(probe)], ref, 1, 0.0)
    assert [one.person_id for one in best.candidates] == ids[:1]


@GROUPS
def test_identify_finds_who_was_enrolled_and_nobody_for_strangers(world: World, kind: Kind) -> None:
    ref = world.make(kind)
    ids = enrolled(world, ref, range(40))
    probe, stranger = world.detect(unit(99, near=7)), world.detect(unit(500))
    with pytest.raises(NotTrainedError):
        world.gallery.recognition.identify([probe], ref)
    world.gallery.training.start(ref)
    with pytest.raises(TrainingNotFinishedError):
        world.gallery.recognition.identify([probe], ref)
    world.gallery.training.run_pending()
    found = world.gallery.recognition.identify([probe, stranger], ref)
    assert [one.face_id for one in found] == [probe, stranger]
    assert [c.person_id for c in found[0].candidates] == [ids[7]]
    assert found[1].candidates == ()
    everyone = world.gallery.recognition.identify([stranger], ref, 100, 0.0)[0].candidates
    assert len(everyone) == 40
    assert [c.confidence for c in everyone] == sorted((c.confidence for c in everyone), reverse=True)
    assert len(world.gallery.recognition.identify([stranger], ref, 3, 0.0)[0].candidates) == 3
    third = everyone[2].confidence
    reached = world.gallery.recognition.identify([stranger], ref, 100, third)[0].candidates
    assert [c.confidence for c in reached if c.confidence >= third] == [c.confidence for c in reached]
    assert len(reached) >= 3
    with pytest.raises(FaceNotFoundError):
        world.gallery.recognition.identify([probe, str(uuid4())], ref)


def test_a_face_marked_as_a_childs_must_be_surer_everywhere(world: World) -> None:
    """A similarity between the usual operating point and the stricter one."""
    wanted = (CALIBRATION.threshold + CALIBRATION.stricter(STRICTER).threshold) / 2
    aside = unit(3000) - float(unit(3000) @ unit(1)) * unit(1)
    vector = (wanted * unit(1) + np.sqrt(1 - wanted**2) * aside / np.linalg.norm(aside)).astype(np.float32)
    ref = world.make(Kind.PERSON_GROUP)
    (person,) = enrolled(world, ref, range(1, 2))
    world.train(ref)
    given = [Embedding(vector, FINGERPRINT, 10.0, strict) for strict in (False, True)]
    usual, marked = world.faces.remember(world.owner, "recognition_04", given, 600)
    enrolled_face = world.detect(unit(1))
    recognition = world.gallery.recognition
    for face, same in ((usual, True), (marked, False)):
        assert recognition.verify(world.owner, face, enrolled_face).is_identical is same
        assert recognition.verify(world.owner, enrolled_face, face).is_identical is same
        assert recognition.verify_person(world.owner, face, person, ref).is_identical is same
        (answer,) = recognition.identify([face], ref)
        assert bool(answer.candidates) is same
        assert all(one.confidence < 0.5 for one in recognition.identify([marked], ref, 1, 0.1)[0].candidates)
    (clear,) = world.faces.remember(world.owner, "recognition_04", [Embedding(unit(1), FINGERPRINT, 10.0, True)], 600)
    assert recognition.verify(world.owner, clear, enrolled_face).confidence == 1.0


def test_the_default_threshold_grows_with_the_group(world: World) -> None:
    assert similarity_for_gallery(CALIBRATION, 100) == CALIBRATION.threshold
    grown = [similarity_for_gallery(CALIBRATION, size) for size in (100, 1_000, 10_000, 100_000)]
    steps = np.diff(grown)
    assert np.all(steps > 0)
    assert np.allclose(steps, steps[0])
    ref = world.make(Kind.PERSON_GROUP)
    enrolled(world, ref, range(1000))
    world.train(ref)
    # Between the operating point and the similarity that a thousand templates ask for.
    wanted = (CALIBRATION.threshold + grown[1]) / 2
    direction = unit(3000) - float(unit(3000) @ unit(0)) * unit(0)
    direction /= np.linalg.norm(direction)
    probe = world.detect((wanted * unit(0) + np.sqrt(1 - wanted**2) * direction).astype(np.float32))
    assert world.gallery.recognition.identify([probe], ref)[0].candidates == ()
    assert len(world.gallery.recognition.identify([probe], ref, 10, 0.5)[0].candidates) == 1


def test_a_deleted_person_is_not_found_from_that_moment(world: World) -> None:
    ref = world.make(Kind.LARGE_PERSON_GROUP)
    ids = enrolled(world, ref, range(10))
    world.train(ref)
    probe = world.detect(unit(3))
    identify = world.gallery.recognition.identify
    assert identify([probe], ref)[0].candidates[0].person_id == ids[3]
    world.gallery.persons.delete(ref, ids[3])
    assert identify([probe], ref)[0].candidates == ()
    assert ids[3] not in [c.person_id for c in identify([probe], ref, 100, 0.0)[0].candidates]
    world.train(ref)
    assert ids[3] not in [c.person_id for c in identify([probe], ref, 100, 0.0)[0].candidates]


def test_find_similar_among_face_ids(world: World) -> None:
    probe = world.detect(unit(1))
    ids = [world.detect(vector) for vector in (unit(2), unit(40, near=1, away=0.4), unit(1), unit(41, near=1))]
    find = world.gallery.similar_faces.find
    persons = find(world.owner, probe, [*ids, ids[0]], FindMode.MATCH_PERSON)
    assert [one.face_id for one in persons] == [ids[2], ids[3], ids[1]]
    ranked = find(world.owner, probe, ids, FindMode.MATCH_FACE)
    assert [one.face_id for one in ranked] == [ids[2], ids[3], ids[1], ids[0]]
    assert len(find(world.owner, probe, ids, FindMode.MATCH_FACE, 2)) == 2
    assert find(world.owner, world.detect(unit(77)), ids, FindMode.MATCH_PERSON) == []


def test_find_similar_in_a_face_list_is_always_of_now(world: World) -> None:
    ref = world.make(Kind.FACE_LIST)
    probe = world.detect(unit(1))
    find = world.gallery.similar_faces.find_in
    with pytest.raises(FaceListEmptyError):
        find(probe, ref, FindMode.MATCH_FACE)
    ids = [world.gallery.faces.add(ref, photo({"seed": seed})).persisted_face_id for seed in range(30)]
    assert [one.face_id for one in find(probe, ref, FindMode.MATCH_PERSON)] == [ids[1]]
    assert len(find(probe, ref, FindMode.MATCH_FACE, 1000)) == 30
    for number, face in enumerate(ids[:20]):
        world.gallery.faces.delete(ref, face)
        assert face not in [one.face_id for one in find(probe, ref, FindMode.MATCH_FACE, 1000)]
        assert len(find(probe, ref, FindMode.MATCH_FACE, 1000)) == 29 - number
    again = world.gallery.faces.add(ref, photo({"seed": 1})).persisted_face_id
    assert [one.face_id for one in find(probe, ref, FindMode.MATCH_PERSON)] == [again]


def test_removed_templates_leave_memory(world: World, clock: ManualClock) -> None:
    ref = world.make(Kind.FACE_LIST)
    ids = [world.gallery.faces.add(ref, photo({"seed": seed})).persisted_face_id for seed in range(5)]
    probe = world.detect(unit(1))
    find = world.gallery.similar_faces.find_in
    find(probe, ref, FindMode.MATCH_FACE)
    world.gallery.faces.delete(ref, ids[0])
    assert len(find(probe, ref, FindMode.MATCH_FACE)) == 4
    assert world.gallery.untrained_index.forget_unused() == 0
    for _ in range(7):  # used all the time
        clock.advance(timedelta(minutes=5))
        find(probe, ref, FindMode.MATCH_FACE)
    assert world.gallery.untrained_index.forget_unused() == 1
    assert len(find(probe, ref, FindMode.MATCH_FACE)) == 4
    assert world.gallery.untrained_index.forget_unused() == 0
    clock.advance(timedelta(minutes=31))
    assert world.gallery.untrained_index.forget_unused() == 1


def test_find_similar_in_a_large_face_list_is_of_the_last_training(world: World) -> None:
    ref = world.make(Kind.LARGE_FACE_LIST)
    probe = world.detect(unit(1))
    find = world.gallery.similar_faces.find_in
    with pytest.raises(NotTrainedError):
        find(probe, ref, FindMode.MATCH_FACE)
    first = world.gallery.faces.add(ref, photo({"seed": 1})).persisted_face_id
    assert world.train(ref) == "succeeded"
    second = world.gallery.faces.add(ref, photo({"seed": 9, "near": 1})).persisted_face_id
    assert [one.face_id for one in find(probe, ref, FindMode.MATCH_PERSON)] == [first]
    assert world.train(ref) == "succeeded"
    assert [one.face_id for one in find(probe, ref, FindMode.MATCH_PERSON)] == [first, second]
    world.gallery.faces.delete(ref, first)
    assert [one.face_id for one in find(probe, ref, FindMode.MATCH_PERSON)] == [second]


def test_group_is_a_partition_whatever_the_order(world: World) -> None:
    ids = {
        world.detect(unit(100 + number, near=person, away=0.3)): person
        for person, count in ((1, 4), (2, 3), (3, 1), (4, 1))
        for number in range(10 * person, 10 * person + count)
    }
    given = list(ids)
    found = world.gallery.similar_faces.group(world.owner, given)
    assert [len(members) for members in found.groups] == [4, 3]
    assert all(len({ids[face] for face in members}) == 1 for members in found.groups)
    assert sorted([*found.messy_group, *(face for members in found.groups for face in members)]) == sorted(given)
    backwards = world.gallery.similar_faces.group(world.owner, given[::-1])
    assert {frozenset(members) for members in backwards.groups} == {frozenset(members) for members in found.groups}
    same = world.gallery.similar_faces.group(world.owner, [given[0], given[1]])
    assert same.messy_group == ()


def test_removed_templates_leave_the_snapshot_without_a_training(world: World, clock: ManualClock) -> None:
    ref = world.make(Kind.PERSON_GROUP)
    ids = enrolled(world, ref, range(6))
    world.train(ref)
    probe = world.detect(unit(2))
    late = world.gallery.persons.create(ref, "late")
    world.gallery.faces.add(ref, photo({"seed": 200}), person_id=late)
    world.gallery.persons.delete(ref, ids[2])
    row = world.gallery.rows.get(ref)
    assert len(world.gallery.indexes.store(row, row.snapshot or "").load()) == 6
    assert world.gallery.compaction.purge() == 0
    clock.advance(timedelta(minutes=30))
    assert world.gallery.compaction.purge() == 1
    row = world.gallery.rows.get(ref)
    assert len(world.gallery.indexes.store(row, row.snapshot or "").load()) == 5
    with world.gallery.rows.database.read(world.owner) as session:
        assert session.scalars(select(RemovalRow)).all() == []
    found = world.gallery.recognition.identify([probe], ref, 100, 0.0)[0].candidates
    # Who came after the training is still to be trained; who was deleted stays away.
    assert {c.person_id for c in found} == set(ids) - {ids[2]}
    world.train(ref)
    found = world.gallery.recognition.identify([probe], ref, 100, 0.0)[0].candidates
    assert {c.person_id for c in found} == {*ids, late} - {ids[2]}
