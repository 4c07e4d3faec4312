"""Cameras, doors and their events by the control plane."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from tests.conftest import MASTER_KEY
from tests.gallery.texts import TextEngine, recognisers
from tests.management.conftest import World
from tests.random_ids import without_ids

from mien.accounts import DEVELOPMENT_TERMS, Feature
from mien.doors.events import EVERYTHING, Event, Filter
from mien.doors.evidence import TrackCandidate, TrackEvidence, TrackSource
from mien.doors.service import DoorServices, open_doors
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.gallery import open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.management import Role
from mien.management.application import ControlPlane
from mien.management.guard import Message
from mien.management.v1.door_events import sent
from mien.storage import MasterKey, Vault

BASE = "/mien/v1/resources/desk"
STAFF = "largePersonGroup/staff"
KEY = "00112233445566778899aabbccddeeff"


@dataclass
class Desk:
    """A resource with a person, and clients."""

    world: World
    doors: DoorServices
    owner: UUID
    ada: UUID
    admin: httpx.AsyncClient
    reader: httpx.AsyncClient
    enrolled: list[tuple[UUID, str, bytes, str]]


@pytest.fixture
async def desk(quick: World, tmp_path: Path) -> AsyncIterator[Desk]:
    vault = Vault(quick.parts.database, MasterKey.from_hex(MASTER_KEY), quick.clock)
    accounts, database = quick.parts.accounts, quick.parts.database
    doors = open_doors(database, vault, quick.clock, quick.parts.audit, accounts=accounts)
    enrolled: list[tuple[UUID, str, bytes, str]] = []
    quick.parts = replace(quick.parts, doors=doors, enrol=lambda *photo: enrolled.append(photo))
    quick.plane = ControlPlane(quick.parts)
    owner = accounts.create("desk", terms=DEVELOPMENT_TERMS).id
    request = quick.parts.access.submit(
        owner, {Feature.VIDEO_IDENTIFICATION}, organisation="Doors", contact="a@b.example", use_case="Doors", actor="a"
    )
    quick.parts.access.review(request.id, actor="b")
    quick.parts.access.approve(request.id, actor="b", lasts=timedelta(days=1))
    gallery = open_gallery(
        database,
        vault,
        quick.clock,
        tmp_path / "snapshots",
        engine=TextEngine(),
        recognisers=recognisers(),
        detected_faces=DetectedFaces(database, vault, quick.clock),
    )
    ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, "staff")
    gallery.collections.create(ref, "Staff", None, "recognition_04")
    ada = UUID(gallery.persons.create(ref, "Ada"))
    async with quick.client(quick.token(Role.ADMIN)) as admin, quick.client(quick.token(Role.READER)) as reader:
        yield Desk(quick, doors, owner, ada, admin, reader, enrolled)


async def made(desk: Desk, pictures: bool = False) -> tuple[str, str]:
    """A door with a rule; returns the ids of both."""
    actuator = {"kind": "osdp", "port": "/dev/ttyUSB0", "key": KEY, "address": 2}
    body = {"name": "Front", "timeZone": "Europe/Berlin", "pictures": pictures, "actuator": actuator}
    answer = await desk.admin.post(f"{BASE}/doors", json=body)
    assert answer.status_code == 201, answer.text
    door = answer.json()["id"]
    everyday = {"days": [0, 1, 2, 3, 4, 5, 6], "start": 0, "end": 1440}
    rule = {"name": "Staff", "doors": [door], "groups": [STAFF], "schedule": [everyday]}
    answer = await desk.admin.post(f"{BASE}/door-rules", json=rule)
    assert answer.status_code == 201, answer.text
    return door, answer.json()["id"]


def pass_by(desk: Desk, door: str, track: str = "1", person: UUID | None = None) -> None:
    now = desk.world.clock.now()
    best = TrackCandidate("staff", str(person or desk.ada), "", 0.93)
    evidence = TrackEvidence("Lobby", track, now, now, 9, 8, 8, best, None, "high", 150, 0.9)
    watched = TrackSource(resource_id=desk.owner, camera="Lobby", door_id=UUID(door))
    assert desk.doors.decisions.observe(watched, evidence, shot=lambda: b"jpeg") is not None


async def become(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.01)


async def test_cameras(desk: Desk) -> None:
    body = {"name": "Lobby", "source": "rtsp://u:hush@10.0.0.1/s", "groups": [STAFF], "rate": 4}
    body["privacy"] = [[[0, 0], [0.5, 0], [0, 0.5]]]
    answer = await desk.admin.post(f"{BASE}/cameras", json=body)
    assert answer.status_code == 201
    camera = answer.json()
    assert (camera["host"], camera["settings"]["rate"]) == ("rtsp://10.0.0.1", 4)
    assert "hush" not in answer.text
    assert (await desk.admin.post(f"{BASE}/cameras", json=body)).status_code == 409
    changed = await desk.admin.patch(f"{BASE}/cameras/{camera['id']}", json={"rate": 2})
    assert changed.json()["settings"] | {"rate": 4} == camera["settings"]
    listed = await desk.reader.get(f"{BASE}/cameras")
    assert [one["name"] for one in listed.json()["value"]] == ["Lobby"]
    for wrong in (
        {"rate": 99},
        {"source": "ftp://u:hush@h/"},
        {"groups": ["x/y"]},
        {"door": str(uuid4())},
        {"colour": "red"},
    ):
        answer = await desk.admin.patch(f"{BASE}/cameras/{camera['id']}", json=wrong)
        assert answer.status_code == 400, wrong
        assert "hush" not in answer.text
    assert (await desk.reader.delete(f"{BASE}/cameras/{camera['id']}")).status_code == 403
    assert (await desk.admin.delete(f"{BASE}/cameras/{camera['id']}")).status_code == 204
    assert (await desk.admin.delete(f"{BASE}/cameras/{camera['id']}")).status_code == 404


async def test_doors_and_rules(desk: Desk) -> None:
    door, rule = await made(desk)
    shown = await desk.reader.get(f"{BASE}/doors")
    assert shown.json()["value"][0]["actuator"] == "osdp /dev/ttyUSB0 address 2"
    assert KEY not in shown.text
    rules = (await desk.reader.get(f"{BASE}/door-rules", params={"door": door})).json()["value"]
    assert rules[0]["sentence"] == (
        f"Everyone of {STAFF} may enter and leave by Front by their face alone, always, except on holidays; "
        "the face must be live."
    )
    refused = await desk.admin.put(f"{BASE}/door-rules/{rule}", json={"name": "Nobody", "doors": [door]})
    assert (refused.status_code, "allows nobody" in refused.text) == (400, True)
    wrong = {"name": "X", "schedule": [{"days": [9], "start": 0, "end": 1}]}
    assert (await desk.admin.put(f"{BASE}/door-rules/{rule}", json=wrong)).status_code == 400
    answer = await desk.admin.patch(f"{BASE}/doors/{door}", json={"confidence": 0.8})
    assert (answer.json()["settings"]["confidence"], answer.json()["settings"]["timeZone"]) == (0.8, "Europe/Berlin")
    for bad in ({"actuator": {"kind": "osdp", "port": "x"}}, {"actuator": {"kind": "axe"}}, {"timeZone": "Mars/Base"}):
        assert (await desk.admin.patch(f"{BASE}/doors/{door}", json=bad)).status_code == 400, bad
    assert (await desk.admin.put(f"{BASE}/door-holidays/2026-12-25", json={"name": "Christmas"})).status_code == 204
    holidays = (await desk.reader.get(f"{BASE}/door-holidays")).json()["value"]
    assert holidays == [{"day": "2026-12-25", "name": "Christmas"}]
    assert (await desk.admin.delete(f"{BASE}/door-holidays/2026-12-25")).status_code == 204
    assert (await desk.admin.delete(f"{BASE}/door-rules/{rule}")).status_code == 204
    assert (await desk.admin.delete(f"{BASE}/doors/{door}")).status_code == 204


async def test_what_does_not_exist_is_refused_with_its_name(desk: Desk) -> None:
    door, _ = await made(desk)
    nobody = str(uuid4())
    camera = {"name": "Lobby", "source": "/dev/video0"}
    kiosk = {"name": "Desk", "group": STAFF, "notice": "We compare your face."}
    for path, body, status, words in (
        ("cameras", camera, 400, "A camera needs at least one group to search."),
        ("cameras", {**camera, "groups": ["personGroup/staff"]}, 400, f"personGroup/staff; there is {STAFF}."),
        ("cameras", {**camera, "groups": [STAFF, "dynamicGroup/x"]}, 400, "There is no group dynamicGroup/x."),
        ("door-rules", {"name": "B", "groups": ["largePersonGroup/staf"]}, 400, "no group largePersonGroup/staf."),
        ("door-rules", {"name": "B", "persons": [nobody]}, 400, f"no person {nobody} in this resource."),
        ("door-rules", {"name": "B", "doors": [nobody]}, 400, f"There is no door {nobody}."),
        ("door-rules", {"name": "Staff", "doors": [door]}, 409, "There is a rule 'Staff' already."),
        ("doors", {"name": "Back", "duress": [nobody]}, 400, f"no person {nobody} in this resource."),
        ("kiosks", {**kiosk, "group": "personGroup/x"}, 400, "There is no group personGroup/x."),
        ("kiosks", {**kiosk, "door": nobody}, 400, f"There is no door {nobody}."),
        ("door-presence/Attic/empty", {}, 404, "There is no area 'Attic'."),
    ):
        answer = await desk.admin.post(f"{BASE}/{path}", json=body)
        assert (answer.status_code, words in answer.json()["error"]["message"]) == (status, True), answer.text
    for path, count in (("cameras", 0), ("door-rules", 1), ("doors", 1), ("kiosks", 0)):
        assert len((await desk.reader.get(f"{BASE}/{path}")).json()["value"]) == count, path


@pytest.mark.parametrize("number", [0, 2**63, 2**70])
async def test_a_number_that_no_database_can_store_is_refused(desk: Desk, number: int) -> None:
    door, rule = await made(desk)
    for path in (f"{BASE}/door-events/{number}", f"{BASE}/door-events/{number}/picture"):
        answer = await desk.admin.get(path)
        assert (answer.status_code, answer.json()["error"]["target"]) == (400, "number")
    answer = await desk.admin.post(f"{BASE}/door-events/{number}/review", json={"review": "confirmed"})
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, "number")
    if number:
        body = {"name": "Late", "doors": [door], "position": number}
        for method, path in (("POST", "door-rules"), ("PUT", f"door-rules/{rule}")):
            answer = await desk.admin.request(method, f"{BASE}/{path}", json=body)
            assert answer.status_code == 400
            assert answer.json()["error"]["message"] == "Position: -100000 to 100000."


async def test_people_at_doors(desk: Desk) -> None:
    door, _ = await made(desk)
    who = {"place": STAFF, "personId": str(desk.ada)}
    check = await desk.admin.post(f"{BASE}/doors/{door}/check", json=who)
    assert check.json() == {"granted": True, "code": "granted", "rule": "Staff", "reasons": [], "duress": False}
    late = await desk.admin.post(f"{BASE}/doors/{door}/check", json={**who, "live": False})
    assert late.json()["reasons"] == [
        "Liveness was not measured yet: it takes three views of the face with its surroundings. 0.5 is needed."
    ]
    assert (await desk.reader.post(f"{BASE}/doors/{door}/check", json=who)).status_code == 403
    badge = await desk.admin.post(f"{BASE}/door-badges", json={**who, "number": 4711, "facility": 12})
    assert badge.status_code == 201
    assert "4711" not in without_ids(badge.text)
    assert (
        await desk.admin.post(f"{BASE}/door-badges", json={**who, "number": 4711, "facility": 12})
    ).status_code == 409
    read = await desk.admin.post(f"{BASE}/doors/{door}/badge-reads", json={"number": 4711, "facility": 12})
    assert (read.status_code, read.text) == (204, "")
    end = (desk.world.clock.now() + timedelta(hours=2)).isoformat()
    visitor = await desk.admin.post(f"{BASE}/door-visitors", json={**who, "endsAt": end, "host": "Bob"})
    assert visitor.json()["person"]["name"] == "Ada"
    assert len((await desk.admin.get(f"{BASE}/door-visitors")).json()["value"]) == 1
    assert (await desk.admin.delete(f"{BASE}/door-visitors/{visitor.json()['visitorId']}")).status_code == 204
    pass_by(desk, door)
    inside = (await desk.admin.get(f"{BASE}/door-presence")).json()["value"]
    assert [(one["area"], one["person"]["name"]) for one in inside] == [("Front", "Ada")]
    assert (await desk.admin.post(f"{BASE}/door-presence/Front/empty")).json() == {"persons": 1}
    for path in ("door-badges", "door-visitors", "door-presence", "door-events"):
        assert (await desk.reader.get(f"{BASE}/{path}")).status_code == 403


async def test_events(desk: Desk) -> None:
    door, _ = await made(desk, pictures=True)
    pass_by(desk, door)
    desk.world.clock.advance(timedelta(seconds=1))
    pass_by(desk, door, "2")
    found = (await desk.admin.get(f"{BASE}/door-events")).json()["value"]
    assert [(one["number"], one["granted"], one["code"]) for one in found] == [
        (2, False, "hold_off"),
        (1, True, "granted"),
    ]
    only = (await desk.admin.get(f"{BASE}/door-events", params={"granted": "true", "person": str(desk.ada)})).json()
    assert [one["number"] for one in only["value"]] == [1]
    assert (await desk.admin.get(f"{BASE}/door-events", params={"kind": "nothing"})).status_code == 400
    lines = (await desk.admin.get(f"{BASE}/door-events/export")).text.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2]
    table = await desk.admin.get(f"{BASE}/door-events/export", params={"format": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    assert len(table.text.splitlines()) == 3
    picture = await desk.admin.get(f"{BASE}/door-events/1/picture")
    assert (picture.content, picture.headers["content-type"]) == (b"jpeg", "image/jpeg")
    assert (await desk.reader.get(f"{BASE}/door-events/1/picture")).status_code == 403
    assert (await desk.admin.get(f"{BASE}/door-events/9/picture")).status_code == 404
    review = f"{BASE}/door-events/1/review"
    assert (await desk.admin.post(review, json={"review": "confirmed"})).json()["review"] == "confirmed"
    wrong = await desk.admin.post(review, json={"review": "not_this_person"})
    assert wrong.json()["personId"] is None
    assert (await desk.admin.post(review, json={"review": "this_is"})).status_code == 400
    body = {"review": "this_is", "place": STAFF, "personId": str(desk.ada), "enrol": True}
    assert (await desk.admin.post(review, json=body)).json()["person"] == "Ada"
    assert desk.enrolled == [(desk.owner, STAFF, b"jpeg", str(desk.ada))]


async def test_events_are_streamed_from_where_a_client_stopped(desk: Desk) -> None:
    door, _ = await made(desk)
    pass_by(desk, door)
    events = desk.doors.events
    asked = []

    def read(number: int, wanted: Filter = EVERYTHING) -> tuple[list[Event], int]:
        asked.append(number)
        return events.after(desk.owner, number, wanted), events.last(desk.owner)

    answers = iter([True, True, False])

    async def allowed() -> bool:
        return next(answers)

    stream = sent(read, 0, allowed)
    assert await anext(stream) == "retry: 2000\n\n"
    first = await anext(stream)
    assert first.startswith("id: 1\nevent: decision\ndata: {")
    assert json.loads(first.partition("data: ")[2])["person"] == "Ada"
    desk.world.clock.advance(timedelta(seconds=1))
    pass_by(desk, door, "2")
    assert (await anext(stream)).startswith("id: 2\n")
    pass_by(desk, door, "3")
    assert [text async for text in stream] == []  # it may not read any more
    asked.clear()
    none = sent(lambda number: read(number, Filter(duress=True)), 0, allowed)
    assert await anext(none) == "retry: 2000\n\n"
    waiting = asyncio.ensure_future(anext(none))
    await become(lambda: len(asked) >= 2)
    waiting.cancel()
    assert asked[:2] == [0, 3]  # events that are not wanted are read once


async def test_a_stream_ends_with_the_token_that_opened_it(desk: Desk) -> None:
    door, _ = await made(desk)
    pass_by(desk, door)
    made_token = desk.world.parts.tokens.create("feed", Role.OPERATOR, created_by="test")
    sent_bytes: list[bytes] = []
    queries = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in queries:
            return message
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: Message) -> None:
        sent_bytes.append(message.get("body", b""))

    scope = {
        "type": "http",
        "method": "GET",
        "path": f"{BASE}/door-events/stream",
        "query_string": b"after=0",  # as a browser does that connects again
        "headers": [(b"authorization", f"Bearer {made_token.secret}".encode()), (b"last-event-id", b"99")],
        "client": ("127.0.0.1", 1),
    }
    serving = asyncio.ensure_future(desk.world.plane(scope, receive, send))
    await become(lambda: b"retry" in b"".join(sent_bytes))
    desk.world.clock.advance(timedelta(seconds=1))
    pass_by(desk, door, "2")  # its number is below the client's: that of a database before it was restored
    await become(lambda: b"id: 2" in b"".join(sent_bytes))
    desk.world.parts.tokens.revoke(made_token.token.id)
    pass_by(desk, door, "3")
    await asyncio.wait_for(serving, 120)
    assert b"id: 3" not in b"".join(sent_bytes)
    assert b"id: 1" not in b"".join(sent_bytes), "the client has it already"
