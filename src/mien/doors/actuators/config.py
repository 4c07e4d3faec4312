"""Configurations of actuators; encrypted as a whole, because they contain keys and addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from mien.doors.checks import between
from mien.doors.errors import InvalidDoorError

_KEY: Final = re.compile(r"[0-9a-fA-F]{32}")
_TOPIC: Final = re.compile(r"[^\x00-\x1f+#]{1,200}")
_BAUDS: Final = (9600, 19200, 38400, 57600, 115200, 230400)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoActuator:
    """No actuator: decisions are recorded and sent, and a listener opens the door."""

    kind: Literal["none"] = "none"

    @property
    def shown(self) -> str:
        """The representation without secrets."""
        return "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class OsdpActuator:
    """A reader at the port of a door panel, by OSDP 2.2 (IEC 60839-11-5): the panel decides with the card number.

    Attributes:
        port: a serial device of this machine.
        baud: its speed.
        address: the reader's address on the bus, 0 to 126.
        key: the secure channel's base key, 32 hexadecimal digits. The channel is required.
    """

    port: str
    key: str = field(repr=False)
    baud: int = 9600
    address: int = 0
    kind: Literal["osdp"] = "osdp"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidDoorError: one is impossible.
        """
        if not self.port.startswith("/dev/") or not self.port.isprintable() or len(self.port) > 200:
            raise InvalidDoorError("the port of an OSDP reader is a device such as /dev/ttyUSB0")
        if _KEY.fullmatch(self.key) is None:
            raise InvalidDoorError("the base key of the secure channel is 32 hexadecimal digits")
        if self.baud not in _BAUDS:
            raise InvalidDoorError("the speed of an OSDP line is {speeds}", speeds=", ".join(map(str, _BAUDS)))
        between("address", self.address, 0, 126)

    @property
    def shown(self) -> str:
        """The representation without secrets."""
        return f"osdp {self.port} address {self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayActuator:
    """A relay that opens on an HTTP request and closes automatically.

    Attributes:
        url: the URL to request; `{seconds}` is replaced by the seconds to open.
        method: GET, POST or PUT.
        body: the body to send; `{seconds}` is replaced.
        content_type: content type of the body.
        token: sent as `Authorization: Bearer …`.
    """

    url: str = field(repr=False)
    method: Literal["GET", "POST", "PUT"] = "POST"
    body: str = ""
    content_type: str = "application/json"
    token: str | None = field(default=None, repr=False)
    kind: Literal["relay"] = "relay"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidDoorError: one is impossible.
        """
        try:
            parts = urlsplit(self.url)
            wrong = parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None
            wrong = wrong or parts.port == 0
        except ValueError:
            wrong = True
        if wrong or len(self.url) > 2000 or not self.url.isprintable() or " " in self.url:
            raise InvalidDoorError("a relay's address begins with http:// or https:// and has no user name in it")
        if len(self.body) > 4000 or len(self.content_type) > 100 or not self.content_type.isprintable():
            raise InvalidDoorError("a relay's body has at most 4000 characters, its content type 100")
        if self.token is not None and (not self.token.isascii() or not self.token.isprintable()):
            raise InvalidDoorError("a relay's token has printable ASCII characters only")

    @property
    def shown(self) -> str:
        """The representation without secrets."""
        parts = urlsplit(self.url)
        return f"relay {parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttActuator:
    """A command to a topic of the server's MQTT broker.

    Attributes:
        topic: the topic to publish to.
        payload: the message.
    """

    topic: str
    payload: str = "OPEN"
    kind: Literal["mqtt"] = "mqtt"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InvalidDoorError: one is impossible.
        """
        if _TOPIC.fullmatch(self.topic) is None or len(self.payload) > 1000:
            raise InvalidDoorError("an MQTT topic has 1 to 200 characters without + and #, a payload at most 1000")

    @property
    def shown(self) -> str:
        """The representation without secrets."""
        return f"mqtt {self.topic}"


ActuatorConfig = NoActuator | OsdpActuator | RelayActuator | MqttActuator
