"""The ports of the programs that tests start."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.local_server import free_port

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not RANGE.exists(), reason="needs Linux, which says which ports it gives out")
def test_a_free_port_is_none_that_the_system_gives_out() -> None:
    lowest, highest = map(int, RANGE.read_text().split())
    for _ in range(100):
        port = free_port()
        assert not lowest <= port <= highest
        with socket.create_server(("127.0.0.1", port)):
            pass
