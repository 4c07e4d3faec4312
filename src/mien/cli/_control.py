"""Serves the control plane beside the data plane, in a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import Final

import uvicorn

from mien.management import AdminTokens, Role
from mien.management.tokens import LIFE, NewToken
from mien.services import Services
from mien.wire.health import Readiness

_DEV_TOKEN_LIFE: Final = timedelta(days=30)  # of one that a killed server could not revoke


class BackgroundServer:
    """A server in a thread of its own, from entering the context to leaving it.

    Args:
        config: config of the server.
        listener: bound; closed by whoever bound it.
    """

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        self._up = threading.Event()
        self._server = Server(config, self._up.set)
        self._thread = threading.Thread(target=self._run, args=(listener,), name="mien-management")

    def __enter__(self) -> BackgroundServer:
        """Start, and return when it answers.

        Raises:
            OSError: it cannot be started; the log says why.
        """
        self._thread.start()
        self._up.wait()
        if not self._server.started:
            raise OSError("the control plane cannot be served: see the log")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Complete the running requests and return; does nothing the second time."""
        self._server.should_exit = True
        self._thread.join()

    def _run(self, listener: socket.socket) -> None:
        try:
            self._server.run(sockets=[listener])
        finally:
            self._up.set()  # whoever waits for the start looks whether there was one


@dataclass(frozen=True, slots=True)
class Drain:
    """The sequence of steps between SIGTERM and the end.

    Attributes:
        readiness: the readiness that load balancers read.
        seconds: how long they have to notice.
    """

    readiness: Readiness
    seconds: float


class Server(uvicorn.Server):
    """A server that calls back when it accepts connections, drains at SIGTERM, and stops another one before itself.

    Args:
        config: config of the server.
        ready: called, in a thread, once connections are accepted.
        beside: stopped first: what both stand on is closed when this one has stopped.
        drain: how it drains; None for one that stops at once.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], None],
        beside: BackgroundServer | None = None,
        drain: Drain | None = None,
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._beside = beside
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first SIGTERM; stop at the second one, and at any other signal."""
        drain = self._drain
        if sig == signal.SIGTERM and drain is not None and drain.seconds and not drain.readiness.draining:
            drain.readiness.draining = True
            timer = threading.Timer(drain.seconds, super().handle_exit, (sig, frame))
            timer.daemon = True
            timer.start()
            return
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            await asyncio.to_thread(self._ready)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop the other server, then this one."""
        if self._beside is not None:
            await asyncio.to_thread(self._beside.stop)
        await super().shutdown(sockets)


@contextmanager
def admin_token(services: Services, *, dev: bool) -> Iterator[NewToken | None]:
    """Give an admin token to tell whoever starts the service.

    In development a fresh one at every start, revoked when the service stops, since a token is never stored and so
    cannot be shown again. Otherwise one only when the database has no valid token: at the very first start, and when
    all have expired or were revoked.
    """
    tokens = AdminTokens(services.database, services.vault, services.clock)
    audit = services.audit
    if not dev and tokens.any_valid():
        yield None
        return
    name, life = ("serve --dev", _DEV_TOKEN_LIFE) if dev else ("first start", LIFE)
    made = tokens.create(name, Role.OWNER, created_by="mien serve", life=life)
    token_id = str(made.token.id)
    audit.record(
        actor="mien serve",
        action="admin.token.create",
        resource_id=None,
        details={"token_id": token_id, "name": name, "role": Role.OWNER.value},
    )
    try:
        yield made
    finally:
        if dev:
            tokens.revoke(made.token.id)
            audit.record(
                actor="mien serve",
                action="admin.token.revoke",
                resource_id=None,
                details={"token_id": token_id, "name": name},
            )
