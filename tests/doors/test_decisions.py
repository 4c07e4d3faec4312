"""Decisions on a real database: written before the actuator is told, once, and in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from tests.doors.conftest import STAFF, House
from tests.doors.parts import Recorder
from tests.random_ids import without_ids

from mien.doors.errors import EventNotFoundError, NameInUseError, NoSuchPersonError, NotConfiguredError
from mien.doors.events import Act, Draft, Event, EventKind
from mien.doors.journal import forget_person
from mien.doors.openings import Openings
from mien.doors.people import find_person
from mien.doors.reasons import Code
from mien.doors.roster_types import BadgeNumber
from mien.doors.schedule import parse
from mien.doors.types import Direction, DoorSpec, How, Strangers
from mien.gallery.kinds import CollectionRef, Kind
from mien.storage import EVERY_RESOURCE
from mien.storage.claims import ClaimLostError
from mien.storage.tables import DoorPresenceRow

CARD = BadgeNumber(number=4711, facility=12)


def test_a_decision_is_in_the_database_before_the_actuator_is_told(house: House) -> None:
    ada, door = house.person("Ada"), house.door()
    rule = house.rule(door)
    seen: list[Event] = []
    actuator = Recorder(lambda event: seen.append(house.events.get(house.owner, event.number)))
    with house.claims.hold("door/1") as held:
        assert held is not None
        openings = house.openings(door, actuator, held)
        event = house.decisions.observe(house.watched(door), house.evidence(ada), held=held)
        assert event is not None
        assert actuator.opened == []
        assert openings.work() == 1
        assert openings.work() == 0
    assert actuator.opened == [event.number]
    assert [(one.act, one.granted) for one in seen] == [(Act.TOLD, True)]
    stored = house.events.get(house.owner, event.number)
    assert (stored.act, stored.act_note, stored.rule_id) == (Act.DONE, "recorded", rule.rule_id)
    assert stored.person is not None
    assert stored.person.name == "Ada"
    assert stored.details["confidence"] == 0.93
    assert stored.reasons == ["Every condition is met."]


@contextmanager
def waiting_decision(house: House) -> Iterator[tuple[Event, Openings, Recorder]]:
    """A decision to open a door, whose actuator has not been told yet."""
    ada, door = house.person("Ada"), house.door()
    house.rule(door)
    actuator = Recorder()
    with house.claims.hold("door/1") as held:
        assert held is not None
        openings = house.openings(door, actuator, held)
        event = house.decisions.observe(house.watched(door), house.evidence(ada))
        assert event is not None
        yield event, openings, actuator


def test_a_decision_that_expired_is_never_acted_on(house: House) -> None:
    with waiting_decision(house) as (event, openings, actuator):
        house.clock.advance(timedelta(seconds=3))
        assert openings.work() == 0
        house.clock.advance(timedelta(days=-1))  # a clock that is set back brings nothing back
        assert openings.work() == 0
    assert actuator.opened == []
    assert house.events.get(house.owner, event.number).act is Act.EXPIRED


def test_a_new_holder_of_the_door_discards_what_waits(house: House) -> None:
    ada, door = house.person("Ada"), house.door()
    house.rule(door)
    event = house.decisions.observe(house.watched(door), house.evidence(ada))
    assert event is not None
    actuator = Recorder()
    with house.claims.hold("door/1") as held:
        assert held is not None
        openings = house.openings(door, actuator, held)
        openings.start()
        openings.nudge()
        openings.stop()
    assert actuator.opened == []
    assert actuator.closed
    assert house.events.get(house.owner, event.number).act is Act.EXPIRED


def test_a_server_that_lost_the_claim_neither_decides_nor_opens(house: House) -> None:
    ada, door = house.person("Ada"), house.door()
    house.rule(door)
    actuator = Recorder()
    held = house.claims.acquire("door/1")
    assert held is not None
    openings = house.openings(door, actuator, held)
    assert house.decisions.observe(house.watched(door), house.evidence(ada), held=held) is not None
    house.claims.release(held)
    other = house.claims.acquire("door/1")
    assert other is not None
    with pytest.raises(ClaimLostError):
        openings.work()
    late = house.evidence(ada, track="8", updated_at=house.clock.now() + timedelta(seconds=1))
    house.clock.advance(timedelta(seconds=6))
    with pytest.raises(ClaimLostError):
        house.decisions.observe(house.watched(door), replace(late, updated_at=house.clock.now()), held=held)
    assert actuator.opened == []
    assert len(house.all()) == 1


def test_an_actuator_that_fails_leaves_the_decision_failed(house: House) -> None:
    ada, door = house.person("Ada"), house.door()
    house.rule(door)
    actuator = Recorder()
    actuator.fails = True
    with house.claims.hold("door/1") as held:
        assert held is not None
        openings = house.openings(door, actuator, held)
        event = house.decisions.observe(house.watched(door), house.evidence(ada))
        openings.work()
        openings.work()
    assert event is not None
    assert actuator.opened == [event.number], "it is told once, whatever came of it"
    stored = house.events.get(house.owner, event.number)
    assert (stored.act, stored.act_note) == (Act.FAILED, "the relay did not answer")


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("how", ["failed", "too late", "taken over"])
def test_a_person_whose_door_stayed_shut_is_where_they_were(house: House, direction: Direction, how: str) -> None:
    """Anti-passback would otherwise refuse them for 12 hours because a panel was not connected for a moment."""
    ada, door = house.person("Ada"), house.door(spec=DoorSpec(area="Lab", anti_passback=True, hold_off_seconds=60))
    house.rule(door)
    if direction is Direction.EXIT:
        assert house.decisions.observe(house.watched(door, opens=False), house.evidence(ada, track="0")) is not None
    before = house.roster.inside(house.owner)
    watched, actuator = house.watched(door, direction), Recorder()
    with house.claims.hold("door/1") as held:
        assert held is not None
        openings = house.openings(door, actuator, held)
        actuator.fails = True
        first = house.decisions.observe(watched, house.evidence(ada, track="1"))
        assert first is not None
        assert house.roster.inside(house.owner) != before
        if how == "taken over":
            openings.discard()
        else:
            house.clock.advance(timedelta(seconds=3 if how == "too late" else 0))
            openings.work()
        assert house.roster.inside(house.owner) == before
        assert house.events.get(house.owner, first.number).stayed_shut
        actuator.fails = False
        again = house.decisions.observe(watched, house.evidence(ada, track="2"))
        assert again is not None
        assert again.granted, again.code
        openings.work()
    assert len(house.roster.inside(house.owner)) == (direction is Direction.ENTRY)


def test_a_failure_takes_back_no_presence_that_changed_meanwhile(house: House) -> None:
    ada, front, back = (
        house.person("Ada"),
        house.door(spec=DoorSpec(area="Lab")),
        house.door("Back", DoorSpec(area="Lab")),
    )
    for door in (front, back):
        house.rule(door, name=door.name)
    actuator = Recorder()
    actuator.fails = True
    with house.claims.hold("door/1") as held:
        assert held is not None
        openings = house.openings(front, actuator, held)
        assert house.decisions.observe(house.watched(front), house.evidence(ada, track="1")) is not None
        house.clock.advance(timedelta(seconds=1))
        assert house.decisions.observe(house.watched(back, opens=False), house.evidence(ada, track="2")) is not None
        inside = house.roster.inside(house.owner)
        openings.work()
    assert house.roster.inside(house.owner) == inside


def test_a_track_opens_once_and_hold_off_holds_others_of_the_person(house: House) -> None:
    ada, door = house.person("Ada"), house.door()
    house.rule(door)
    watched = house.watched(door)
    assert house.decisions.observe(watched, house.evidence(ada)) is not None
    house.clock.advance(timedelta(seconds=60))
    assert house.decisions.observe(watched, house.evidence(ada)) is None, "the same track"
    assert house.decisions.observe(watched, house.evidence(ada, track="8")) is not None
    house.clock.advance(timedelta(seconds=1))
    held_off = house.decisions.observe(watched, house.evidence(ada, track="9"))
    assert held_off is not None
    assert (held_off.granted, held_off.code) == (False, Code.HOLD_OFF.value)
    assert held_off.reasons == ["The person passed 1 s ago; the hold-off is 5 s."]


def test_a_clock_that_is_set_back_makes_no_decision_last_longer(house: House) -> None:
    """The decision below would otherwise be carried out an hour later, or its card offered for an hour."""
    with waiting_decision(house) as (event, openings, actuator):
        assert event.seconds_left(event.at - timedelta(hours=1)) == DoorSpec().decision_seconds
        house.clock.advance(timedelta(hours=-1))
        assert openings.work() == 0
    assert actuator.opened == []
    stored = house.events.get(house.owner, event.number)
    assert (stored.act, stored.act_note) == (Act.EXPIRED, "its time is ahead of the clock, so its age is not known")


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(days=-365), timedelta(days=365)])
def test_a_clock_that_is_set_holds_nobody_off(house: House, step: timedelta) -> None:
    ada, door = house.person("Ada"), house.door()
    house.rule(door)
    watched = house.watched(door)
    assert house.decisions.observe(watched, house.evidence(ada, track="1")) is not None
    house.clock.advance(step)
    again = house.decisions.observe(watched, house.evidence(ada, track="2"))
    assert again is not None
    assert again.granted
    held = house.decisions.observe(watched, house.evidence(ada, track="3"))
    assert held is not None
    assert held.code == "hold_off"


def test_a_clock_that_was_wrong_locks_nobody_out_for_longer_than_presence_lasts(house: House) -> None:
    ada, door = house.person("Ada"), house.door(spec=DoorSpec(anti_passback=True))
    house.rule(door)
    watched = house.watched(door)
    house.clock.advance(timedelta(days=365))
    assert house.decisions.observe(watched, house.evidence(ada, track="1")) is not None
    house.clock.advance(timedelta(hours=-1))
    soon = house.decisions.observe(watched, house.evidence(ada, track="2"))
    assert soon is not None
    assert soon.code == "already_inside", "an hour is less than presence lasts"
    house.clock.advance(timedelta(days=-364))
    right = house.decisions.observe(watched, house.evidence(ada, track="3"))
    assert right is not None
    assert right.granted


def test_the_first_of_two_waits_again_after_the_clock_was_set_back(house: House) -> None:
    ada, ben, door = house.person("Ada"), house.person("Ben"), house.door()
    house.rule(door, how=How.TWO_PERSONS)
    watched = house.watched(door)
    assert house.decisions.observe(watched, house.evidence(ada, track="1")) is not None
    house.clock.advance(timedelta(hours=-1))
    assert house.decisions.observe(watched, house.evidence(ada, track="1")) is not None, "recorded at the present time"
    both = house.decisions.observe(watched, house.evidence(ben, track="2"))
    assert both is not None
    assert both.granted


def test_visits_badges_and_presence_follow_the_clock_in_both_directions(house: House) -> None:
    ada, door, now = house.person("Ada"), house.door(), house.clock.now()
    house.rule(door, groups=(), visitors=True)
    hour = timedelta(hours=1)
    house.roster.add_visitor(house.owner, STAFF, ada, starts_at=now, ends_at=now + hour, actor="anna")
    codes = []
    for track, step in enumerate((-hour, 2 * hour, -hour / 2)):
        house.clock.advance(step)
        event = house.decisions.observe(house.watched(door), house.evidence(ada, track=str(track)))
        assert event is not None
        codes.append(event.code)
    assert codes == ["not_allowed", "not_allowed", "granted"]


def test_refusals_are_recorded_once_and_pending_ones_at_the_end(house: House) -> None:
    ada, door = house.person("Ada"), house.door()
    eve = house.person("Eve", "guests")
    house.rule(door)
    watched = house.watched(door)
    assert house.decisions.observe(watched, house.evidence(ada, agreeing=1, readable=1)) is None
    assert house.decisions.observe(watched, house.evidence(ada, agreeing=2, readable=2)) is None
    end = house.decisions.ended(watched, house.evidence(ada, agreeing=2, readable=2))
    assert end is not None
    assert (end.granted, end.code, end.reasons) == (False, "frames", ["Frames that agree: 2; needed: 3."])
    refused = house.decisions.observe(watched, house.evidence(eve, "guests", track="8"))
    assert refused is not None
    assert (refused.granted, refused.code, refused.person_id) == (False, "not_allowed", eve)
    assert house.decisions.observe(watched, house.evidence(eve, "guests", track="8")) is None
    assert house.decisions.ended(watched, house.evidence(eve, "guests", track="8")) is None
    assert [one.number for one in house.all()] == [1, 2]


@pytest.mark.parametrize("strangers", list(Strangers))
def test_strangers(house: House, strangers: Strangers) -> None:
    door = house.door(spec=DoorSpec(strangers=strangers))
    house.rule(door)
    watched = house.watched(door)
    assert house.decisions.observe(watched, house.evidence(None)) is None
    event = house.decisions.ended(watched, house.evidence(None))
    assert (event is None) == (strangers is Strangers.IGNORE)
    if event is not None:
        assert (event.kind, event.granted, event.person_id) == (EventKind.STRANGER, False, None)
        assert event.details["announce"] == (strangers is Strangers.ANNOUNCE)
        assert event.reasons == ["Nobody in the camera's groups is similar enough."]


def test_without_approval_nothing_opens(house: House) -> None:
    ada, door = house.person("Ada"), house.door()
    house.rule(door)
    house.approved.clear()
    event = house.decisions.observe(house.watched(door), house.evidence(ada))
    assert event is not None
    assert (event.granted, event.code, event.act) == (False, "not_approved", None)
    assert event.person_id is None, "nobody is identified without an approval"


def test_face_and_badge(house: House) -> None:
    ada, bob, door = house.person("Ada"), house.person("Bob"), house.door()
    house.rule(door, how=How.FACE_AND_BADGE)
    badge = house.roster.add_badge(house.owner, STAFF, ada, CARD, actor="anna")
    assert "4711" not in without_ids(repr(badge) + "".join(house.audit.export()))
    with pytest.raises(NameInUseError):
        house.roster.add_badge(house.owner, STAFF, bob, CARD, actor="anna")
    watched = house.watched(door)
    assert house.decisions.observe(watched, house.evidence(ada)) is None
    house.decisions.badge(house.owner, door.door_id, CARD, reader="panel")
    wrong = house.decisions.observe(watched, house.evidence(bob, track="8"))
    assert wrong is not None
    assert wrong.code == "badge_of_other"
    opened = house.decisions.observe(watched, house.evidence(ada))
    assert opened is not None
    assert (opened.granted, opened.details["badge"]) == (True, str(badge.badge_id))
    house.clock.advance(timedelta(seconds=10))
    assert house.decisions.observe(watched, house.evidence(ada, track="9")) is None, "a badge serves once"
    unknown = house.decisions.badge(house.owner, door.door_id, BadgeNumber(number=1), reader="panel")
    assert (unknown.code, unknown.person_id) == ("badge_unknown", None)
    assert unknown.to_json()["door"] == "Front"
    number = house.roster.number_of(house.owner, *_key(house, ada), None)
    assert number == CARD
    house.roster.delete_badge(house.owner, badge.badge_id, actor="anna")
    assert house.roster.number_of(house.owner, *_key(house, ada), None) is None


def _key(house: House, person: UUID) -> tuple[UUID, UUID]:
    with house.database.read(house.owner) as session:
        return find_person(session, STAFF, person).collection, person


def test_a_duress_badge_opens_and_raises_a_silent_alarm(house: House) -> None:
    ada, door = house.person("Ada"), house.door()
    house.rule(door, how=How.FACE_AND_BADGE)
    quiet = house.roster.add_badge(house.owner, STAFF, ada, CARD, duress=True, actor="anna")
    house.roster.add_badge(house.owner, STAFF, ada, BadgeNumber(number=5), actor="anna")
    house.decisions.badge(house.owner, door.door_id, CARD, reader="panel")
    event = house.decisions.observe(house.watched(door), house.evidence(ada))
    assert event is not None
    assert (event.granted, event.duress, event.details["badge"]) == (True, True, str(quiet.badge_id))
    assert house.roster.number_of(house.owner, *_key(house, ada), quiet.badge_id) == CARD


def test_two_persons(house: House) -> None:
    ada, bob, door = house.person("Ada"), house.person("Bob"), house.door()
    house.rule(door, how=How.TWO_PERSONS)
    watched = house.watched(door)
    first = house.decisions.observe(watched, house.evidence(ada))
    assert first is not None
    assert (first.granted, first.code) == (False, "second_person_missing")
    assert house.decisions.observe(watched, house.evidence(ada)) is None, "alone, however long"
    house.decisions.observe(watched, house.evidence(bob))
    assert [one.granted for one in house.all()] == [False] * len(house.all()), "one face, taken for two persons"
    second = house.decisions.observe(watched, house.evidence(bob, track="8"))
    assert second is not None
    assert (second.granted, second.details["partnerEvent"]) == (True, first.number)
    carol = house.person("Carol")
    third = house.decisions.observe(watched, house.evidence(carol, track="9"))
    assert third is not None
    assert third.code == "second_person_missing", "the first of two served once"


def test_anti_passback_and_who_is_inside(house: House) -> None:
    ada, door = house.person("Ada"), house.door(spec=DoorSpec(area="Lab", anti_passback=True))
    house.rule(door)
    entry, leaves = house.watched(door), house.watched(door, Direction.EXIT)
    out = house.decisions.observe(leaves, house.evidence(ada, track="1"))
    assert out is not None
    assert out.code == "not_inside"
    assert house.decisions.observe(entry, house.evidence(ada, track="2")) is not None
    assert [(one.area, one.person.name) for one in house.roster.inside(house.owner)] == [("Lab", "Ada")]
    house.clock.advance(timedelta(minutes=1))
    again = house.decisions.observe(entry, house.evidence(ada, track="3"))
    assert again is not None
    assert again.code == "already_inside"
    left = house.decisions.observe(leaves, house.evidence(ada, track="4"))
    assert left is not None
    assert left.granted
    assert house.roster.inside(house.owner) == []
    house.clock.advance(timedelta(minutes=1))
    assert house.decisions.observe(entry, house.evidence(ada, track="5")) is not None
    house.roster.take_out(house.owner, "Lab", STAFF, ada, actor="anna")
    with pytest.raises(NotConfiguredError):
        house.roster.take_out(house.owner, "Lab", STAFF, ada, actor="anna")
    house.clock.advance(timedelta(minutes=1))
    assert house.decisions.observe(entry, house.evidence(ada, track="6")) is not None
    assert house.roster.empty(house.owner, "Lab", actor="anna") == 1
    assert house.roster.inside(house.owner) == []
    assert house.all()[-1].kind is EventKind.PRESENCE


def test_anti_passback_holds_at_every_door_of_an_area(house: House) -> None:
    lab = DoorSpec(area="Lab", anti_passback=True)
    ada, front, back = house.person("Ada"), house.door(spec=lab), house.door("Back", lab)
    for door in (front, back):
        house.rule(door, name=door.name)
    entered = house.decisions.observe(house.watched(front), house.evidence(ada, track="1"))
    again = house.decisions.observe(house.watched(back), house.evidence(ada, track="2"))
    left = house.decisions.observe(house.watched(back, Direction.EXIT), house.evidence(ada, track="3"))
    assert entered is not None
    assert again is not None
    assert left is not None
    assert [(one.granted, one.code) for one in (entered, again, left)] == [
        (True, "granted"),
        (False, "already_inside"),
        (True, "granted"),
    ]


def test_a_rule_for_a_group_without_people_or_one_that_is_gone_opens_nothing(house: House) -> None:
    ada, door = house.person("Ada"), house.door()
    house.group("empty")
    house.rule(door, groups=("largePersonGroup/empty",))
    watched = house.watched(door)
    refused = house.decisions.observe(watched, house.evidence(ada, track="1"))
    assert refused is not None
    assert (refused.granted, refused.code) == (False, "not_allowed")
    house.place.world.gallery.collections.delete(house.group("staff"))
    gone = house.decisions.observe(watched, house.evidence(ada, track="2"))
    assert gone is not None
    assert (gone.granted, gone.code) == (False, "person_unknown")


def test_visitors_expire_and_go_with_the_person(house: House) -> None:
    eve, door = house.person("Eve", "guests"), house.door()
    house.rule(door, groups=(), visitors=True)
    now = house.clock.now()
    with pytest.raises(NoSuchPersonError):
        house.roster.add_visitor(house.owner, STAFF + "x", eve, starts_at=now, ends_at=now + timedelta(1), actor="a")
    visit = house.roster.add_visitor(
        house.owner,
        "largePersonGroup/guests",
        eve,
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        host="Ada",
        actor="a",
    )
    watched = house.watched(door)
    opened = house.decisions.observe(watched, house.evidence(eve, "guests"))
    assert opened is not None
    assert opened.granted
    house.clock.advance(timedelta(hours=1))
    late = house.decisions.observe(watched, house.evidence(eve, "guests", track="8"))
    assert late is not None
    assert late.code == "not_allowed"
    assert house.roster.visitors(house.owner) == []
    with pytest.raises(NotConfiguredError):
        house.roster.end_visit(house.other, visit.visitor_id, actor="eve")


def test_a_deleted_person_opens_nothing_and_has_no_name_in_events(house: House) -> None:
    ada, door = house.person("Ada"), house.door(spec=DoorSpec(pictures=True))
    house.rule(door)
    event = house.decisions.observe(house.watched(door), house.evidence(ada), shot=lambda: b"jpeg of Ada")
    assert event is not None
    assert house.events.picture(house.owner, event.number) == b"jpeg of Ada"
    assert house.events.pictures(house.owner) == 1
    ref = CollectionRef(house.owner, Kind.LARGE_PERSON_GROUP, "staff")
    house.place.world.gallery.persons.delete(ref, str(ada))
    assert house.roster.inside(house.owner) == []
    stored = house.events.get(house.owner, event.number)
    assert (stored.person, stored.person_id) == (None, ada)
    gone = house.decisions.observe(house.watched(door), house.evidence(ada, track="8"))
    assert gone is not None
    assert gone.code == "person_unknown"
    assert house.events.purge() == 1
    with pytest.raises(EventNotFoundError):
        house.events.picture(house.owner, event.number)


def test_pictures_are_off_by_default_sealed_and_kept_for_days(house: House) -> None:
    ada, door = house.person("Ada"), house.door()
    house.rule(door)
    calls: list[int] = []

    def shot() -> bytes:
        calls.append(1)
        return b"jpeg"

    event = house.decisions.observe(house.watched(door), house.evidence(ada), shot=shot)
    assert event is not None
    assert not calls, "no picture is even asked for"
    with pytest.raises(EventNotFoundError):
        house.events.picture(house.owner, event.number)
    back = house.door("Back", DoorSpec(pictures=True, picture_days=2, event_days=5))
    house.rule(back, name="Staff at the back")
    kept = house.decisions.observe(house.watched(back), house.evidence(ada, track="8"), shot=lambda: b"jpeg of Ada")
    assert kept is not None
    with house.database.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT picture FROM door_events WHERE picture IS NOT NULL").scalar()
        assert b"jpeg" not in bytes(found or b"")
    with pytest.raises(EventNotFoundError):
        house.events.picture(house.other, kept.number)
    house.clock.advance(timedelta(days=2))
    with pytest.raises(EventNotFoundError):
        house.events.picture(house.owner, kept.number)
    assert house.events.purge() == 1
    assert house.events.pictures(house.owner) == 0
    house.clock.advance(timedelta(days=4))
    house.events.write(house.owner, _nothing())
    assert house.events.purge() == 1, "the event of the door that keeps them for 5 days"
    assert [one.number for one in house.all()] == [1, 3]


def _nothing() -> Draft:
    return Draft(kind=EventKind.CAMERA, code=Code.LOST, camera="Lobby")


def test_a_person_can_be_forgotten(house: House) -> None:
    ada, door = house.person("Ada"), house.door(spec=DoorSpec(pictures=True))
    house.rule(door)
    event = house.decisions.observe(house.watched(door), house.evidence(ada), shot=lambda: b"jpeg")
    assert event is not None
    collection, _ = _key(house, ada)
    with house.database.write(house.owner) as session:
        assert forget_person(session, collection, ada) == 1
    stored = house.events.get(house.owner, event.number)
    assert (stored.person_id, stored.has_picture, stored.granted) == (None, False, True)
    with house.database.read(EVERY_RESOURCE) as session:
        assert session.query(DoorPresenceRow).count() == 1  # goes with the person's row


def test_what_would_happen_if(house: House) -> None:
    ada, door = house.person("Ada"), house.door(spec=DoorSpec(time_zone="Europe/Berlin"))
    house.rule(door, schedule=parse("Mon-Fri 08:00-18:00"), how=How.FACE_AND_BADGE)
    at = datetime.fromisoformat("2026-07-06T07:30:00+00:00")  # a Monday, 09:30 in Berlin
    check = house.decisions.check
    assert check(house.owner, door.door_id, STAFF, ada, at, badge=True).granted
    assert check(house.owner, door.door_id, STAFF, ada, at).code is Code.BADGE_MISSING
    assert check(house.owner, door.door_id, STAFF, ada, at, badge=True, live=False).code is Code.LIVENESS_MISSING
    early = datetime.fromisoformat("2026-07-06T05:30:00+00:00")
    assert check(house.owner, door.door_id, STAFF, ada, early, badge=True).code is Code.WRONG_TIME
    with pytest.raises(NoSuchPersonError):
        check(house.owner, door.door_id, STAFF, uuid4(), at)
    with pytest.raises(NotConfiguredError):
        check(house.owner, uuid4(), STAFF, ada, at)
    assert house.all() == []


def test_two_servers_that_decide_at_once_write_one_decision_and_no_gap(house: House) -> None:
    people = [house.person(f"Person {number}") for number in range(4)]
    door = house.door()
    house.rule(door)
    start = threading.Barrier(8)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            start.wait()
            house.decisions.observe(house.watched(door), house.evidence(people[number % 4], track=f"t{number}"))
        except BaseException as error:  # shown by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    granted = [one for one in house.all() if one.granted]
    assert sorted(str(one.person_id) for one in granted) == sorted(str(one) for one in people)
    assert [one.number for one in house.all()] == list(range(1, len(house.all()) + 1))


def test_a_refusal_is_recorded_when_its_main_reason_is_final(house: House) -> None:
    """Nobody is named in an event after one frame, and one walk-up does not give two refusals."""
    door, eve = house.door(spec=DoorSpec(anti_passback=True)), house.person("Eve", "guests")
    house.rule(door)
    watched = house.watched(door)
    for frames in (1, 2):
        seen = house.evidence(eve, "guests", frames=frames, readable=frames, agreeing=frames)
        assert house.decisions.observe(watched, seen) is None
    refused = house.decisions.observe(watched, house.evidence(eve, "guests"))
    assert refused is not None
    assert refused.code == "not_allowed"
    assert house.decisions.ended(watched, house.evidence(eve, "guests")) is None
    short = house.decisions.ended(watched, house.evidence(eve, "guests", track="8", readable=1, agreeing=1))
    assert short is not None
    assert (short.code, short.reasons) == ("frames", ["Frames that agree: 1; needed: 3.", "No rule allows the person."])
    assert len(house.all()) == 2


def test_presence_that_is_over_is_not_shown(house: House) -> None:
    ada, bob = house.person("Ada"), house.person("Bob")
    lab, short = (house.door(name, DoorSpec(area=name, passback_hours=hours)) for name, hours in (("A", 24), ("B", 2)))
    for door, person in ((lab, ada), (short, bob)):
        house.rule(door, name=door.name)
        assert house.decisions.observe(house.watched(door), house.evidence(person)) is not None
    house.clock.advance(timedelta(hours=2))
    assert [one.person.name for one in house.roster.inside(house.owner)] == ["Ada"]
    house.clock.advance(timedelta(hours=22))
    assert house.roster.inside(house.owner) == []
    assert house.roster.purge() == 0
    house.clock.advance(timedelta(days=7))
    assert house.roster.purge() == 2
