"""Commands, events and Home Assistant's discovery on a real Mosquitto."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.doors.broker import PATIENCE, Listener, Mosquitto
from tests.doors.conftest import House
from tests.doors.test_osdp import event

from mien.doors.actuators.broker import Broker, BrokerError, MqttMessage
from mien.doors.actuators.config import MqttActuator
from mien.doors.actuators.mqtt import MqttCommand
from mien.doors.home_assistant import EVENT_TYPES, discovery, event_topic, inside_topic
from mien.doors.openings import ActuatorError
from mien.doors.telling import Teller, Topics, greeting
from mien.doors.types import Strangers
from mien.storage.claims import elapsed

pytest.importorskip("aiomqtt", reason="needs aiomqtt (mien[video])")
TOPICS = Topics()


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
    teller = Teller(
        house.database, house.doors, house.events, house.roster, broker=broker, claims=house.claims, topics=TOPICS
    )
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


def test_discovery_passes_home_assistants_own_schemas(house: House) -> None:
    """Needs `pip install homeassistant`, whose dependencies are many; validated with 2024.3.3 when this was written."""
    for name in ("event", "sensor"):
        pytest.importorskip(f"homeassistant.components.mqtt.{name}", reason="needs homeassistant with its MQTT parts")
    for one in discovery([house.door()], "mien"):
        component = importlib.import_module(f"homeassistant.components.mqtt.{one.topic.split('/')[1]}")
        given = json.loads(one.payload)
        assert set(component.DISCOVERY_SCHEMA(dict(given))) >= set(given), "the schema drops what it does not know"
