"""Cameras, doors and rules are stored, scoped, audited, and show no secrets."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import select
from tests.doors.conftest import House

from mien.doors.actuators.config import MqttActuator, NoActuator, OsdpActuator, RelayActuator
from mien.doors.codec import dump, load
from mien.doors.doors import read_actuator
from mien.doors.errors import InvalidDoorError, NameInUseError, NotConfiguredError
from mien.doors.roster_types import BadgeNumber
from mien.doors.types import ALWAYS, CameraSpec, DoorSpec, RuleSpec, Window
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import CameraRow, DoorRow

SOURCE = "rtsp://viewer:s3cr3t-word@10.1.2.3:8554/stream1?token=abc"


def test_a_cameras_password_is_sealed_and_never_shown(house: House) -> None:
    camera = house.cameras.create(house.owner, "Lobby", SOURCE, CameraSpec(groups=("directory",)), actor="anna")
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
    camera = house.cameras.create(house.owner, "Lobby", "/dev/video0", CameraSpec(), actor="anna")
    house.cameras.create(house.other, "Lobby", "file:/tmp/a.mp4", CameraSpec(), actor="anna")
    with pytest.raises(NameInUseError):
        house.cameras.create(house.owner, "Lobby", "/dev/video1", CameraSpec(), actor="anna")
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
        house.cameras.create(house.owner, "Lobby", source, CameraSpec(), actor="anna")
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
    camera = house.cameras.create(house.owner, "Lobby", "/dev/video0", CameraSpec(door=door.door_id), actor="anna")
    rule = house.doors.add_rule(house.owner, RuleSpec(name="Staff", doors=(door.door_id, back.door_id)), actor="anna")
    second = house.doors.add_rule(house.owner, RuleSpec(name="Guests", doors=(back.door_id,)), actor="anna", position=0)
    assert [one.rule_id for one in house.doors.rules(house.owner)] == [second.rule_id, rule.rule_id]
    assert [one.rule_id for one in house.doors.rules(house.owner, door.door_id)] == [rule.rule_id]
    house.doors.delete(house.owner, door.door_id, actor="anna")
    assert house.cameras.get(house.owner, camera.camera_id).spec.door is None
    assert house.doors.rules(house.owner)[1].spec.doors == (back.door_id,)
    with pytest.raises(InvalidDoorError):
        house.doors.change_rule(house.owner, rule.rule_id, RuleSpec(name="Staff", doors=(uuid4(),)), actor="anna")
    house.doors.delete_rule(house.owner, rule.rule_id, actor="anna")
    assert [one.rule_id for one in house.doors.rules(house.owner)] == [second.rule_id]
    assert house.doors.rules(house.other) == []


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
    rule = house.doors.add_rule(house.owner, RuleSpec(name="Staff"), actor="anna")
    house.doors.change_rule(house.owner, rule.rule_id, RuleSpec(name="Staff 2"), actor="anna")
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
