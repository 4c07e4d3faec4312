"""A process that has Mien imported, and forks itself for every `mien` that tests run.

Importing takes a command a second of a processor and `mien serve` two, and the tests start hundreds of them. What
runs is otherwise the same: a process of its own with its own environment, files and signals. Tests of how a process
starts and dies, and runs under coverage, start the real one (`MienProgram.real`).

    python -m tests.warm SOCKET         the process that forks; it ends when its standard input does
    tests/warm_client.py SOCKET ARG...  runs `mien ARG...`: it passes its files on, then signals, and ends as it ends
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import random
import select
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import mien.cli

REPOSITORY = Path(__file__).resolve().parents[1]
CLIENT = Path(__file__).with_name("warm_client.py")
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class MienProgram:
    """How tests run `mien`.

    Attributes:
        command: what stands for `mien` in a command line.
        folder: holds a program of the name `mien` that does the same, for `PATH`.
    """

    command: tuple[str, ...]
    folder: Path

    @classmethod
    def real(cls) -> MienProgram:
        """The program as users run it."""
        return cls((sys.executable, "-m", "mien"), Path(sys.executable).parent)


@contextmanager
def warm_program() -> Iterator[MienProgram]:
    """Start the process that forks, where the platform and the run allow it; stop it in the end."""
    if not hasattr(os, "pidfd_open") or "COVERAGE_PROCESS_CONFIG" in os.environ:
        yield MienProgram.real()
        return
    with tempfile.TemporaryDirectory(prefix="mien-warm-") as name:
        folder = Path(name)
        path = folder / "socket"
        command = (sys.executable, "-I", "-S", str(CLIENT), str(path))
        program = folder / "bin" / "mien"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        program.chmod(0o755)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(path)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", "the process that forks did not start"
        yield MienProgram(command, program.parent)
        process.stdin.close()
        process.stdout.close()
        process.wait()


def serve(path: str) -> None:
    """Fork for every connection, until standard input ends."""
    gc.disable()
    _import_everything()
    gc.collect()
    gc.freeze()
    gc.enable()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        os.write(1, b"ready\n")
        while True:
            ready, _, _ = select.select([listener.fileno(), 0], [], [], 5)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if 0 in ready:
                return
            if listener.fileno() in ready:
                connection, _ = listener.accept()
                if _fork() == 0:
                    listener.close()
                    _keep(connection)
                connection.close()


def _import_everything() -> None:
    """Import what servers and commands do; the portal and what is not installed are left to them."""
    for found in pkgutil.walk_packages(mien.__path__, "mien.", onerror=lambda _: None):
        if not found.name.startswith(("mien.portal", "mien.__main__", "mien.storage.migrations.")):
            with suppress(ImportError):
                import_module(found.name)


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: only libraries' idle ones, which can take it
        return os.fork()


def _keep(connection: socket.socket) -> None:
    """Fork the command that a client wants, and tell it how that ends; end it when the client was killed."""
    head, files, _, _ = socket.recv_fds(connection, 4, 3)
    (length,) = struct.unpack("!I", head)
    body = b""
    while len(body) < length:
        body += connection.recv(length - len(body))
    told = json.loads(body)
    pid = _fork()
    if pid == 0:
        connection.close()
        _become(told["arguments"], told["environment"], told["folder"], files)
    connection.sendall(b"%d\n" % pid)
    child = os.pidfd_open(pid)
    ready, _, _ = select.select([connection.fileno(), child], [], [])
    if child not in ready:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with suppress(OSError):
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(arguments: list[str], environment: dict[str, str], folder: str, files: list[int]) -> None:
    """Run the command in this process, and end it as Python does."""
    os.setsid()
    for one in _SIGNALS:
        signal.signal(one, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False, buffering=1 if os.isatty(1) else -1)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1, errors="backslashreplace")
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    random.seed()
    sys.argv = ["mien", *arguments]
    mien.cli.main()
    sys.exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
