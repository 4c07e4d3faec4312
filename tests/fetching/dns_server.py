"""A DNS server on loopback that gives a name's answers in turn, and a resolver that asks it over UDP."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address


class Dns:
    """The server.

    Attributes:
        asked: how often it was asked.
    """

    def __init__(self, answers: Sequence[str]) -> None:
        self._answers = [IPv4Address(address) for address in answers]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.asked = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def resolve(self, host: str, _port: int) -> list[str]:
        """Ask for the A record of a name, as a stub resolver does."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in host.split("."))
        question = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(question, self._socket.getsockname())
            answer = asking.recv(512)
        return [str(IPv4Address(answer[-4:]))]

    def stop(self) -> None:
        """Stop answering."""
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(512)
            if not query:
                return
            address = self._answers[min(self.asked, len(self._answers) - 1)]
            self.asked += 1
            head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
            record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + address.packed  # to be kept for 0 seconds
            self._socket.sendto(head + query[12:] + record, client)


@contextmanager
def dns(*answers: str) -> Iterator[Dns]:
    """Serve a name whose address changes from question to question."""
    server = Dns(answers)
    try:
        yield server
    finally:
        server.stop()
