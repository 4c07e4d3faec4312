"""The OSDP reader against libosdp's control panel over a pseudo-terminal, through the secure channel."""

from __future__ import annotations

import os
import pty
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from mien.doors.actuators.cards import card_bits, card_bytes
from mien.doors.actuators.config import OsdpActuator
from mien.doors.actuators.osdp import OsdpReader, Serial, channel
from mien.doors.events import Event, Kind
from mien.doors.openings import ActuatorError
from mien.doors.roster_types import BadgeNumber
from mien.storage.claims import elapsed

osdp = pytest.importorskip("osdp", reason="needs libosdp (mien[video])")

KEY = "00112233445566778899aabbccddeeff"
CARD = BadgeNumber(number=4711, facility=12)
PATIENCE = 60.0


def event() -> Event:
    return Event(
        number=1,
        event_id=uuid4(),
        at=datetime.now(UTC),
        kind=Kind.DECISION,
        code="granted",
        granted=True,
        duress=False,
        door_id=None,
        camera=None,
        track=None,
        direction=None,
        rule_id=None,
        person=None,
        person_id=None,
        details={},
        act=None,
        acted_at=None,
        expires_at=None,
        act_note=None,
        has_picture=False,
        review=None,
        reviewed_by=None,
    )


@dataclass
class Line:
    """Both ends of a serial line."""

    panel_end: int
    port: str


@pytest.fixture
def line() -> Iterator[Line]:
    panel_end, reader_end = pty.openpty()
    os.set_blocking(panel_end, False)
    yield Line(panel_end, os.ttyname(reader_end))
    os.close(panel_end)
    os.close(reader_end)


@contextmanager
def panel(line: Line, key: str = KEY) -> Iterator[Any]:
    info = osdp.PDInfo(0, channel(osdp, Serial(line.panel_end)), scbk=bytes.fromhex(key))
    made = osdp.ControlPanel([info], log_level=osdp.LogLevel.Critical)
    made.start()
    yield made
    made.teardown()


@contextmanager
def reader(line: Line, card: BadgeNumber | None = CARD, key: str = KEY) -> Iterator[OsdpReader]:
    made = OsdpReader(OsdpActuator(port=line.port, key=key, baud=115200), lambda _: card)
    yield made
    made.close()


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_the_panel_gets_the_card_number_through_the_secure_channel(line: Line) -> None:
    with panel(line) as cp, reader(line) as made:
        wait(lambda: cp.is_sc_active(0) and made.online)
        assert made.open(event(), elapsed() + PATIENCE).startswith("the panel took the card number")
        card = cp.get_event(0, PATIENCE)
        assert (card["event"], card["length"]) == (osdp.Event.CardRead, 26)
        assert bytes(card["data"]) == card_bytes(CARD)[1]
        led = {"command": osdp.Command.LED, "reader": 0, "led_number": 0, "control_code": 1, "on_count": 10}
        led |= {"off_count": 10, "on_color": osdp.CommandLEDColor.Green, "off_color": 0, "timer_count": 10}
        assert cp.submit_command(0, led | {"temporary": True})
        buzzer = {"command": osdp.Command.Buzzer, "reader": 0, "control_code": 1, "on_count": 1, "off_count": 1}
        assert cp.submit_command(0, buzzer | {"rep_count": 1})
        wait(lambda: made.state.led == "green" and made.state.beeps == 1)
        assert "green" in made.open(event(), elapsed() + PATIENCE)


def test_a_panel_that_was_away_gets_no_old_card(line: Line) -> None:
    with reader(line) as made:
        with panel(line) as cp:
            wait(lambda: cp.is_sc_active(0) and made.online)
        with pytest.raises(ActuatorError):
            made.open(event(), elapsed() + 1.0)
        with panel(line) as cp:
            wait(lambda: cp.is_sc_active(0) and made.online)
            made.open(event(), elapsed() + PATIENCE)
            assert cp.get_event(0, PATIENCE) is not None, "the new one"
            assert cp.get_event(0, 1) is None, "and no other"


def test_a_panel_with_another_key_gets_nothing(line: Line) -> None:
    with reader(line, key="f" * 32) as made, panel(line) as cp:
        with pytest.raises(ActuatorError, match="secure channel"):
            made.open(event(), elapsed() + 2.0)
        assert cp.get_event(0, 1) is None


def test_a_person_without_a_badge_and_a_port_that_is_not_there(line: Line) -> None:
    with reader(line, card=None) as made, pytest.raises(ActuatorError, match="no badge number"):
        made.open(event(), elapsed() + 1.0)
    with pytest.raises(ActuatorError, match="cannot be opened"):
        OsdpReader(OsdpActuator(port="/dev/no-such-port", key=KEY), lambda _: CARD)
    with pytest.raises(ActuatorError, match="no serial port"):
        OsdpReader(OsdpActuator(port="/dev/null", key=KEY), lambda _: CARD)


def test_the_bits_of_a_card() -> None:
    # Facility 12 is 00001100 and number 4711 is 0001001001100111: three ones in the first half, six in the second.
    assert card_bits(CARD) == "1" + "00001100" + "0001001001100111" + "1"
    assert card_bytes(BadgeNumber(number=5, bits=10)) == (10, bytes([0b00000001, 0b01000000]))
