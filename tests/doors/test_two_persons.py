"""Rules that require two persons: both pass, or neither."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.doors.conftest import STAFF, House
from tests.doors.parts import Recorder

from mien.doors.events import Event
from mien.doors.reviews import DoorReviews
from mien.doors.types import Direction, Door, DoorSpec, How
from mien.doors.webhooks import announced


def two_enter(house: House, door: Door, ada: UUID | None = None) -> tuple[UUID, UUID, Event, Event]:
    """Let Ada and then Bob come to a door for two, and return both and their events."""
    ada, bob = ada or house.person("Ada"), house.person("Bob")
    watched = house.watched(door)
    first = house.decisions.observe(watched, house.evidence(ada, track="1"))
    house.clock.advance(timedelta(seconds=8))
    second = house.decisions.observe(watched, house.evidence(bob, track="2"))
    assert first is not None
    assert second is not None
    assert (first.granted, second.granted) == (False, True), second.code
    return ada, bob, first, second


def inside(house: House) -> list[str]:
    return sorted(one.person.name for one in house.roster.inside(house.owner))


def test_both_of_two_persons_pass(house: House) -> None:
    """The first one would otherwise not be inside, and anti-passback would not let them out again."""
    door = house.door(spec=DoorSpec(anti_passback=True))
    house.rule(door, how=How.TWO_PERSONS)
    ada, bob, *_ = two_enter(house, door)
    assert inside(house) == ["Ada", "Bob"]
    leaves = house.watched(door, Direction.EXIT)
    house.clock.advance(timedelta(minutes=1))
    assert house.decisions.observe(leaves, house.evidence(ada, track="3")) is not None
    out = house.decisions.observe(leaves, house.evidence(bob, track="4"))
    assert out is not None
    assert out.granted, out.code
    assert inside(house) == []


def test_the_first_of_two_is_held_off_like_the_second_and_serves_nobody_else(house: House) -> None:
    door = house.door()
    house.rule(door, how=How.TWO_PERSONS)
    ada, bob, *_ = two_enter(house, door)
    watched, carol = house.watched(door), house.person("Carol")
    for person, track in ((ada, "5"), (bob, "6")):
        again = house.decisions.observe(watched, house.evidence(person, track=track))
        assert again is not None
        assert again.code == "hold_off"
    house.clock.advance(timedelta(seconds=15))
    assert house.decisions.observe(watched, house.evidence(ada, track="1")) is None, "their track opened the door"
    third = house.decisions.observe(watched, house.evidence(carol, track="7"))
    assert third is not None
    assert third.code == "second_person_missing"


def test_the_door_of_two_that_stayed_shut_lets_nobody_in(house: House) -> None:
    door = house.door(spec=DoorSpec(anti_passback=True, hold_off_seconds=60))
    house.rule(door, how=How.TWO_PERSONS)
    actuator = Recorder()
    actuator.fails = True
    with house.claims.hold("door/1") as held:
        assert held is not None
        openings = house.openings(door, actuator, held)
        ada, bob, *_ = two_enter(house, door)
        openings.work()
        assert inside(house) == []
        watched = house.watched(door)
        house.decisions.observe(watched, house.evidence(ada, track="3"))
        again = house.decisions.observe(watched, house.evidence(bob, track="4"))
        assert again is not None
        assert again.granted, again.code


def test_two_persons_pass_in_one_direction(house: House) -> None:
    """With one who leaves, the other would be alone in a room that nobody may enter alone."""
    ada, bob, door = house.person("Ada"), house.person("Bob"), house.door()
    house.rule(door, how=How.TWO_PERSONS)
    house.decisions.observe(house.watched(door), house.evidence(ada, track="1"))
    leaving = house.decisions.observe(house.watched(door, Direction.EXIT), house.evidence(bob, track="2"))
    assert leaving is not None
    assert leaving.code == "second_person_missing"


@pytest.mark.parametrize("change", ["inside by another door", "visit over", "rule changed", "deleted", "corrected"])
def test_the_first_of_two_must_still_be_allowed(house: House, change: str) -> None:
    lab = DoorSpec(area="Lab", anti_passback=True)
    ada, bob, door, side = house.person("Ada"), house.person("Bob"), house.door(spec=lab), house.door("Side", lab)
    now = house.clock.now()
    rule = house.rule(door, how=How.TWO_PERSONS, groups=(), persons=(bob, ada))
    house.rule(side, name="Side")
    watched = house.watched(door)
    visit = None
    if change == "visit over":
        house.doors.change_rule(house.owner, rule.rule_id, replace(rule.spec, persons=(bob,), visitors=True), actor="a")
        visit = house.roster.add_visitor(
            house.owner, STAFF, ada, starts_at=now, ends_at=now + timedelta(hours=1), actor="anna"
        )
    first = house.decisions.observe(watched, house.evidence(ada, track="1"))
    assert first is not None
    assert first.code == "second_person_missing"
    if change == "inside by another door":
        house.decisions.observe(house.watched(side), house.evidence(ada, track="2"))
    elif visit is not None:
        house.roster.end_visit(house.owner, visit.visitor_id, actor="anna")
    elif change == "rule changed":
        house.doors.change_rule(house.owner, rule.rule_id, replace(rule.spec, persons=(bob,)), actor="anna")
    elif change == "deleted":
        house.place.world.gallery.persons.delete(house.group("staff"), str(ada))
    else:
        DoorReviews(house.database, house.clock, house.audit, house.events).not_this_person(
            house.owner, first.number, actor="anna"
        )
    second = house.decisions.observe(watched, house.evidence(bob, track="3"))
    assert second is not None
    assert second.code == "second_person_missing"


def test_the_alarm_of_the_first_of_two_is_silent_and_sent(house: House) -> None:
    ada, door = house.person("Ada"), house.door()
    house.doors.change(house.owner, door.door_id, spec=replace(door.spec, duress=(ada,)), actor="anna")
    house.rule(door, how=How.TWO_PERSONS)
    *_, first, second = two_enter(house, door, ada)
    assert (first.duress, second.duress) == (True, True)
    assert announced(first), "they may be alone with somebody who is not enrolled"
