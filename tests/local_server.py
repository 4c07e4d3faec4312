"""Small servers of tests, in a thread of their own, and waiting for programs that listen on a port."""

from __future__ import annotations

import random
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.waiting import until

_CHANCE = random.SystemRandom()  # Hypothesis gives every process the same numbers


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on a free port of this machine, which it gives.

    Args:
        handler: handles a request, as `http.server` wants it.
        tls: with a certificate; plain HTTP when None.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are part of the tests
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """Return a port of this machine that nobody listens on, and that nobody gets who asks the system for any port.

    Linux gives out ports from 32,768 on, other systems from 49,152 on. One of these could be another test's, or the
    near end of a connection to itself, before the program that is to listen there does.
    """
    while True:
        port = _CHANCE.randrange(20_000, 32_768)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


def wait_for_port(process: subprocess.Popen[Any], port: int, said: Callable[[], str] = str) -> None:
    """Wait until a program listens on a port of this machine.

    Args:
        process: the program.
        port: where it is going to listen.
        said: gives its output, for the error.

    Raises:
        AssertionError: it has ended instead, or takes too long.
    """

    def listens() -> bool:
        assert process.poll() is None, f"{process.args!r} did not start: {said()}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(listens)
