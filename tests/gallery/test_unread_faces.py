"""A face that could not be read is nobody's: it is reported, but nothing is decided by it."""

import pytest
from tests.gallery.conftest import World, photo, unit
from tests.gallery.texts import UNREAD

from mien.gallery.errors import LowQualityError
from mien.gallery.kinds import Kind
from mien.gallery.types import FindMode

NAMED = pytest.mark.parametrize("kind", [Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP])


def test_it_is_not_even_the_same_as_itself(world: World) -> None:
    unread, again, other = world.detect(UNREAD), world.detect(UNREAD), world.detect(unit(1))
    for one, two in ((unread, unread), (unread, again), (unread, other), (other, unread)):
        found = world.gallery.recognition.verify(world.owner, one, two)
        assert not found.is_identical
        assert found.confidence < 0.5


@NAMED
@pytest.mark.parametrize("threshold", [None, 0.0, 0.5])
def test_it_is_identified_as_nobody_whatever_the_threshold(world: World, kind: Kind, threshold: float | None) -> None:
    group = world.make(kind)
    person = world.gallery.persons.create(group, "p")
    world.gallery.faces.add(group, photo({"seed": 1}), person_id=person)
    world.train(group)
    probe, known = world.detect(UNREAD), world.detect(unit(1))
    none, someone = world.gallery.recognition.identify([probe, known], group, confidence_threshold=threshold)
    assert none.candidates == ()
    assert [one.person_id for one in someone.candidates] == [person]
    verified = world.gallery.recognition.verify_person(world.owner, probe, person, group)
    assert (verified.is_identical, verified.confidence) == (False, 0.0)


def test_it_is_similar_to_nobody_and_in_no_group(world: World) -> None:
    probes = [world.detect(UNREAD), world.detect(UNREAD), world.detect(unit(1)), world.detect(unit(9, near=1))]
    similar_faces = world.gallery.similar_faces
    assert similar_faces.find(world.owner, probes[0], probes[1:], FindMode.MATCH_PERSON) == []
    ranked = similar_faces.find(world.owner, probes[0], probes[1:], FindMode.MATCH_FACE)
    assert all(found.confidence < 0.5 for found in ranked)
    groups = similar_faces.group(world.owner, probes)
    assert [set(members) for members in groups.groups] == [set(probes[2:])]
    assert set(groups.messy_group) == set(probes[:2])


@pytest.mark.parametrize("kind", [Kind.PERSON_GROUP, Kind.FACE_LIST])
def test_it_is_not_enrolled_and_the_error_says_what_to_do(world: World, kind: Kind) -> None:
    ref = world.make(kind)
    person = world.gallery.persons.create(ref, "p") if kind.has_persons else None
    with pytest.raises(LowQualityError, match="upright"):
        world.gallery.faces.add(ref, photo({"seed": 1, "read": False}), person_id=person)
