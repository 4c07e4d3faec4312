"""Rules of retention, and consents as a reason for them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.gallery.texts import photo, unit
from tests.subjects.world import SubjectsWorld

from mien.gallery.errors import PersistedFaceNotFoundError, PersonNotFoundError
from mien.gallery.kinds import Kind, persons_ref
from mien.gallery.types import FindMode
from mien.subjects import ConsentState, InvalidSubjectError, RuleNotFoundError, What


def people(place: SubjectsWorld, kind: Kind = Kind.PERSON_GROUP) -> set[str]:
    return {one.name for one in place.world.gallery.persons.page(place.world.ref(kind))}


def test_faces_and_persons_go_by_their_age_and_younger_ones_stay(place: SubjectsWorld) -> None:
    group, faces = place.world.make(Kind.PERSON_GROUP), place.world.make(Kind.LARGE_FACE_LIST)
    old = place.enrol(group, "old", 1, 2)
    place.enrol(faces, "old", 3)
    directory, owner = place.directory.directory, place.owner
    person = directory.create(owner, "old").id or ""
    directory.add_face(owner, person, "recognition_04", photo({"seed": 4}))
    place.world.train(group)
    place.clock.advance(timedelta(days=20))
    place.world.gallery.faces.add(group, photo({"seed": 5}), person_id=old)
    place.enrol(group, "young", 6)
    place.enrol(faces, "young", 7)
    rules = place.subjects.rules
    rules.set(owner, What.FACES_CREATED, 10, actor="cli:test")
    planned = rules.run(owner, dry=True, actor="cli:test")
    assert sorted((one.collection, one.persons, one.faces) for one in planned) == [
        ("directory", 0, 1), ("largeFaceList/group", 0, 1), ("personGroup/group", 0, 2),
    ]  # fmt: skip
    assert rules.run(owner, actor="cli:test") == planned
    assert rules.run(owner, actor="cli:test") == []
    assert len(place.world.gallery.persons.get(group, old).persisted_face_ids) == 1
    assert directory.face_ids(owner, person, "recognition_04") == []
    rules.set(owner, What.PERSONS_CREATED, 10, group, actor="cli:test")
    (ran,) = rules.run(owner, actor="cli:test")
    assert (ran.persons, ran.faces, people(place)) == (1, 1, {"young"})
    row = place.world.gallery.rows.get(group)
    assert (row.persons, row.faces) == (1, 1)
    assert place.audit.search(action="retention.run")[0].details["persons"] == 1


def test_who_has_not_been_seen_goes_unless_a_rule_is_for_another_collection(place: SubjectsWorld) -> None:
    group, other = place.world.make(Kind.PERSON_GROUP), place.world.make(Kind.LARGE_PERSON_GROUP)
    place.enrol(group, "unseen", 1)
    place.enrol(other, "unseen", 1)
    rule = place.subjects.rules.set(place.owner, What.NOT_SEEN, 30, group, actor="t")
    place.clock.advance(timedelta(days=31))
    assert place.subjects.purge() == 2, "a person and a face"
    assert (people(place), people(place, Kind.LARGE_PERSON_GROUP)) == (set(), {"unseen"})
    assert place.subjects.rules.all(place.other) == []
    with pytest.raises(RuleNotFoundError):
        place.subjects.rules.remove(place.other, rule.rule_id, actor="t")
    place.world.gallery.collections.delete(group)
    assert place.subjects.rules.all(place.owner) == [], "a collection's rules go with it"


def test_persons_go_whose_consent_is_over_or_missing(place: SubjectsWorld) -> None:
    group = place.world.make(Kind.PERSON_GROUP)
    consents, now = place.subjects.consents, place.clock.now()

    def consenting(name: str, **given: object) -> str:
        person = place.enrol(group, name)
        made = consents.add(group, person, given_by=name, purpose="door", actor="t", **given)  # type: ignore[arg-type]  # of one call
        return str(made.consent_id)

    consenting("forever")
    consenting("expiring", expires_at=now + timedelta(days=5))
    withdrawn = next(one for one in consents.find(place.owner) if one.given_by == "forever").consent_id
    place.enrol(group, "nobody asked")
    again = place.enrol(group, "asked twice")
    for days in (5, 500):
        end = now + timedelta(days=days)
        consents.add(group, again, given_by="x", purpose="door", expires_at=end, actor="t")
    rules = place.subjects.rules
    rules.set(place.owner, What.CONSENT_OVER, 0, actor="t")
    rules.set(place.owner, What.CONSENT_MISSING, 3, actor="t")
    assert rules.run(place.owner, actor="t") == []
    place.clock.advance(timedelta(days=4))
    rules.run(place.owner, actor="t")
    assert people(place) == {"forever", "expiring", "asked twice"}
    place.clock.advance(timedelta(days=2))
    rules.run(place.owner, actor="t")
    assert people(place) == {"forever", "asked twice"}
    consents.withdraw(place.owner, withdrawn, reason="moved away", actor="t")
    (one,) = consents.find(place.owner, state=ConsentState.WITHDRAWN)
    assert (one.reason, one.given_by) == ("moved away", "forever")
    place.clock.advance(timedelta(seconds=1))
    rules.run(place.owner, actor="t")
    assert people(place) == {"asked twice"}


def test_a_collection_that_is_trained_is_left_alone_until_the_next_time(place: SubjectsWorld) -> None:
    group = place.world.make(Kind.PERSON_GROUP)
    place.enrol(group, "old", 1)
    rules = place.subjects.rules
    rules.set(place.owner, What.PERSONS_CREATED, 1, actor="t")
    place.clock.advance(timedelta(days=2))
    place.world.gallery.training.start(group)
    (ran,) = rules.run(place.owner, actor="t")
    assert ran.persons == 0
    assert ran.skipped
    place.world.gallery.training.run_pending()
    assert rules.run(place.owner, actor="t")[0].persons == 1


def test_consents_of_those_who_are_not_there_are_refused(place: SubjectsWorld) -> None:
    group, faces = place.world.make(Kind.PERSON_GROUP), place.world.make(Kind.FACE_LIST)
    person, face = place.enrol(group, "a", 1), place.enrol(faces, "a", 1)
    consents = place.subjects.consents
    for ref, member, error in (
        (group, face, PersonNotFoundError),
        (faces, person, PersistedFaceNotFoundError),
        (faces, "x", PersistedFaceNotFoundError),
    ):
        with pytest.raises(error):
            consents.add(ref, member, given_by="a", purpose="b", actor="t")
    now = place.clock.now()
    for wrong in (
        {"given_by": " "},
        {"purpose": "x" * 1001},
        {"given_at": now + timedelta(days=2)},
        {"expires_at": now - timedelta(days=1)},
    ):
        with pytest.raises(InvalidSubjectError):
            consents.add(group, person, **{"given_by": "a", "purpose": "b", "actor": "t", **wrong})  # type: ignore[arg-type]  # on purpose
    assert consents.add(faces, face, given_by="a", purpose="b", actor="t").face_id == face
    home = place.directory.directory.create(place.owner, "a").id or ""
    made = consents.add(persons_ref(place.owner), home, given_by="a", purpose="b", actor="t")
    assert made.collection == "directory"
    assert consents.find(place.owner, persons_ref(place.owner), home) == [made]
    with pytest.raises(InvalidSubjectError):
        place.subjects.rules.set(place.owner, What.PERSONS_CREATED, 0, actor="t")


def test_who_was_recognised_is_seen_and_stays(place: SubjectsWorld) -> None:
    world, owner = place.world, place.owner
    gallery, directory = world.gallery, place.directory
    group, faces, large = (world.make(kind) for kind in (Kind.PERSON_GROUP, Kind.FACE_LIST, Kind.LARGE_PERSON_GROUP))
    for ref in (group, faces, large):
        place.enrol(ref, "seen", 1)
        place.enrol(ref, "unseen", 2)
    for name, seed in (("seen", 1), ("unseen", 2)):
        person = directory.directory.create(owner, name).id or ""
        directory.directory.add_face(owner, person, "recognition_04", photo({"seed": seed}))
    world.train(group)
    place.subjects.rules.set(owner, What.NOT_SEEN, 30, actor="t")
    place.clock.advance(timedelta(days=20))
    probe = world.detect(unit(1))
    gallery.recognition.identify([probe], group)
    gallery.similar_faces.find_in(probe, faces, FindMode.MATCH_PERSON)
    gallery.similar_faces.find_in(probe, faces, FindMode.MATCH_FACE)  # which ranks strangers, too
    for one in gallery.persons.page(large):
        gallery.recognition.verify_person(owner, probe, one.person_id, large)
    directory.recognition.identify_persons(owner, [probe], ["*"])
    assert gallery.last_seen.write() == 4
    gallery.recognition.identify([probe], group)
    assert gallery.last_seen.write() == 0, "once a day is enough"
    place.clock.advance(timedelta(days=15))
    place.subjects.rules.run(owner, actor="t")
    assert (people(place), people(place, Kind.LARGE_PERSON_GROUP)) == ({"seen"}, {"seen"})
    assert [one.user_data for one in gallery.faces.page(faces)] == ["seen"]
    assert [one.name for one in directory.directory.page(owner)] == ["seen"]
