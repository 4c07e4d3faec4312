"""The parts that all phases of one client share: messages to it, the deadline, and the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog

from mien.liveness.channel import messages
from mien.liveness.channel.context import ChannelContext, ConnectedClient
from mien.liveness.channel.messages import Json, ProtocolError
from mien.liveness.errors import AttemptOverError, LockedOutError, TokenFault, TokenRefusedError
from mien.liveness.records import ClientRequest
from mien.liveness.types import LivenessError, RecognitionError
from mien.workers import OverloadedError

T = TypeVar("T")

_RETRY_SECONDS: Final = 5

_log = structlog.get_logger("mien.liveness")


class ClientConnection:
    """The connection of one client in all phases.

    Attributes:
        context: dependencies of the phases.
        request: the client's request.
        over: set when no more messages will follow.
        session_gone: whether the token was refused because its session does not exist.
        phase: handles the messages of the client.
        ending: whether the end is decided; later messages are ignored.
        on_close: called once with the last message, before it is sent.

    Args:
        context: as above.
        request: as above.
        send: sends a message to the client; must not raise if the client is gone.
        client: the client; it takes a place in the context once its token is accepted.
    """

    phase: Phase

    def __init__(
        self,
        context: ChannelContext,
        request: ClientRequest,
        send: Callable[[Json], Awaitable[None]],
        client: ConnectedClient,
    ) -> None:
        self.context = context
        self.request = request
        self.send = send
        self.over = asyncio.Event()
        self.session_gone = False
        self.ending = False
        self.on_close: Callable[[Json], None] | None = None
        self._client = client
        self._token = ""
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def enter(self, phase: Phase, seconds: float | None) -> None:
        """Enter a phase that expires after some seconds; None for never."""
        self.phase = phase
        self.expire_in(seconds)

    def expire_in(self, seconds: float | None) -> None:
        """Set when the phase expires; None for never."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, lambda: self.start(self._expire()))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine concurrently with the client's messages."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def take_place(self, token: str) -> None:
        """Claim the place of a token; an older connection with the same token is closed."""
        before = self.context.open.get(token)
        self.context.open[token] = self._client
        self._token = token
        if before is not None:
            await before.replaced()

    async def close(self, last: Json) -> None:
        """Send the last message and free the client's place; does nothing the second time."""
        if self.over.is_set():
            return
        self.ending = True
        self.expire_in(None)
        if self.context.open.get(self._token) is self._client:
            del self.context.open[self._token]
        if self.on_close is not None:
            self.on_close(last)
            self.on_close = None
        try:
            await self.send(last)
        finally:
            self.over.set()

    async def _expire(self) -> None:
        if not self.ending:
            await self.phase.expire()


class Phase:
    """One phase of the protocol: handles messages, frames and the deadline until the next phase begins.

    Args:
        line: the client's connection.
    """

    def __init__(self, line: ClientConnection) -> None:
        self.line = line

    def is_current(self) -> bool:
        """Return whether this phase is still running: another task may have ended it while it waited."""
        return self.line.phase is self and not self.line.ending

    @property
    def attempts_left(self) -> int | None:
        """The number of attempts that may still begin; None if it is not known yet."""
        return None

    @property
    def stalled(self) -> float:
        """Return the seconds for which the server has stalled in this phase, if that is measured."""
        return 0.0

    async def text(self, kind: object, _said: Json) -> None:
        """Handle a message other than `cancel`.

        Raises:
            ProtocolError: it is malformed or not allowed in this phase.
        """
        if kind in {"hello", "end"}:
            raise ProtocolError(f"{kind} does not belong here")

    async def frame(self, _message: bytes, _waited: float = 0.0) -> None:
        """Handle a frame.

        Raises:
            ProtocolError: it is not allowed in this phase.
            FrameError: it is malformed.
        """

    async def expire(self) -> None:
        """End the phase because its time is up."""

    async def cancel(self, error: LivenessError) -> None:
        """End because the client gave up."""
        self.line.ending = True
        await self.fail(error, "the client gave up")

    async def broken(self, message: str) -> None:
        """End because the client breaks the protocol."""
        await self.fail(LivenessError.UNEXPECTED_CLIENT_ERROR, message)

    async def fault(self, event: str) -> None:
        """End because of a fault of the server; called while an exception is handled."""
        _log.exception(event)
        await self.fail(LivenessError.UNEXPECTED_SERVER_ERROR, "a fault of the server")

    async def full(self) -> None:
        """End because the server has no room."""
        await self.fail(LivenessError.SERVER_REQUEST_TIMED_OUT, "the server is full", retry=_RETRY_SECONDS)

    async def fail(
        self,
        error: LivenessError,
        message: str,
        *,
        recognition: RecognitionError = RecognitionError.NONE,
        retry: int = 0,
        left: int | None = None,
    ) -> None:
        """Send the client the reason why there is no result, and close.

        Args:
            error: the name that the client's promise is rejected with.
            message: for developers.
            recognition: the reasons against recognition.
            retry: seconds to wait before.
            left: attempts that may still begin; the phase's own number when None.
        """
        left = self.attempts_left if left is None else left
        if left is None:
            left = int(retry > 0)  # not known: whoever waits may try again
        await self.line.close(messages.failure(error, message, recognition, left, retry))

    async def guarded(self, work: Callable[[], T], *, quiet: bool = False) -> T | None:
        """Query the database in a thread; return None if it refused and the client was informed (unless `quiet`)."""
        try:
            return await self.line.context.glances.run(work)
        except AttemptOverError:
            return None
        except TokenRefusedError as error:
            self.line.session_gone = error.refusal is TokenFault.GONE
            failure, text, retry = LivenessError.INVALID_TOKEN, str(error), 0
            left = 0 if error.refusal in {TokenFault.USED_UP, TokenFault.GONE, TokenFault.EXPIRED} else None
        except LockedOutError as error:
            failure, text, retry = LivenessError.UNEXPECTED_CLIENT_ERROR, str(error), error.retry_after
            left = None
        except OverloadedError:
            failure, text, retry = LivenessError.SERVER_REQUEST_TIMED_OUT, "the server is full", _RETRY_SECONDS
            left = None
        if not quiet:
            await self.fail(failure, text, retry=retry, left=left)
        return None
