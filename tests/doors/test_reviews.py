"""Corrections, exports, webhooks, approvals."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from uuid import UUID

import pytest
from tests.doors.conftest import STAFF, House

from mien.accounts import ALL_FEATURES, AccessRequests, Feature
from mien.accounts.errors import InvalidValueError
from mien.doors.errors import EventNotFoundError, InvalidDoorError
from mien.doors.events import EVERYTHING, Filter, Kind
from mien.doors.exporting import export
from mien.doors.service import open_doors
from mien.doors.types import DoorSpec, Strangers
from mien.events import AlertRules, Condition, Deliveries, MetricStore
from mien.events.alerts.deliveries import signature
from mien.events.alerts.monitor import AlertMonitor
from mien.subjects import Whom


def test_not_this_person_takes_them_out_of_the_event_and_of_who_is_inside(house: House) -> None:
    ada, bob, door = house.person("Ada"), house.person("Bob"), house.door(spec=DoorSpec(pictures=True))
    house.rule(door)
    doors = open_doors(house.database, house.vault, house.clock, house.audit, accounts=house.place.world.accounts)
    event = house.decisions.observe(house.watched(door), house.evidence(ada), shot=lambda: b"jpeg")
    assert event is not None
    assert doors.reviews.confirm(house.owner, event.number, actor="anna").review == "confirmed"
    wrong = doors.reviews.not_this_person(house.owner, event.number, actor="anna")
    assert (wrong.person_id, wrong.review, wrong.granted) == (None, "not_this_person", True)
    assert house.roster.inside(house.owner) == []
    with pytest.raises(InvalidDoorError):
        doors.reviews.not_this_person(house.owner, event.number, actor="anna")
    enrolled: list[tuple[UUID, str, bytes, str]] = []
    right = doors.reviews.this_is(
        house.owner, event.number, STAFF, bob, enrol=lambda *photo: enrolled.append(photo), actor="anna"
    )
    assert (right.person_id, right.review) == (bob, "this_is")
    assert enrolled == [(house.owner, STAFF, b"jpeg", str(bob))]
    with pytest.raises(EventNotFoundError):
        doors.reviews.confirm(house.other, event.number, actor="eve")
    actions = [entry.action for entry in house.audit.search(action="door.event.*")]
    assert actions == ["door.event.this_is", "door.event.not_this_person", "door.event.confirmed"]


def test_events_are_filtered_and_exported(house: House) -> None:
    ada, door = house.person("=cmd()"), house.door()
    house.rule(door)
    watched = house.watched(door)
    house.decisions.observe(watched, house.evidence(ada))
    house.decisions.ended(watched, house.evidence(None, track="8"))
    house.clock.advance(timedelta(minutes=1))
    house.decisions.observe(watched, house.evidence(ada, track="9"))
    page = house.events.page
    assert [one.number for one in page(house.owner)] == [3, 2, 1]
    assert [one.number for one in page(house.owner, before=3, limit=1)] == [2]
    for wanted, numbers in (
        (Filter(person_id=ada), [3, 1]),
        (Filter(kinds=(Kind.STRANGER,)), [2]),
        (Filter(granted=False), [2]),
        (Filter(door_id=door.door_id, since=house.clock.now()), [3]),
        (Filter(until=house.clock.now()), [2, 1]),
        (Filter(camera="Nowhere"), []),
        (Filter(duress=True), []),
    ):
        assert [one.number for one in page(house.owner, wanted)] == numbers
    assert page(house.other) == []
    lines = [json.loads(line) for line in export(house.events.all(house.owner, EVERYTHING))]
    assert [line["number"] for line in lines] == [1, 2, 3]
    assert lines[0]["confidence"] == 0.93
    rows = list(csv.DictReader(io.StringIO("".join(export(house.events.all(house.owner), as_csv=True)))))
    assert [row["number"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["person"] == "'=cmd()", "a spreadsheet must not take a name for a formula"
    assert rows[1]["reasons"] == "The camera's groups do not contain this person."


def test_webhooks_are_written_with_the_event_and_signed(house: House) -> None:
    accounts = house.place.world.accounts
    doors = open_doors(house.database, house.vault, house.clock, house.audit, accounts=accounts)
    rules = AlertRules(house.database, house.vault, house.clock)
    condition = Condition("DoorEvents", 1.0)
    _, secret = rules.create("Doors", condition, resource_id=house.owner, url="https://hook.example/")
    rules.create("Others", condition, resource_id=house.other, url="https://other.example/")
    rules.create("Calls", Condition("TotalCalls", 1.0), url="https://calls.example/")
    ada, door = house.person("Ada"), house.door(spec=DoorSpec(strangers=Strangers.RECORD))
    house.rule(door)
    approve(house, Feature.VIDEO_IDENTIFICATION)
    watched = house.watched(door)
    assert doors.decisions.observe(watched, house.evidence(ada)) is not None
    assert doors.decisions.ended(watched, house.evidence(None, track="8")) is not None
    sent: list[tuple[str, bytes, str]] = []

    def post(url: str, body: bytes, headers: object) -> int:
        assert isinstance(headers, dict)
        sent.append((url, body, headers["Mien-Signature"]))
        return 204

    deliveries = Deliveries(house.database, rules, post, house.clock)
    assert deliveries.send_due() == 1, "strangers are not announced"
    url, body, signed = sent[0]
    assert url == "https://hook.example/"
    said = json.loads(body)
    assert (said["event"], said["door"]["number"], said["door"]["person"]) == ("door.decision", 1, "Ada")
    stamp = signed.removeprefix("t=").partition(",")[0]
    assert secret is not None
    assert signed.endswith(signature(secret, stamp, body))
    AlertMonitor(house.database, rules, deliveries, MetricStore(house.database), house.clock).evaluate()
    assert deliveries.send_due() == 0, "it never fires as a metric does"


def approve(house: House, feature: Feature) -> None:
    access = AccessRequests(house.database, house.clock, house.audit)
    request = access.submit(
        house.owner, {feature}, organisation="Doors Inc.", contact="a@b.example", use_case="Staff doors", actor="a"
    )
    access.review(request.id, actor="b")
    access.approve(request.id, actor="b", lasts=timedelta(hours=1))


def test_video_identification_is_a_feature_of_its_own(house: House) -> None:
    accounts = house.place.world.accounts
    doors = open_doors(house.database, house.vault, house.clock, house.audit, accounts=accounts)
    assert Feature.VIDEO_IDENTIFICATION in ALL_FEATURES
    access = AccessRequests(house.database, house.clock, house.audit)
    with pytest.raises(InvalidValueError, match="apart"):
        access.submit(
            house.owner,
            {Feature.VIDEO_IDENTIFICATION, Feature.IDENTIFICATION},
            organisation="o",
            contact="c",
            use_case="u",
            actor="a",
        )
    assert not doors.approved(house.owner)
    approve(house, Feature.IDENTIFICATION)
    assert not doors.approved(house.owner)
    ada, door = house.person("Ada"), house.door()
    house.rule(door)
    refused = doors.decisions.observe(house.watched(door), house.evidence(ada))
    assert refused is not None
    assert refused.code == "not_approved"
    approve(house, Feature.VIDEO_IDENTIFICATION)
    assert doors.approved(house.owner)
    assert not doors.approved(house.other)
    house.clock.advance(timedelta(hours=1))
    assert not doors.approved(house.owner), "an approval that is over opens nothing"


def test_the_data_subject_tools_take_a_person_out_of_events(house: House) -> None:
    ada, door = house.person("Ada"), house.door(spec=DoorSpec(pictures=True))
    house.rule(door)
    event = house.decisions.observe(house.watched(door), house.evidence(ada), shot=lambda: b"jpeg of Ada")
    assert event is not None
    subjects = house.place.subjects
    whom = Whom(ids=frozenset({ada}))
    _, erased = subjects.erase(house.owner, whom, possible=False, dry=False, actor="anna")
    assert erased is not None
    assert erased.counts["door_events"] == 1
    stored = house.events.get(house.owner, event.number)
    assert (stored.person_id, stored.has_picture, stored.granted) == (None, False, True)
    assert str(ada) not in json.dumps(stored.to_json())
    assert house.roster.inside(house.owner) == []
