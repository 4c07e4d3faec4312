"""Doors as devices of Home Assistant by MQTT discovery, and their events as messages. Pure functions.

Source: Home Assistant's documentation of MQTT discovery, and of the event, sensor and binary sensor integrations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final, Literal
from uuid import UUID

from mien.doors.actuators.broker import MqttMessage
from mien.doors.events import Event, EventKind
from mien.doors.types import Door

EVENT_TYPES: Final = ("granted", "refused", "stranger", "badge", "duress", "camera_lost", "camera_connected")
_LAST: Final = "{{ value_json.code if value_json.kind in ('decision', 'stranger') else this.state }}"
"""The topic of a door's events also has badges and the state of cameras, which are no decisions."""


def status_topic(prefix: str) -> str:
    """Return the topic of the server's status: `online` or `offline`, retained."""
    return f"{prefix}/status"


def event_topic(prefix: str, door_id: UUID) -> str:
    """Return the topic of a door's events, which are not retained."""
    return f"{prefix}/door/{door_id}/event"


def inside_topic(prefix: str, door_id: UUID) -> str:
    """Return the topic of the number of people inside a door's area, retained."""
    return f"{prefix}/door/{door_id}/inside"


def owner_topic(prefix: str, door_id: UUID | Literal["+"]) -> str:
    """Return the retained topic that names the database to which a door belongs; with `+`, the filter for all doors."""
    return f"{prefix}/door/{door_id}/owner"


def discovery(doors: Sequence[Door], prefix: str, discovery_prefix: str = "homeassistant") -> Iterator[MqttMessage]:
    """Yield the retained messages by which Home Assistant discovers doors."""
    for door in doors:
        for component, name, config in _entities(door, prefix):
            payload = _common(door, prefix) | config | {"unique_id": f"mien_{door.door_id}_{name}"}
            topic = f"{discovery_prefix}/{component}/mien_{door.door_id.hex}/{name}/config"
            yield MqttMessage(topic, json.dumps(payload), retain=True)


def forget(door_id: UUID, prefix: str, discovery_prefix: str = "homeassistant") -> Iterator[MqttMessage]:
    """Yield the messages that remove a deleted door from the broker and, with a discovery prefix, Home Assistant."""
    if discovery_prefix:
        for component, name in (("event", "decision"), ("sensor", "inside"), ("sensor", "last")):
            yield MqttMessage(f"{discovery_prefix}/{component}/mien_{door_id.hex}/{name}/config", "", retain=True)
    yield MqttMessage(inside_topic(prefix, door_id), "", retain=True)
    yield MqttMessage(owner_topic(prefix, door_id), "", retain=True)  # last: what is kept there is not forgotten yet


def message(event: Event, prefix: str, *, names: bool) -> MqttMessage | None:
    """Return an event as a message; None for events without a door.

    Args:
        event: the event.
        prefix: prefix of all topics.
        names: whether the person's name is in it; their id is in any case.
    """
    if event.door_id is None:
        return None
    fields = event.to_json()
    if not names:
        fields.pop("person")
    return MqttMessage(event_topic(prefix, event.door_id), json.dumps({"event_type": _type(event), **fields}))


def _type(event: Event) -> str:
    if event.duress:
        return "duress"
    if event.kind is EventKind.BADGE:
        return "badge"
    if event.kind is EventKind.STRANGER:
        return "stranger"
    if event.kind is EventKind.CAMERA:
        return f"camera_{event.code}"
    return "granted" if event.granted else "refused"


def _entities(door: Door, prefix: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    topic = event_topic(prefix, door.door_id)
    yield "event", "decision", {"name": "Decision", "state_topic": topic, "event_types": list(EVENT_TYPES)}
    yield "sensor", "last", {"name": "Last decision", "state_topic": topic, "value_template": _LAST}
    inside = {"name": "Inside", "state_topic": inside_topic(prefix, door.door_id), "state_class": "measurement"}
    yield "sensor", "inside", inside | {"unit_of_measurement": "people"}


def _common(door: Door, prefix: str) -> dict[str, Any]:
    return {
        "availability_topic": status_topic(prefix),
        "payload_available": "online",
        "payload_not_available": "offline",
        "device": {
            "identifiers": [f"mien_{door.door_id}"],
            "name": door.name,
            "manufacturer": "Mien",
            "model": "Door",
            "sw_version": version("mien"),
        },
        "origin": {"name": "Mien", "sw_version": version("mien")},
    }
