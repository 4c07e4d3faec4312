"""Answer a repeated message of an OSDP panel with the same answer again.

A panel repeats its message, with the same sequence number, if it got no answer or a damaged one. The reader must then
send its last answer again without executing the message again (OSDP 2.2, sequence numbers). libosdp's reader (3.2.9)
instead checks the repetition's code against the next state of the secure channel and refuses it; a panel built on
libosdp is then offline for five minutes. Therefore, repetitions are answered here, between the line and libosdp, which
never sees them.
"""

from __future__ import annotations

import binascii
import threading
from typing import Final, Protocol

from mien.storage.claims import elapsed

_START: Final = 0x53
_HEADER: Final = 5  # start, address, length (2), control
_EVERYBODY: Final = 0x7F  # the address that every reader answers
_LONGEST: Final = 1440  # of a message, by the standard
_NUMBER: Final = 0b011  # bits of the control byte: the sequence number; 0 begins anew and is never a repetition
_CRC: Final = 0b100  # whether a CRC ends the message; otherwise a sum does
_CRC_START: Final = 0x1D0F
_GAP_SECONDS: Final = 0.2
"""A message with a longer pause in it is given up; the standard allows 20 ms between bytes."""


class Line(Protocol):
    """A line to the panel."""

    def read(self, most: int) -> bytes:
        """Return the bytes that have arrived, at most `most`."""

    def write(self, data: bytes) -> int:
        """Send as many of the bytes as possible now; return their number."""

    def flush(self) -> None:
        """Discard received bytes."""


class RepeatedAnswers:
    """A line that answers repetitions by itself and passes on all other messages.

    Damaged messages are dropped, so that the panel repeats them.

    Args:
        line: the line to the panel.
        address: address of the reader; messages to other readers and their answers are dropped.

    Attributes:
        acknowledged: set when the panel has received the answer that `expect` named, because it goes on to its next
            message; not if the panel begins anew instead.
    """

    def __init__(self, line: Line, address: int) -> None:
        self._line = line
        self._address = address
        self._received, self._received_at = b"", 0.0
        self._passed = b""
        self._message = b""
        self._answer = b""
        self._answered = self._expected = False
        self._until: float | None = None
        self.acknowledged = threading.Event()

    def limit(self, until: float | None) -> None:
        """Send and repeat no answer after this time, by `mien.storage.claims.elapsed`; None for no limit."""
        self._until = until

    def expect(self) -> None:
        """Wait from now on for the panel's confirmation of the answer that was just sent."""
        self.acknowledged.clear()
        self._expected = self._answered

    def forget(self) -> None:
        """Do not repeat the last answer."""
        self._answer = b""

    def read(self, most: int) -> bytes:
        """Return bytes of complete messages that are not repetitions, at most `most`."""
        if self._receive():
            if not self._answered:  # libosdp has ignored it: it answers before it reads again
                self._passed = self._message
            elif self._answer and not self._is_over():
                self._line.write(self._answer)
        passed, self._passed = self._passed[:most], self._passed[most:]
        return passed

    def write(self, data: bytes) -> int:
        """Send an answer, and keep it in case the panel repeats its message."""
        asked = self._message
        self._receive()  # repetitions that wait already, after a pause of this process, get this answer
        if self._message is not asked:  # the panel has given up and asks something else
            return len(data)
        self._answered = True
        if self._is_over():
            return len(data)
        sent = self._line.write(data)
        self._answer += data[:sent]
        return sent

    def flush(self) -> None:
        """Discard received bytes."""
        if self._passed:  # a repetition of a message that libosdp has not read is no repetition to it
            self._message = b""
        self._received = self._passed = b""
        self._line.flush()

    def _is_over(self) -> bool:
        return self._until is not None and elapsed() > self._until

    def _receive(self) -> bool:
        """Sort what has come; return whether the last message repeats the one before, which the panel waits for."""
        came, now = self._line.read(_LONGEST), elapsed()
        if not came:
            return False
        kept = self._received if now - self._received_at <= _GAP_SECONDS else b""
        messages, self._received = complete_messages(kept + came)
        self._received_at = now
        repeated = False
        for message in messages:
            if message[1] not in {self._address, _EVERYBODY}:
                repeated = False  # the panel has gone on to another reader
                continue
            continued = message[4] & _NUMBER > 0
            repeated = continued and message == self._message
            if not repeated:
                if self._expected and continued and self._answer:
                    self.acknowledged.set()
                self._expected = False
                self._message, self._answer, self._answered = message, b"", False
                self._passed += message
        return repeated


def complete_messages(received: bytes) -> tuple[list[bytes], bytes]:
    """Divide received bytes into messages, without the bytes between them.

    Args:
        received: the bytes.

    Returns:
        The complete messages whose check value is right, and the rest, which may be the beginning of another.
    """
    found: list[bytes] = []
    at = received.find(_START)
    while at >= 0:
        length = int.from_bytes(received[at + 2 : at + 4], "little")
        if len(received) - at < _HEADER or (len(received) - at < length <= _LONGEST):
            return found, received[at:]
        message = received[at : at + length]
        if _HEADER < length <= _LONGEST and _is_whole(message):
            found.append(message)
            at += length - 1
        at = received.find(_START, at + 1)
    return found, b""


def _is_whole(message: bytes) -> bool:
    """Whether the message's check value is right."""
    if message[4] & _CRC:
        return binascii.crc_hqx(message[:-2], _CRC_START) == int.from_bytes(message[-2:], "little")
    return sum(message) & 0xFF == 0
