"""Cameras, doors and rules are stored, scoped, audited, and show no secrets."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from tests.doors.conftest import STAFF, House

from mien.doors.actuators.config import MqttActuator, NoActuator, OsdpActuator, RelayActuator
from mien.doors.codec import dump, load
from mien.doors.doors import read_actuator
from mien.doors.errors import InvalidDoorError, NameInUseError, NotConfiguredError
from mien.doors.kiosks import Kiosk, Kiosks, KioskSpec
from mien.doors.places import Place, Places
from mien.doors.roster_types import BadgeNumber
from mien.doors.types import ALWAYS, Camera, CameraSpec, DoorSpec, Rule, RuleSpec, Window
from mien.gallery.kinds import CollectionRef, Kind
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import CameraRow, DoorRow

SOURCE = "rtsp://viewer:s3cr3t-word@10.1.2.3:8554/stream1?token=abc"
ANYBODY = CameraSpec(groups=("directory",))


def test_a_cameras_password_is_sealed_and_never_shown(house: House) -> None:
    camera = house.cameras.create(house.owner, "Lobby", SOURCE, ANYBODY, actor="anna")
    assert camera.host == "rtsp://10.1.2.3:8554"
    assert "s3cr3t" not in repr(camera)
    assert house.cameras.source(house.owner, camera.camera_id) == SOURCE
    with house.database.read(EVERY_RESOURCE) as session:
        row = session.scalars(select(CameraRow)).one()
        assert b"s3cr3t" not in row.source
        assert "10.1.2.3" not in row.spec
    text = "\n".join(house.audit.export())
    assert "camera.create" in text
    for secret in ("s3cr3t", "viewer", "stream1", "token"):
        assert secret not in text


def test_cameras_are_scoped_by_resource_and_their_names_are_unique(house: House) -> None:
    camera = house.cameras.create(house.owner, "Lobby", "/dev/video0", ANYBODY, actor="anna")
    house.cameras.create(house.other, "Lobby", "file:/tmp/a.mp4", ANYBODY, actor="anna")
    with pytest.raises(NameInUseError):
        house.cameras.create(house.owner, "Lobby", "/dev/video1", ANYBODY, actor="anna")
    with pytest.raises(NotConfiguredError):
        house.cameras.source(house.other, camera.camera_id)
    with pytest.raises(NotConfiguredError):
        house.cameras.delete(house.other, camera.camera_id, actor="eve")
    assert [one.host for one in house.cameras.of(house.owner)] == ["webcam /dev/video0"]
    assert {one.host for one in house.cameras.all()} == {"webcam /dev/video0", "file"}
    changed = house.cameras.change(
        house.owner, camera.camera_id, actor="anna", name="Hall", source=SOURCE, spec=replace(camera.spec, rate=2)
    )
    assert (changed.name, changed.host, changed.spec.rate) == ("Hall", "rtsp://10.1.2.3:8554", 2)
    assert house.cameras.named(house.owner, "Hall").camera_id == camera.camera_id
    house.cameras.delete(house.owner, camera.camera_id, actor="anna")
    assert house.cameras.of(house.owner) == []


@pytest.mark.parametrize(
    "source", ["", "ftp://a/b", "rtsp://", "rtsp://u:p4ss@h:x/", "rtsp://h/\n", "/etc/passwd", "file:"]
)
def test_an_address_that_cannot_be_is_refused_without_repeating_it(house: House, source: str) -> None:
    with pytest.raises(InvalidDoorError) as refused:
        house.cameras.create(house.owner, "Lobby", source, ANYBODY, actor="anna")
    assert "p4ss" not in str(refused.value)
    assert house.cameras.of(house.owner) == []


def test_a_doors_key_is_sealed_and_never_shown(house: House) -> None:
    key = "00112233445566778899aabbccddeeff"
    osdp = OsdpActuator(port="/dev/ttyUSB0", key=key, address=3)
    door = house.doors.create(house.owner, "Front", DoorSpec(time_zone="Europe/Berlin"), osdp, actor="anna")
    assert door.actuator == "osdp /dev/ttyUSB0 address 3"
    assert door.area == "Front"
    assert key not in repr(osdp)
    assert house.doors.actuator(house.owner, door.door_id) == osdp
    with house.database.read(EVERY_RESOURCE) as session:
        row = session.scalars(select(DoorRow)).one()
    assert key.encode() not in row.actuator
    assert key not in "\n".join(house.audit.export())
    relay = RelayActuator(url="http://10.0.0.9/relay/0?turn=on&timer={seconds}&key=hush", token="hush")
    changed = house.doors.change(house.owner, door.door_id, actor="anna", actuator=relay)
    assert changed.actuator == "relay http://10.0.0.9"
    assert "hush" not in repr(relay) + "\n".join(house.audit.export())
    with pytest.raises(NotConfiguredError):
        house.doors.actuator(house.other, door.door_id)
    with pytest.raises(NameInUseError):
        house.doors.create(house.owner, "Front", DoorSpec(), NoActuator(), actor="anna")


def test_deleting_a_door_takes_it_from_cameras_and_rules(house: House) -> None:
    door = house.doors.create(house.owner, "Front", DoorSpec(), NoActuator(), actor="anna")
    back = house.doors.create(house.owner, "Back", DoorSpec(), NoActuator(), actor="anna")
    watching = replace(ANYBODY, door=door.door_id)
    camera = house.cameras.create(house.owner, "Lobby", "/dev/video0", watching, actor="anna")
    staff = RuleSpec(name="Staff", doors=(door.door_id, back.door_id), groups=(STAFF,), schedule=ALWAYS)
    guests = RuleSpec(name="Guests", doors=(back.door_id,), visitors=True, schedule=ALWAYS)
    rule = house.doors.add_rule(house.owner, staff, actor="anna")
    second = house.doors.add_rule(house.owner, guests, actor="anna", position=0)
    assert [one.rule_id for one in house.doors.rules(house.owner)] == [second.rule_id, rule.rule_id]
    assert [one.rule_id for one in house.doors.rules(house.owner, door.door_id)] == [rule.rule_id]
    house.doors.delete(house.owner, door.door_id, actor="anna")
    assert house.cameras.get(house.owner, camera.camera_id).spec.door is None
    assert house.doors.rules(house.owner)[1].spec.doors == (back.door_id,)
    with pytest.raises(InvalidDoorError):
        house.doors.change_rule(house.owner, rule.rule_id, replace(staff, doors=(uuid4(),)), actor="anna")
    house.doors.delete_rule(house.owner, rule.rule_id, actor="anna")
    assert [one.rule_id for one in house.doors.rules(house.owner)] == [second.rule_id]
    assert house.doors.rules(house.other) == []


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "Factory", "right/Europe/Berlin", "posix/UTC"])
def test_a_time_zone_must_be_the_same_on_every_machine(house: House, zone: str) -> None:
    spec = replace(DoorSpec(), time_zone="UTC")
    door = house.doors.create(house.owner, "Front", spec, NoActuator(), actor="anna")
    try:
        other = replace(spec, time_zone=zone)
    except InvalidDoorError:  # a machine without it
        return
    with pytest.raises(InvalidDoorError, match="every machine"):
        house.doors.create(house.owner, "Back", other, NoActuator(), actor="anna")
    with pytest.raises(InvalidDoorError, match="every machine"):
        house.doors.change(house.owner, door.door_id, spec=other, actor="anna")


def test_holidays(house: House) -> None:
    house.doors.set_holiday(house.owner, date(2026, 12, 25), "Christmas", actor="anna")
    house.doors.set_holiday(house.owner, date(2026, 12, 25), "Christmas Day", actor="anna")
    assert [(one.day, one.name) for one in house.doors.holidays(house.owner)] == [(date(2026, 12, 25), "Christmas Day")]
    assert house.doors.holidays(house.other) == []
    house.doors.delete_holiday(house.owner, date(2026, 12, 25), actor="anna")
    with pytest.raises(NotConfiguredError):
        house.doors.delete_holiday(house.owner, date(2026, 12, 25), actor="anna")


def test_every_change_is_in_the_audit_log(house: House) -> None:
    door = house.doors.create(house.owner, "Front", DoorSpec(), NoActuator(), actor="anna")
    spec = RuleSpec(name="Staff", doors=(door.door_id,), visitors=True, schedule=ALWAYS)
    rule = house.doors.add_rule(house.owner, spec, actor="anna")
    house.doors.change_rule(house.owner, rule.rule_id, replace(spec, name="Staff 2"), actor="anna")
    house.doors.delete_rule(house.owner, rule.rule_id, actor="anna")
    house.doors.change(house.owner, door.door_id, actor="anna", spec=DoorSpec(enabled=False))
    house.doors.delete(house.owner, door.door_id, actor="anna")
    actions = [entry.action for entry in reversed(house.audit.search(resource_id=house.owner, action="door.*"))]
    assert actions == [
        "door.create",
        "door.rule.create",
        "door.rule.change",
        "door.rule.delete",
        "door.change",
        "door.delete",
    ]


def test_configurations_survive_their_json() -> None:
    for actuator in (
        NoActuator(),
        OsdpActuator(port="/dev/ttyS0", key="0" * 32),
        RelayActuator(url="https://relay.example/x"),
        MqttActuator(topic="door/1/set"),
    ):
        assert read_actuator(dump(actuator)) == actuator
    rule = RuleSpec(name="Staff", schedule=ALWAYS, persons=(uuid4(),), first_day=date(2026, 1, 1))
    assert load(RuleSpec, dump(rule)) == rule
    with pytest.raises(InvalidDoorError):
        read_actuator('{"kind": "hammer"}')


def test_what_cannot_be_is_refused() -> None:
    for wrong in (
        lambda: CameraSpec(groups=("group/a",)),
        lambda: CameraSpec(groups=("personGroup/A!",)),
        lambda: CameraSpec(rate=0),
        lambda: CameraSpec(privacy=(((0, 0), (1, 1)),)),
        lambda: CameraSpec(privacy=(((0, 0), (1, 1), (2, 0)),)),
        lambda: DoorSpec(time_zone="Europe/Nowhere"),
        lambda: DoorSpec(time_zone="../../etc/passwd"),
        lambda: DoorSpec(confidence=0.4),
        lambda: DoorSpec(frames=0),
        lambda: DoorSpec(decision_seconds=60),
        lambda: DoorSpec(confidence=float("nan")),
        lambda: Window(days=(), start=0, end=10),
        lambda: Window(days=(7,), start=0, end=10),
        lambda: RuleSpec(name=""),
        lambda: RuleSpec(name="a", first_day=date(2026, 2, 1), last_day=date(2026, 1, 1)),
        lambda: BadgeNumber(number=70000, facility=1),
        lambda: BadgeNumber(number=1 << 32),
        lambda: OsdpActuator(port="COM1", key="0" * 32),
        lambda: OsdpActuator(port="/dev/ttyS0", key="0" * 31),
        lambda: RelayActuator(url="http://user:word@host/"),
        lambda: RelayActuator(url="gopher://host/"),
        lambda: MqttActuator(topic="a/#"),
    ):
        with pytest.raises(InvalidDoorError):
            wrong()
    assert "12345" not in repr(BadgeNumber(number=12345))


def test_a_rule_that_allows_nothing_is_refused_but_one_that_lost_its_people_can_be_changed(house: House) -> None:
    ada, door, services = house.person("Ada"), house.door(), house.doors
    whole = RuleSpec(name="Staff", doors=(door.door_id,), persons=(ada,), schedule=ALWAYS)
    lacking = {"persons": "allows nobody", "doors": "no door", "directions": "no door", "schedule": "no time"}
    for field, words in lacking.items():
        without: dict[str, Any] = {field: ()}
        with pytest.raises(InvalidDoorError, match=words):
            services.add_rule(house.owner, replace(whole, **without), actor="anna")
    rule = services.add_rule(house.owner, whole, actor="anna")
    for field, words in lacking.items():
        without = {field: ()}
        with pytest.raises(InvalidDoorError, match=words):
            services.change_rule(house.owner, rule.rule_id, replace(whole, **without), actor="anna")
    services.delete(house.owner, door.door_id, actor="anna")
    (left,) = services.rules(house.owner)
    off = services.change_rule(house.owner, rule.rule_id, replace(left.spec, enabled=False), actor="anna")
    assert (off.spec.doors, off.spec.enabled) == ((), False)


def test_what_a_configuration_names_must_exist(house: House) -> None:
    """Each is refused and stored nowhere; what is deleted later stays editable."""
    ada, stranger = house.person("Ada"), uuid4()
    house.group("old", model="recognition_01")
    house.group("crew", Kind.PERSON_GROUP)
    door = house.door()
    kiosks = Kiosks(house.database, house.vault, house.clock, house.audit)

    def camera(*groups: str, door_id: UUID | None = None) -> Camera:
        spec = CameraSpec(groups=groups, door=door_id)
        return house.cameras.create(house.owner, "Lobby", "/dev/video0", spec, actor="anna")

    def rule(**fields: Any) -> Rule:
        whole: dict[str, Any] = {"name": "Staff", "doors": (door.door_id,), "visitors": True, "schedule": ALWAYS}
        return house.doors.add_rule(house.owner, RuleSpec(**whole | fields), actor="anna")

    def kiosk(**fields: Any) -> Kiosk:
        spec = KioskSpec(**{"group": STAFF, "notice": "n"} | fields)
        return kiosks.create(house.owner, "Reception", spec, actor="anna")[0]

    for wrong, words in (
        (camera, "a camera needs at least one group"),
        (lambda: camera("largePersonGroup/staf"), "there is no group largePersonGroup/staf$"),
        (lambda: camera(STAFF, "dynamicGroup/night"), "there is no group dynamicGroup/night$"),
        (lambda: camera("largePersonGroup/crew"), "largePersonGroup/crew; there is personGroup/crew"),
        (lambda: camera(STAFF, "largePersonGroup/old"), "different recognition models: recognition_01, recognition_04"),
        (lambda: camera(STAFF, door_id=stranger), f"there is no door {stranger}"),
        (lambda: rule(groups=("personGroup/staff",)), "personGroup/staff; there is largePersonGroup/staff"),
        (lambda: rule(persons=(ada, stranger)), f"there is no person {stranger}"),
        (lambda: rule(doors=(stranger,)), f"there is no door {stranger}"),
        (lambda: house.door("Back", DoorSpec(duress=(stranger,))), f"there is no person {stranger}"),
        (lambda: kiosk(group="personGroup/nobody"), "there is no group personGroup/nobody"),
        (lambda: kiosk(door=stranger), f"there is no door {stranger}"),
    ):
        with pytest.raises(InvalidDoorError, match=words):
            wrong()
    assert (house.cameras.of(house.owner), house.doors.rules(house.owner), kiosks.of(house.owner)) == ([], [], [])
    with pytest.raises(InvalidDoorError, match="there is no person"):  # of another resource
        house.doors.add_rule(house.other, RuleSpec(name="Staff", persons=(ada,)), actor="eve")
    with pytest.raises(InvalidDoorError, match="there is no group"):
        house.doors.add_rule(house.other, RuleSpec(name="Staff", groups=(STAFF,)), actor="eve")
    with pytest.raises(NotConfiguredError, match="there is no area 'Attic'"):
        house.roster.empty(house.owner, "Attic", actor="anna")
    assert house.roster.empty(house.owner, "Front", actor="anna") == 0

    lobby, staff, front = camera(STAFF, door_id=door.door_id), rule(groups=(STAFF,), persons=(ada,)), kiosk()
    with pytest.raises(NameInUseError, match="there is a rule 'Staff' already"):
        rule(name=" Staff ")
    guests = rule(name="Guests")
    with pytest.raises(NameInUseError):
        house.doors.change_rule(house.owner, guests.rule_id, replace(guests.spec, name="Staff"), actor="anna")
    house.place.world.gallery.collections.delete(house.group("staff"))
    off = house.cameras.change(house.owner, lobby.camera_id, spec=replace(lobby.spec, enabled=False), actor="anna")
    assert off.spec.groups == (STAFF,)
    house.doors.change_rule(house.owner, staff.rule_id, replace(staff.spec, enabled=False), actor="anna")
    kiosks.change(house.owner, front.kiosk_id, spec=replace(front.spec, enabled=False), actor="anna")
    with pytest.raises(InvalidDoorError, match="there is no group"):
        house.doors.change_rule(house.owner, guests.rule_id, replace(guests.spec, groups=(STAFF,)), actor="anna")
    with pytest.raises(InvalidDoorError, match="at least one group"):
        house.cameras.change(house.owner, lobby.camera_id, spec=replace(lobby.spec, groups=()), actor="anna")


def test_groups_are_found_by_name_and_id(house: House) -> None:
    people = house.place.directory
    ada = people.directory.create(house.owner, "Ada").id
    assert ada is not None
    people.dynamic_groups.create(house.owner, "night", "Nachtschicht Süd", None, [ada])
    house.place.world.gallery.collections.create(
        CollectionRef(house.owner, Kind.PERSON_GROUP, "crew"), "Crew Süd", None, "recognition_01"
    )
    house.person("Bob")
    places = Places(house.database)
    every = ["largePersonGroup/staff", "personGroup/crew", "dynamicGroup/night"]
    for text, found in (
        ("", every),
        ("sud", every[1:]),
        ("SÜD nacht", every[2:]),
        ("crew", [every[1]]),
        ("largepersongroup/staff", [every[0]]),
        ("group STAFF", [every[0]]),
        ("nobody", []),
    ):
        assert [one.place for one in places.find(house.owner, text)] == found, text
    assert places.find(house.owner, "", 1)[0] == Place(every[0], "staff", 1, "recognition_04")
    assert places.find(house.other, "") == []
    named = places.named(house.owner, (one for one in [*every, "personGroup/staff", "directory", "dynamicGroup/crew"]))
    assert sorted(named) == sorted(every)
    assert (named["dynamicGroup/night"].name, named["dynamicGroup/night"].persons) == ("Nachtschicht Süd", None)


def test_badges_visits_and_presence_follow_a_merged_or_moved_person(house: House) -> None:
    gallery, staff = house.place.world.gallery, house.group("staff")
    ada, twice, door = house.person("Ada"), house.person("Ada L."), house.door()
    house.rule(door)
    house.roster.add_badge(house.owner, STAFF, twice, BadgeNumber(number=7), actor="anna")
    until = house.clock.now() + timedelta(hours=9)
    house.roster.add_visitor(house.owner, STAFF, twice, starts_at=house.clock.now(), ends_at=until, actor="anna")
    house.decisions.observe(house.watched(door), house.evidence(twice))

    def whose() -> list[list[tuple[str, UUID]]]:
        roster, owner = house.roster, house.owner
        found = (roster.badges(owner), roster.visitors(owner), roster.inside(owner))
        return [[(one.person.place, one.person.person_id) for one in each] for each in found]

    assert whose() == [[(STAFF, twice)]] * 3
    gallery.reassignment.merge(staff, str(twice), str(ada))
    assert whose() == [[(STAFF, ada)]] * 3
    (done,) = gallery.corrections.recent(staff)
    gallery.corrections.undo(staff, done.id)
    assert whose() == [[(STAFF, twice)], [(STAFF, twice)], [(STAFF, ada)]], "who is inside is not known better"
    gallery.relocation.move(staff, str(twice), house.group("crew", Kind.PERSON_GROUP))
    assert whose() == [[("personGroup/crew", twice)], [("personGroup/crew", twice)], [(STAFF, ada)]]
    gallery.relocation.move(staff, str(ada), house.group("guests"))
    assert whose()[2] == [("largePersonGroup/guests", ada)]


@pytest.mark.parametrize(
    "zone", [((0.2, 0.2),) * 3, ((0.1, 0.1), (0.5, 0.5), (0.9, 0.9)), ((0.5, 0.5), (0.505, 0.5), (0.5, 0.505))]
)
def test_a_zone_that_encloses_nothing_is_refused(house: House, zone: tuple[tuple[float, float], ...]) -> None:
    """It would hide nothing, and no server would run the camera."""
    for spec in (CameraSpec(groups=(STAFF,), privacy=(zone,)), CameraSpec(groups=(STAFF,), regions=(zone,))):
        with pytest.raises(InvalidDoorError, match="must enclose"):
            house.cameras.create(house.owner, "Lobby", "rtsp://192.0.2.1/", spec, actor="anna")
    camera = house.cameras.create(house.owner, "Lobby", "rtsp://192.0.2.1/", CameraSpec(groups=(STAFF,)), actor="anna")
    with pytest.raises(InvalidDoorError, match="must enclose"):
        house.cameras.change(house.owner, camera.camera_id, spec=replace(camera.spec, privacy=(zone,)), actor="anna")


def test_the_limits_in_a_refusal_are_whole() -> None:
    with pytest.raises(InvalidDoorError, match=r"^number: 0 to 4294967295$"):
        BadgeNumber(number=-1)
    with pytest.raises(InvalidDoorError, match=r"^passbackHours: 0\.01 to 168$"):
        DoorSpec(passback_hours=0)
