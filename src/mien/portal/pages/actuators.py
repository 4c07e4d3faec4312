"""Fields to choose what opens a door."""

from __future__ import annotations

from typing import Final

from nicegui import ui

from mien.doors.actuators.config import ActuatorConfig, MqttActuator, NoActuator, OsdpActuator, RelayActuator
from mien.portal.texts import mark, t, translated
from mien.portal.widgets import typed

_KINDS: Final = {
    "none": mark("Nothing: events only"),
    "osdp": mark("OSDP: this server is the reader at a panel's port"),
    "relay": mark("HTTP relay"),
    "mqtt": mark("MQTT command"),
}
_TARGETS: Final = {
    "osdp": mark("Port, such as /dev/ttyUSB0"),
    "relay": mark("URL; {seconds} is replaced"),
    "mqtt": mark("Topic"),
}
_UNCHANGED: Final = ""


class ActuatorFields:
    """The kind of an actuator, its address and its key; use it within a form.

    Args:
        present: the door's present actuator as it is shown (`Door.actuator`); None for a new door. Paths and keys are
            not shown again, so a present actuator is kept or replaced, but not edited.
    """

    def __init__(self, present: str | None = None) -> None:
        kinds = translated(_KINDS)
        if present is not None:
            kinds = {_UNCHANGED: t("As now: {actuator}", actuator=t("none") if present == "none" else present), **kinds}
        self._kind = ui.select(kinds, value=next(iter(kinds)), label=t("Opens by")).props("outlined")
        self._target = ui.input(t("Port, URL or topic")).props("outlined autocomplete=off")
        self._target.bind_visibility_from(self._kind, "value", lambda kind: kind in _TARGETS)
        self._target.bind_label_from(
            self._kind, "value", lambda kind: t(_TARGETS[kind]) if kind in _TARGETS else t("Port, URL or topic")
        )
        self._key = ui.input(t("Base key of the secure channel"), password=True).props("outlined autocomplete=off")
        self._key.bind_visibility_from(self._kind, "value", lambda kind: kind == "osdp")

    def chosen(self) -> ActuatorConfig | None:
        """Return the chosen actuator; None if the present one is kept.

        Raises:
            InvalidDoorError: the address or the key is not valid.
        """
        kind, target = self._kind.value, typed(self._target)
        if kind == _UNCHANGED:
            return None
        if kind == "osdp":
            return OsdpActuator(port=target, key=typed(self._key))
        if kind == "relay":
            return RelayActuator(url=target)
        return MqttActuator(topic=target) if kind == "mqtt" else NoActuator()
