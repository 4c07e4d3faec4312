"""A command on a topic of the server's MQTT broker."""

from __future__ import annotations

from mien.doors.actuators.broker import Broker, BrokerError, MqttMessage
from mien.doors.actuators.config import MqttActuator
from mien.doors.events import Event
from mien.doors.openings import ActuatorError
from mien.storage.claims import elapsed


class MqttCommand:
    """Publishes the command, never retained: later subscribers must not receive it.

    Args:
        config: topic and payload.
        broker: the server's broker; None if there is none.
    """

    def __init__(self, config: MqttActuator, broker: Broker | None) -> None:
        self._config = config
        self._broker = broker

    def open(self, event: Event, until: float) -> str:  # noqa: ARG002  every actuator gets it
        """Publish the command; see `mien.doors.openings.Actuator`."""
        if self._broker is None:
            raise ActuatorError("the server has no MQTT broker: set MIEN_MQTT_URL")
        try:
            self._broker.publish(MqttMessage(self._config.topic, self._config.payload), until - elapsed())
        except BrokerError as error:
            raise ActuatorError(str(error)) from None
        return "the broker took the command"

    def close(self) -> None:
        """Does nothing: the broker belongs to the server."""
