"""Error rates of the people of a person directory: calibration, and reports by groups."""

from __future__ import annotations

import pytest
from tests.gallery.directory.world import MODEL, World
from tests.gallery.texts import UNREAD, embedding, photo, recognisers, unit
from tests.manual_clock import ManualClock
from tests.many_people import NewPerson, add_persons

from mien.events import AuditLog
from mien.gallery.kinds import CollectionRef, Kind, faces_ref
from mien.gallery.measuring import Measuring
from mien.gallery.sampling import SampleSourceError
from mien.storage import Database, Vault


@pytest.fixture
def measuring(world: World, database: Database, clock: ManualClock, vault: Vault) -> Measuring:
    return Measuring(world.gallery, recognisers(), AuditLog(database, clock, vault))


def enrolled(world: World) -> list[str]:
    """44 people with two photos each; the second photo of every other person looks unlike the first."""
    ids = []
    for number in range(44):
        person = world.person(number, name=f"person {number}")
        away = 4.0 if number % 2 else 0.1
        world.persons.add_face(world.owner, person, MODEL, photo({"seed": 1000 + number, "near": number, "away": away}))
        ids.append(person)
    return ids


def test_a_directory_is_measured(world: World, measuring: Measuring) -> None:
    enrolled(world)
    found = measuring.measure(faces_ref(world.owner, MODEL), "directory", fmr=0.01, actor="ann")
    assert found.source == "directory/recognition_04"
    assert (found.result["people"], found.result["genuine"]) == (44, 44)
    with pytest.raises(SampleSourceError, match="nobody is enrolled"):
        measuring.measure(faces_ref(world.owner, "persons"), "nobody", actor="ann")


@pytest.mark.heavy_on_postgresql
def test_the_worse_group_of_a_directory_is_found(world: World, measuring: Measuring) -> None:
    """People are named by name or by id."""
    ids = enrolled(world)
    named = [*ids[:22], *(f"person {number}" for number in range(22, 44))]
    lines = [f"{name},{'odd' if number % 2 else 'even'}" for number, name in enumerate(named)]
    labels = "person,number\n" + "\n".join(lines)
    made = measuring.report_groups(faces_ref(world.owner, MODEL), labels, actor="ann")
    (one,) = made.groups
    even, odd = one.groups
    assert (even.name, even.people, even.photos) == ("even", 22, 44)
    assert (odd.name, odd.people, odd.photos) == ("odd", 22, 44)
    assert even.fnmr is not None
    assert odd.fnmr is not None
    assert (even.fnmr.value, odd.fnmr.value) == (0, 1)
    first = one.differences[0]
    assert (first.measure, first.one, first.found) == ("FNMR", "odd", True)

    world.person(999, name="person 43")
    with pytest.raises(SampleSourceError, match="2 people are called 'person 43'"):
        measuring.report_groups(faces_ref(world.owner, MODEL), labels, actor="ann")
    with pytest.raises(SampleSourceError, match="has two labels of 'number': by name and by person id"):
        both = labels.replace("person 43", ids[43]) + "\nperson 0,odd"
        measuring.report_groups(faces_ref(world.owner, MODEL), both, actor="ann")


def test_an_unusable_template_counts_as_a_failure_to_enrol(world: World, measuring: Measuring) -> None:
    """As templates of faces that were enrolled before they were checked; one person has no other."""
    ref = CollectionRef(world.owner, Kind.LARGE_PERSON_GROUP, "staff")
    world.gallery.collections.create(ref, "Staff", None, MODEL)
    people = [
        NewPerson(str(number), None, (embedding(unit(number)), embedding(unit(900 + number, near=number))))
        for number in range(44)
    ]
    people[43] = NewPerson("43", None, (embedding(UNREAD),))
    people[41] = NewPerson("41", None, (embedding(unit(41)), embedding(UNREAD)))
    add_persons(world.gallery, ref, people)
    labels = "person,parity\n" + "\n".join(f"{number},{'odd' if number % 2 else 'even'}" for number in range(44))
    (one,) = measuring.report_groups(ref, labels, actor="ann").groups
    even, odd = one.groups
    assert (even.people, even.photos, odd.people, odd.photos) == (22, 44, 22, 43)
    assert even.fte is not None
    assert odd.fte is not None
    assert even.fte.value == 0
    assert odd.fte.value == pytest.approx(2 / 43)


@pytest.mark.heavy_on_postgresql
def test_people_of_one_photo_are_compared(world: World, measuring: Measuring) -> None:
    for number in range(40):
        world.person(number, name=str(number))
    labels = "person,half\n" + "\n".join(f"{number},{number // 20}" for number in range(40))
    made = measuring.report_groups(faces_ref(world.owner, MODEL), labels, actor="ann")
    (one,) = made.groups
    assert [(group.people, group.fnmr) for group in one.groups] == [(20, None), (20, None)]
    assert all(group.fmr is not None for group in one.groups)
