"""A door panel by OSDP: this server is the reader (peripheral device) at the panel's port, the panel opens the door.

The secure channel with the configured base key is required. A card number is sent only while the panel polls through
the channel, and is withdrawn if the panel has not fetched it in time: a panel that was disconnected gets no old number
when it returns.
"""

from __future__ import annotations

import os
import termios
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from mien.doors.actuators.cards import card_bytes
from mien.doors.actuators.config import OsdpActuator
from mien.doors.actuators.repeats import Line, RepeatedAnswers
from mien.doors.events import Event
from mien.doors.openings import ActuatorError
from mien.doors.roster_types import BadgeNumber
from mien.storage.claims import elapsed

Card = Callable[[Event], BadgeNumber | None]
"""Returns the card number to send for a decision; None if the person has none."""

_STEP: Final = 0.02
_COLOURS: Final = ("off", "red", "green", "amber", "blue", "magenta", "cyan", "white")


@dataclass
class PanelState:
    """The state that the panel commands the reader to show.

    Attributes:
        led: colour of the reader's light, by the last command.
        beeps: how many buzzer commands came.
        commands: how many commands came.
    """

    led: str = "off"
    beeps: int = 0
    commands: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class OsdpReader:
    """A reader at a panel's port.

    Args:
        config: port, speed, address and key.
        card: gives card numbers.

    Raises:
        ActuatorError: the port cannot be opened, or libosdp is not installed.
    """

    def __init__(self, config: OsdpActuator, card: Card) -> None:
        try:
            import osdp  # noqa: PLC0415  of the extra mien[video]
        except ImportError:
            raise ActuatorError("OSDP needs libosdp: install mien[video]") from None
        self._card = card
        self._codes = osdp
        self.state = PanelState()
        self._completed = threading.Event()
        self._went = False
        self._port = Serial.open(config)
        self._line = RepeatedAnswers(self._port, config.address)
        info = osdp.PDInfo(
            config.address,
            channel(osdp, self._line),
            scbk=bytes.fromhex(config.key),
            flags=[osdp.LibFlag.EnforceSecure],
        )
        capability = osdp.Capability
        abilities = osdp.PDCapabilities(
            [
                (capability.CardDataFormat, 1, 1),
                (capability.LEDControl, 1, 1),
                (capability.AudibleControl, 1, 1),
                (capability.CommunicationSecurity, 1, 1),
            ]
        )
        self._reader = osdp.PeripheralDevice(
            info,
            abilities,
            log_level=osdp.LogLevel.Critical,
            command_handler=self._command,
            event_completion_handler=self._done,
        )
        self._reader.start()

    @property
    def online(self) -> bool:
        """Whether the panel polls through the secure channel."""
        return bool(self._reader.is_online() and self._reader.is_sc_active())

    def open(self, event: Event, until: float) -> str:
        """Send the person's card number to the panel; see `mien.doors.openings.Actuator`."""
        badge = self._card(event)
        if badge is None:
            raise ActuatorError("the person has no badge number that the panel could be told")
        while not self.online:
            if elapsed() >= until:
                raise ActuatorError("the panel is not connected through the secure channel")
            time.sleep(_STEP)
        self._line.limit(until)
        try:
            self._send(badge, until)
        except ActuatorError:
            with self._reader.lock:
                self._reader.ctx.flush_events()
                self._line.forget()
            raise
        finally:
            self._line.limit(None)
        return f"the panel took the card number; its light is {self.state.led}"

    def _send(self, badge: BadgeNumber, until: float) -> None:
        """Send a card number, and wait until the panel has gone on to its next message, which confirms it."""
        bits, data = card_bytes(badge)
        self._completed.clear()
        card = {
            "event": self._codes.Event.CardRead,
            "reader_no": 0,
            "direction": 0,
            "format": self._codes.CardFormat.Wiegand,
            "length": bits,
            "data": data,
        }
        self._reader.submit_event(card)
        if not self._completed.wait(max(0.0, until - elapsed())):
            raise ActuatorError("the panel did not fetch the card number in time")
        if not self._went:
            raise ActuatorError("the panel did not take the card number")
        if not self._line.acknowledged.wait(max(0.0, until - elapsed())):
            raise ActuatorError("the panel did not confirm that the card number reached it")

    def close(self) -> None:
        """Disconnect from the bus."""
        self._reader.teardown()
        self._port.close()

    def _done(self, event: dict[str, Any], status: int) -> None:  # noqa: ARG002  libosdp calls it
        self._went = status == self._codes.CompletionStatus.Ok
        self._line.expect()
        self._completed.set()

    def _command(self, command: dict[str, Any]) -> tuple[int, None]:
        """Record the panel's command for the reader's display."""
        kind = command.get("command")
        with self.state.lock:
            self.state.commands += 1
            if kind == self._codes.Command.LED:
                colour = command.get("on_color", 0)
                self.state.led = _COLOURS[colour] if 0 <= colour < len(_COLOURS) else str(colour)
            elif kind == self._codes.Command.Buzzer:
                self.state.beeps += 1
        return 0, None


class Serial:
    """A non-blocking serial line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def open(cls, config: OsdpActuator) -> Serial:
        """Open the line: 8 data bits, no parity, one stop bit.

        Raises:
            ActuatorError: it cannot be opened.
        """
        try:
            descriptor = os.open(config.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            raise ActuatorError(f"the port {config.port} cannot be opened: {error.strerror}") from None
        try:
            tty.setraw(descriptor)
            modes = termios.tcgetattr(descriptor)
            speed = getattr(termios, f"B{config.baud}")
            modes[4] = modes[5] = speed
            modes[2] |= termios.CLOCAL | termios.CREAD
            termios.tcsetattr(descriptor, termios.TCSANOW, modes)
        except termios.error as error:
            os.close(descriptor)
            raise ActuatorError(f"{config.port} is no serial port: {error}") from None
        return cls(descriptor)

    def read(self, most: int) -> bytes:
        """Return the bytes that have arrived, at most `most`."""
        try:
            return os.read(self._descriptor, most)
        except (BlockingIOError, OSError):
            return b""

    def write(self, data: bytes) -> int:
        """Send as many bytes as the line accepts now; return their number."""
        try:
            return os.write(self._descriptor, data)
        except (BlockingIOError, OSError):
            return 0

    def flush(self) -> None:
        """Discard received bytes."""
        try:
            termios.tcflush(self._descriptor, termios.TCIFLUSH)
        except termios.error:
            return  # the other end has closed

    def close(self) -> None:
        """Close the line."""
        os.close(self._descriptor)


def channel(osdp: Any, line: Line) -> Any:
    """Return the line as a channel of libosdp; its base class exists only if libosdp is installed."""

    class Channel(osdp.Channel):  # type: ignore[misc]  # the library has no types
        def read(self, max_bytes: int) -> bytes:
            return line.read(max_bytes)

        def write(self, buf: bytes) -> int:
            return line.write(buf)

        def flush(self) -> None:
            line.flush()

    return Channel()
