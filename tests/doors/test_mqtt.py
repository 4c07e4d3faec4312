"""Commands, events and Home Assistant's discovery on a real Mosquitto."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from jinja2 import Template
from sqlalchemy import func, text, update
from structlog.testing import capture_logs
from tests.doors.broker import PATIENCE, Listener, Mosquitto
from tests.doors.conftest import House
from tests.doors.parts import granted_event as event
from tests.waiting import until

from mien.doors.actuators.broker import Broker, BrokerError, MqttMessage
from mien.doors.actuators.config import MqttActuator, NoActuator
from mien.doors.actuators.mqtt import MqttCommand
from mien.doors.events import Draft, EventKind
from mien.doors.home_assistant import EVENT_TYPES, discovery, event_topic, inside_topic, message, owner_topic
from mien.doors.openings import ActuatorError
from mien.doors.reasons import Code
from mien.doors.telling import Teller, Topics, greeting
from mien.doors.types import DoorSpec, Strangers
from mien.storage import EVERY_RESOURCE
from mien.storage.claims import elapsed
from mien.storage.tables import DoorRow

pytest.importorskip("aiomqtt", reason="needs aiomqtt (mien[video])")
TOPICS = Topics()


def teller_of(house: House, broker: Broker, mark: str = "this database") -> Teller:
    parts = (house.database, house.doors, house.events, house.roster)
    return Teller(*parts, broker=broker, claims=house.claims, topics=TOPICS, mark=mark)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def broker(mosquitto: Mosquitto) -> Iterator[Broker]:
    made = Broker(mosquitto.url, will=TOPICS.will, greeting=greeting(TOPICS))
    made.start()
    assert made.wait(PATIENCE)
    yield made
    made.stop()


def test_a_command_is_confirmed_or_fails_and_is_never_kept(mosquitto: Mosquitto, broker: Broker) -> None:
    actuator = MqttCommand(MqttActuator(topic="door/1/set"), broker)
    listener = Listener(mosquitto.port)
    assert actuator.open(event(), elapsed() + PATIENCE) == "the broker took the command"
    listener.wait(lambda one: ("door/1/set", b"OPEN", False) in one.messages)
    listener.stop()
    late = Listener(mosquitto.port)
    late.wait(lambda one: ("mien/status", b"online", True) in one.messages)
    assert all(topic != "door/1/set" for topic, _, _ in late.messages)
    with pytest.raises(ActuatorError, match="too late"):
        actuator.open(event(), elapsed() - 1)
    mosquitto.kill()
    with pytest.raises(ActuatorError):
        actuator.open(event(), elapsed() + 2)
    mosquitto.start()
    assert broker.wait(PATIENCE), "it connects again by itself"
    late.wait(lambda one: sum(topic == "mien/status" for topic, _, _ in one.messages) >= 2)
    assert all(topic != "door/1/set" for topic, _, _ in late.messages), "what failed does not come later"
    late.stop()
    with pytest.raises(ActuatorError, match="MIEN_MQTT_URL"):
        MqttCommand(MqttActuator(topic="door/1/set"), None).open(event(), elapsed() + 1)


def test_without_a_broker_publishing_fails() -> None:
    made = Broker("mqtt://user:hush@127.0.0.1:9")
    made.start()
    with pytest.raises(BrokerError) as refused:
        made.publish(MqttMessage("a", "b"), 1)
    assert "hush" not in str(refused.value)
    made.stop()


def test_events_are_told_in_order_from_where_they_stopped(house: House, mosquitto: Mosquitto, broker: Broker) -> None:
    ada, door = house.person("Ada"), house.door()
    house.doors.change(house.owner, door.door_id, actor="a", spec=door.spec.__class__(strangers=Strangers.ANNOUNCE))
    house.rule(door)
    watched = house.watched(door)
    listener = Listener(mosquitto.port)
    teller = teller_of(house, broker)
    house.decisions.observe(watched, house.evidence(ada))
    house.decisions.ended(watched, house.evidence(None, track="8"))
    topic = event_topic("mien", door.door_id)
    with house.claims.hold("doors/mqtt") as held:
        assert held is not None
        assert teller.tell(held) == 2
        assert teller.tell(held) == 0
        listener.wait(lambda one: len(one.on(topic)) == 2)
        mosquitto.kill()
        house.clock.advance(timedelta(minutes=1))
        house.decisions.observe(watched, house.evidence(ada, track="9"))
        with pytest.raises(BrokerError):
            teller.tell(held)
        mosquitto.start()
        assert broker.wait(PATIENCE)
        teller.rediscover()
        listener.wait(lambda one: sum(name == "mien/status" for name, _, _ in one.messages) >= 2)
        assert teller.tell(held) == 1
    listener.wait(lambda one: len(one.on(topic)) >= 3)
    said = listener.on(topic)
    assert [(one["number"], one["event_type"]) for one in said] == [(1, "granted"), (2, "stranger"), (3, "granted")]
    assert all("person" not in one for one in said), "names are off unless they are switched on"
    assert said[0]["personId"] == str(ada)
    assert listener.on(inside_topic("mien", door.door_id))[-1] == 1
    house.roster.empty(house.owner, door.area, actor="anna")
    with house.claims.hold("doors/mqtt") as held:
        assert held is not None
        teller.tell(held)
    listener.wait(lambda one: one.on(inside_topic("mien", door.door_id))[-1] == 0)
    house.doors.delete(house.owner, door.door_id, actor="anna")
    with house.claims.hold("doors/mqtt") as held:
        assert held is not None
        teller.tell(held)
    config = f"homeassistant/event/mien_{door.door_id.hex}/decision/config"
    listener.wait(lambda one: (config, b"", False) in one.messages)
    listener.stop()


def test_a_door_that_was_deleted_while_nobody_told_is_forgotten(
    house: House, mosquitto: Mosquitto, broker: Broker
) -> None:
    gone, left = house.door(), house.door("Back")
    with house.claims.hold("doors/mqtt") as held:
        assert held is not None
        teller_of(house, broker).tell(held)
    house.doors.delete(house.owner, gone.door_id, actor="anna")
    listener = Listener(mosquitto.port)
    later = Broker(mosquitto.url)  # of a server that starts after the door was deleted
    other = teller_of(house, later)
    later.start()
    try:
        assert later.wait(PATIENCE)
        with house.claims.hold("doors/mqtt") as held:
            assert held is not None
            until(lambda: [other.tell(held), (inside_topic("mien", gone.door_id), b"", False) in listener.messages][-1])
    finally:
        later.stop()
        listener.stop()
    late = Listener(mosquitto.port)
    config, inside = f"homeassistant/event/mien_{left.door_id.hex}/decision/config", inside_topic("mien", left.door_id)
    late.wait(lambda one: {config, inside} <= {topic for topic, _, _ in one.messages})
    topics = {topic for topic, _, _ in late.messages}
    late.stop()
    assert not [topic for topic in topics if gone.door_id.hex in topic.replace("-", "")]


def test_events_are_told_after_the_database_was_away(house: House, mosquitto: Mosquitto, broker: Broker) -> None:
    ada, door = house.person("Ada"), house.door()
    house.rule(door)
    listener = Listener(mosquitto.port)
    teller = teller_of(house, broker)
    house.decisions.observe(house.watched(door), house.evidence(ada))
    with capture_logs() as logs:
        with house.database.write(EVERY_RESOURCE) as session:
            session.execute(text("ALTER TABLE claims RENAME TO claims_gone"))
        teller.start()
        until(lambda: [one for one in logs if one["event"] == "events of doors could not be claimed"])
        with house.database.write(EVERY_RESOURCE) as session:
            session.execute(text("ALTER TABLE claims_gone RENAME TO claims"))
    listener.wait(lambda one: one.on(event_topic("mien", door.door_id)))
    teller.stop()
    listener.stop()


def test_events_are_told_while_the_doors_of_another_resource_cannot_be_read(
    house: House, mosquitto: Mosquitto, broker: Broker
) -> None:
    ada, door = house.person("Ada"), house.door()
    house.rule(door)
    house.doors.create(house.other, "Theirs", DoorSpec(time_zone="Europe/Berlin"), NoActuator(), actor="anna")
    with house.database.write(EVERY_RESOURCE) as session:
        spec = func.replace(DoorRow.spec, "Europe/Berlin", "Mars/Base")
        session.execute(update(DoorRow).where(DoorRow.name == "Theirs").values(spec=spec))
    listener = Listener(mosquitto.port)
    teller = teller_of(house, broker)
    house.decisions.observe(house.watched(door), house.evidence(ada))
    teller.start()
    listener.wait(lambda one: one.on(event_topic("mien", door.door_id)))
    house.clock.advance(timedelta(minutes=1))
    house.decisions.observe(house.watched(door), house.evidence(ada, track="9"))
    listener.wait(lambda one: len(one.on(event_topic("mien", door.door_id))) == 2)
    teller.stop()
    listener.stop()


def test_doors_are_announced_again_to_a_broker_that_lost_them(
    house: House, mosquitto: Mosquitto, broker: Broker
) -> None:
    door = house.door()
    config, inside = f"homeassistant/event/mien_{door.door_id.hex}/decision/config", inside_topic("mien", door.door_id)
    teller = teller_of(house, broker)
    first = Listener(mosquitto.port)
    teller.start()
    first.wait(lambda one: {config, inside} <= {topic for topic, _, _ in one.messages})
    first.stop()
    mosquitto.kill()
    until(lambda: not broker.wait(0))
    mosquitto.start()  # which keeps nothing on disk
    second = Listener(mosquitto.port)
    second.wait(lambda one: {config, inside} <= {topic for topic, _, _ in one.messages})
    second.stop()
    teller.stop()


def test_doors_of_another_database_are_left_at_the_broker(house: House, mosquitto: Mosquitto, broker: Broker) -> None:
    door = house.door()
    with house.claims.hold("doors/mqtt") as held:
        assert held is not None
        teller_of(house, broker, "another database").tell(held)
        house.doors.delete(house.owner, door.door_id, actor="anna")  # this one does not have it
        mine = house.door("Back")
        later = Broker(mosquitto.url)
        teller = teller_of(house, later)
        heard: list[str] = []
        later.listen(owner_topic("mien", "+"), lambda topic, payload: heard.append(topic))
        later.start()
        until(lambda: owner_topic("mien", door.door_id) in heard)
        teller.tell(held)
        later.stop()
    listener = Listener(mosquitto.port)
    wanted = {owner_topic("mien", one.door_id) for one in (door, mine)}
    listener.wait(lambda one: wanted <= {topic for topic, _, _ in one.messages})
    listener.stop()


def test_discovery_is_what_home_assistant_documents(house: House) -> None:
    doors = [house.door(), house.door("Back")]
    found = list(discovery(doors, "mien"))
    assert len({json.loads(one.payload)["unique_id"] for one in found}) == len(found) == 6
    for one in found:
        prefix, component, node, name, last = one.topic.split("/")
        assert (prefix, last, one.retain) == ("homeassistant", "config", True)
        config = json.loads(one.payload)
        assert set(config["device"]) <= {"identifiers", "name", "manufacturer", "model", "sw_version"}
        assert config["origin"]["name"] == "Mien"
        assert config["availability_topic"] == "mien/status"
        assert node.replace("_", "").isalnum()
        assert name.isalnum()
        if component == "event":
            assert config["event_types"] == list(EVENT_TYPES)
            assert config["state_topic"].endswith("/event")
        else:
            assert component == "sensor"


def test_a_camera_that_is_back_is_no_refusal(house: House) -> None:
    """Home Assistant would otherwise show that somebody was refused whenever a camera connects."""
    door = house.door()
    for code in (Code.LOST, Code.CONNECTED):
        draft = Draft(kind=EventKind.CAMERA, code=code, door_id=door.door_id, camera="Lobby")
        told = message(house.events.write(house.owner, draft), "mien", names=False)
        assert told is not None
        assert json.loads(told.payload)["event_type"] == f"camera_{code.value}"
        assert f"camera_{code.value}" in EVENT_TYPES
    (last,) = [one for one in discovery([door], "mien") if one.topic.endswith("/last/config")]
    shows = Template(json.loads(last.payload)["value_template"]).render
    before = {"state": "granted"}
    assert shows(value_json={"kind": "camera", "code": "lost"}, this=before) == "granted"
    assert shows(value_json={"kind": "decision", "code": "no_rule"}, this=before) == "no_rule"


def test_discovery_passes_home_assistants_own_schemas(house: House) -> None:
    """Needs `pip install homeassistant`, whose dependencies are many; validated with 2024.3.3 when this was written."""
    for name in ("event", "sensor"):
        pytest.importorskip(f"homeassistant.components.mqtt.{name}", reason="needs homeassistant with its MQTT parts")
    for one in discovery([house.door()], "mien"):
        component = importlib.import_module(f"homeassistant.components.mqtt.{one.topic.split('/')[1]}")
        given = json.loads(one.payload)
        assert set(component.DISCOVERY_SCHEMA(dict(given))) >= set(given), "the schema drops what it does not know"
