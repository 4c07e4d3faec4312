"""Servers that are forked from a process with Mien loaded (`tests.warm`), so that restarts are seconds faster."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

REPOSITORY = Path(__file__).resolve().parents[2]


class ForkedProcess:
    """A process forked from a warm one; implements the part of `subprocess.Popen` that the stack needs.

    Args:
        path: socket of the warm process.
        arguments: arguments of `mien`.
        environment: environment of the process.
        log: file for its output.
    """

    def __init__(self, path: Path, arguments: Sequence[str], environment: Mapping[str, str], log: BinaryIO) -> None:
        self._status: int | None = None
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(path))
        told = {"arguments": list(arguments), "environment": dict(environment), "folder": "/"}
        body = json.dumps(told).encode()
        with Path(os.devnull).open("rb") as nothing:
            files = [nothing.fileno(), log.fileno(), log.fileno()]
            socket.send_fds(self._connection, [struct.pack("!I", len(body))], files)
        self._connection.sendall(body)
        self._said = self._connection.makefile("rb", buffering=0)
        self.pid = int(self._said.readline())

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def poll(self) -> int | None:
        """Return the exit status; None while the process runs."""
        if self._status is None and select.select([self._connection], [], [], 0)[0]:
            return self.wait()
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process, and return its exit status.

        Raises:
            subprocess.TimeoutExpired: the process still runs.
        """
        if self._status is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("mien", timeout or 0.0)
            self._status = int(self._said.readline() or b"-9")
            self._said.close()
            self._connection.close()
        return self._status


def start_warm(namespace: str, path: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process in a network namespace that forks servers; it ends when its standard input is closed."""
    command = ["ip", "netns", "exec", namespace, sys.executable, "-m", "tests.warm", str(path)]
    return subprocess.Popen(
        command, env=dict(environment), cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
