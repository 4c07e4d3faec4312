"""The OSDP reader against libosdp's control panel over a pseudo-terminal, through the secure channel."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.doors.parts import granted_event as event

from mien.doors.actuators.cards import card_bits, card_bytes
from mien.doors.actuators.config import OsdpActuator
from mien.doors.actuators.osdp import OsdpReader, Serial, channel
from mien.doors.actuators.repeats import RepeatedAnswers, complete_messages
from mien.doors.openings import ActuatorError
from mien.doors.roster_types import BadgeNumber
from mien.storage.claims import elapsed

osdp = pytest.importorskip("osdp", reason="needs libosdp (mien[video])")

KEY = "00112233445566778899aabbccddeeff"
CARD = BadgeNumber(number=4711, facility=12)
PATIENCE = 60.0


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


class Bus(Line):
    """A line on which the panel and each reader hear all others, and which can lose or damage messages.

    Attributes:
        ports: the readers' ports.
        spoil: gets what is sent and whether a reader sent it; returns what arrives.
    """

    def __init__(self, readers: int = 1) -> None:
        panel_end, self._near = pty.openpty()
        tty.setraw(self._near)
        pairs = [pty.openpty() for _ in range(readers)]
        self.ports = [os.ttyname(reader_end) for _, reader_end in pairs]
        super().__init__(panel_end, self.ports[0])
        self.spoil: Callable[[bytes, bool], bytes] = lambda data, _: data
        self._sides = [self._near, *(far for far, _ in pairs)]
        self._ends = [panel_end, self._near, *(end for pair in pairs for end in pair)]
        for end in (panel_end, *self._sides):
            os.set_blocking(end, False)
        self._over = threading.Event()
        self._carrying = threading.Thread(target=self._carry)
        self._carrying.start()

    def _carry(self) -> None:
        while not self._over.is_set():
            for side in select.select(self._sides, [], [], 0.05)[0]:
                data = self.spoil(os.read(side, 4096), side != self._near)
                for other in self._sides:
                    if other != side:
                        os.write(other, data)

    def close(self) -> None:
        self._over.set()
        self._carrying.join()
        for end in self._ends:
            os.close(end)


@pytest.fixture
def poor_line() -> Iterator[Bus]:
    with closing(Bus()) as made:
        yield made


@pytest.fixture
def bus() -> Iterator[Bus]:
    with closing(Bus(readers=2)) as made:
        yield made


@contextmanager
def panel(line: Line, key: str = KEY, addresses: Sequence[int] = (0,)) -> Iterator[Any]:
    wire = channel(osdp, Serial(line.panel_end))
    infos = [osdp.PDInfo(address, wire, scbk=bytes.fromhex(key)) for address in addresses]
    made = osdp.ControlPanel(infos, log_level=osdp.LogLevel.Critical)
    made.start()
    yield made
    made.teardown()


@contextmanager
def reader(line: Line, card: BadgeNumber | None = CARD, key: str = KEY, address: int = 0) -> Iterator[OsdpReader]:
    made = OsdpReader(OsdpActuator(port=line.port, key=key, baud=115200, address=address), lambda _: card)
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


def lost(data: bytes) -> bytes:
    return b""


def damaged(data: bytes) -> bytes:
    return data[:-3] + bytes([data[-3] ^ 0x40]) + data[-2:]


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("spoiled", "times", "of_reader"),
    [
        pytest.param(lost, 3, True, id="answers-lost"),
        pytest.param(cut, 1, True, id="answer-cut"),  # libosdp's panel gives up by itself at damaged answers
        pytest.param(lost, 1, False, id="message-lost"),
        pytest.param(damaged, 2, False, id="messages-damaged"),
        pytest.param(cut, 1, False, id="message-cut"),
    ],
)
def test_messages_that_do_not_arrive_are_repeated_and_the_channel_stays(
    poor_line: Bus, spoiled: Callable[[bytes], bytes], times: int, *, of_reader: bool
) -> None:
    left = 0

    def spoil(data: bytes, from_reader: bool) -> bytes:
        nonlocal left
        if from_reader is not of_reader or not left:
            return data
        left -= 1
        return spoiled(data)

    poor_line.spoil = spoil
    with panel(poor_line) as cp, reader(poor_line) as made:
        wait(lambda: cp.is_sc_active(0) and made.online)
        left = times
        wait(lambda: not left)
        assert made.open(event(), elapsed() + PATIENCE).startswith("the panel took the card number")
        assert bytes(cp.get_event(0, PATIENCE)["data"]) == card_bytes(CARD)[1]
        assert cp.is_sc_active(0)
        assert cp.get_event(0, 1) is None, "a card was sent twice"


def spoil_cards(times: int) -> Callable[[bytes, bool], bytes]:
    """Lose so many answers with a card number: they are longer than acknowledgements."""
    left = times

    def spoil(data: bytes, from_reader: bool) -> bytes:
        nonlocal left
        if not from_reader or len(data) < 24 or not left:
            return data
        left -= 1
        return b""

    return spoil


def test_a_card_number_that_is_lost_on_the_line_arrives_once(poor_line: Bus) -> None:
    with panel(poor_line) as cp, reader(poor_line) as made:
        wait(lambda: cp.is_sc_active(0) and made.online)
        poor_line.spoil = spoil_cards(2)
        assert made.open(event(), elapsed() + PATIENCE).startswith("the panel took the card number")
        assert bytes(cp.get_event(0, PATIENCE)["data"]) == card_bytes(CARD)[1]
        assert cp.get_event(0, 1) is None, "a card was sent twice"


def test_a_card_number_that_is_lost_is_not_repeated_when_its_time_is_over(poor_line: Bus) -> None:
    with panel(poor_line) as cp, reader(poor_line) as made:
        wait(lambda: cp.is_sc_active(0) and made.online)
        poor_line.spoil = spoil_cards(1)
        with pytest.raises(ActuatorError, match="did not confirm"):
            made.open(event(), elapsed() + 0.7)
        assert cp.get_event(0, 3) is None


PAUSED = """
import sys, time
from mien.doors.actuators.config import OsdpActuator
from mien.doors.actuators.osdp import OsdpReader
reader = OsdpReader(OsdpActuator(port=sys.argv[1], key=sys.argv[2], baud=115200), lambda _: None)
while not reader.online:
    time.sleep(.02)
print("online", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("seconds", [0.4, 2.2])
def test_the_channel_survives_pauses_of_the_server(line: Line, seconds: float) -> None:
    with panel(line) as cp:
        command = [sys.executable, "-c", PAUSED, line.port, KEY]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout
                assert server.stdout.readline() == "online\n"
                for _ in range(2):
                    server.send_signal(signal.SIGSTOP)
                    time.sleep(seconds)
                    server.send_signal(signal.SIGCONT)
                    time.sleep(1.2)  # a panel that got no answer repeats after a second
                    assert cp.is_sc_active(0)
            finally:
                server.kill()


class Wire:
    """The bytes of a line whose other end is the test."""

    def __init__(self) -> None:
        self.to_reader = b""
        self.to_panel = b""

    def read(self, most: int) -> bytes:
        came, self.to_reader = self.to_reader[:most], self.to_reader[most:]
        return came

    def write(self, data: bytes) -> int:
        self.to_panel += data
        return len(data)

    def flush(self) -> None:
        self.to_reader = b""


# Recorded from libosdp's panel and reader: a poll with number 1 in a secure channel, and the acknowledgement.
POLL = bytes.fromhex("53000e000d02156038c6c1162063")
ACK = bytes.fromhex("53800e000d0216407240e830c95b")
NEXT = bytes.fromhex("53000e000e021560482bfd0b2488")


def answered(wire: Wire) -> RepeatedAnswers:
    """Return a line that has answered a poll."""
    line = RepeatedAnswers(wire, 0)
    wire.to_reader = b"\xff" + POLL
    assert line.read(256) == POLL
    line.write(ACK)
    assert wire.to_panel == ACK
    wire.to_panel = b""
    return line


def test_a_repetition_gets_the_same_answer_and_is_not_passed_on() -> None:
    wire = Wire()
    line = answered(wire)
    wire.to_reader = POLL
    assert (line.read(256), wire.to_panel) == (b"", ACK)
    wire.to_reader, wire.to_panel = POLL + POLL, b""
    assert (line.read(256), wire.to_panel) == (b"", ACK), "a panel waits for one answer"
    line.expect()
    assert not line.acknowledged.is_set()
    wire.to_reader, wire.to_panel = NEXT, b""
    assert (line.read(256), wire.to_panel) == (NEXT, b"")
    assert line.acknowledged.is_set()


def test_a_message_to_every_reader_is_one_to_this_reader() -> None:
    wire = Wire()
    line = answered(wire)
    wire.to_reader = with_sum(bytes.fromhex("537f080002 60 00"))
    assert line.read(256)
    line.write(NEXT)
    wire.to_reader = POLL
    assert line.read(256) == POLL, "it is no repetition of the last message"


def test_repetitions_that_wait_when_the_answer_is_ready_get_that_answer_only() -> None:
    wire = Wire()
    line = RepeatedAnswers(wire, 0)
    wire.to_reader = POLL
    assert line.read(256) == POLL
    wire.to_reader = POLL
    line.write(ACK)
    assert (line.read(256), wire.to_panel) == (b"", ACK)


def test_answers_that_are_forgotten_or_late_are_not_repeated() -> None:
    for stop in (RepeatedAnswers.forget, lambda line: line.limit(elapsed() - 1)):
        wire = Wire()
        line = answered(wire)
        stop(line)
        wire.to_reader = POLL
        assert (line.read(256), wire.to_panel) == (b"", b"")
    assert line.write(ACK) == len(ACK)
    assert wire.to_panel == b"", "an answer was sent too late"


def test_messages_that_begin_anew_are_passed_on_again() -> None:
    wire = Wire()
    line = RepeatedAnswers(wire, 0)
    begin = with_sum(bytes.fromhex("5300080000 61 00"))
    for _ in range(2):
        wire.to_reader = begin
        assert (line.read(256), wire.to_panel) == (begin, b"")
        line.write(ACK)
        wire.to_panel = b""


def test_a_panel_that_begins_anew_has_not_received_the_answer() -> None:
    wire = Wire()
    line = answered(wire)
    line.expect()
    for message in (with_sum(bytes.fromhex("5300080000 61 00")), with_sum(bytes.fromhex("5300080001 62 00"))):
        wire.to_reader = message
        assert line.read(256) == message
        line.write(ACK)
    assert not line.acknowledged.is_set()


def test_an_answer_to_a_panel_that_asks_something_else_by_now_is_not_sent() -> None:
    wire = Wire()
    line = RepeatedAnswers(wire, 0)
    wire.to_reader = POLL
    assert line.read(256) == POLL
    wire.to_reader = NEXT
    assert line.write(ACK) == len(ACK)
    line.expect()
    assert (line.read(256), wire.to_panel) == (NEXT, b"")
    line.write(ACK)
    wire.to_reader = POLL
    assert line.read(256) == POLL
    assert not line.acknowledged.is_set()


def test_messages_to_other_readers_and_their_answers_are_dropped() -> None:
    wire = Wire()
    line = answered(wire)
    other = with_sum(bytes.fromhex("5305080001 60 00"))
    answer = with_sum(bytes.fromhex("5385070001 40"))
    own_answer = ACK  # a line with two wires may return what was sent
    wire.to_reader = other + answer + own_answer + NEXT
    assert (line.read(256), wire.to_panel) == (NEXT, b"")
    line.write(ACK)
    wire.to_reader, wire.to_panel = NEXT + other, b""
    assert (line.read(256), wire.to_panel) == (b"", b""), "an answer was sent while another reader's turn is"


def test_a_message_that_libosdp_discarded_or_ignored_is_passed_on_when_it_is_repeated() -> None:
    wire = Wire()
    line = answered(wire)
    wire.to_reader = NEXT
    assert line.read(1) == NEXT[:1]
    line.flush()
    wire.to_reader = NEXT
    assert line.read(256) == NEXT
    wire.to_reader = NEXT
    assert line.read(256) == NEXT, "nobody answered, so it was ignored"
    line.write(ACK)
    wire.to_reader, wire.to_panel = NEXT, b""
    assert (line.read(256), wire.to_panel) == (b"", ACK)


def test_two_readers_on_one_line_each_send_their_own_cards(bus: Bus) -> None:
    cards = [BadgeNumber(number=number, facility=12) for number in (1, 2)]
    with ExitStack() as stack:
        lines = [Line(bus.panel_end, port) for port in bus.ports]
        readers = [stack.enter_context(reader(lines[n], cards[n], address=n)) for n in range(2)]
        cp = stack.enter_context(panel(lines[0], addresses=(0, 1)))
        wait(lambda: all(cp.is_sc_active(n) and readers[n].online for n in range(2)))
        for _ in range(5):
            for n in range(2):
                readers[n].open(event(), elapsed() + PATIENCE)
                assert bytes(cp.get_event(n, PATIENCE)["data"]) == card_bytes(cards[n])[1]
        assert all(cp.is_sc_active(n) and cp.get_event(n, 1) is None for n in range(2))


def test_the_beginning_of_a_message_waits_but_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("mien.doors.actuators.repeats.elapsed", lambda: now)
    wire = Wire()
    line = RepeatedAnswers(wire, 0)
    for pause, expected in ((0.1, POLL), (0.3, b"")):
        wire.to_reader = POLL[:6]
        assert line.read(256) == b""
        now += pause
        wire.to_reader = POLL[6:]
        assert line.read(256) == expected


def with_sum(data: bytes) -> bytes:
    return data + bytes([-sum(data) & 0xFF])


@given(st.lists(st.sampled_from([POLL, NEXT, with_sum(bytes.fromhex("5300080000 61 00"))])), st.data())
def test_messages_are_found_between_other_bytes(sent: list[bytes], data: st.DataObject) -> None:
    noise = st.binary(max_size=6).map(lambda junk: junk.replace(b"\x53", b""))
    stream = b"".join(data.draw(noise) + message for message in sent) + data.draw(noise)
    assert complete_messages(stream) == (sent, b"")
    at = data.draw(st.integers(0, len(stream)))
    first, rest = complete_messages(stream[:at])
    assert first + complete_messages(rest + stream[at:])[0] == sent


@given(st.binary(max_size=64))
def test_any_bytes_can_come(stream: bytes) -> None:
    messages, rest = complete_messages(stream + POLL)
    assert rest or messages[-1] == POLL, "the noise may look like the beginning of a long message"
