"""The channel's protocol for one client, whatever carries its messages: see docs/liveness-protocol.md.

Each phase is a class: `Hello`, `Positioning`, `Challenged`, `Judging`. Each handles the client's messages until it
enters the next phase, and passes its results on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mien.liveness.channel import messages
from mien.liveness.channel.connection import ClientConnection
from mien.liveness.channel.context import ChannelContext
from mien.liveness.channel.hello import HELLO_SECONDS, Hello
from mien.liveness.channel.messages import Json, ProtocolError
from mien.liveness.recording import FrameError
from mien.liveness.records import ClientRequest
from mien.liveness.reports import ReportError
from mien.liveness.types import LivenessError


class Run:
    """The protocol of one client from `hello` to a result: handles the client's messages and sends the answers.

    Its methods are called one after the other, by one task.

    Args:
        context: its dependencies.
        request: the client's request.
        send: sends a message to the client; must not raise if the client is gone.
    """

    def __init__(
        self, context: ChannelContext, request: ClientRequest, send: Callable[[Json], Awaitable[None]]
    ) -> None:
        self._line = ClientConnection(context, request, send, self)
        self._line.enter(Hello(self._line), HELLO_SECONDS)

    @property
    def over(self) -> asyncio.Event:
        """Set when the client needs no further messages."""
        return self._line.over

    @property
    def session_gone(self) -> bool:
        """Whether the token was refused because its session does not exist."""
        return self._line.session_gone

    @property
    def address(self) -> str:
        """The client's address."""
        return self._line.request.address

    async def text(self, message: str) -> None:
        """Handle a text message."""
        line = self._line
        if line.ending:
            return
        try:
            said = messages.read_message(message)
            kind = said.get("type")
            if kind == "cancel":
                await self._cancel(said.get("reason"))
            else:
                await line.phase.text(kind, said)
        except (ProtocolError, ReportError) as error:
            await line.phase.broken(str(error))

    @property
    def stalled(self) -> float:
        """Return the seconds for which the server has stalled since the challenge began; 0 before and after it."""
        return self._line.phase.stalled

    async def binary(self, message: bytes, waited: float = 0.0) -> None:
        """Handle a frame.

        Args:
            message: its header and the JPEG.
            waited: seconds for which it may have waited for the server, as known by the transport.
        """
        line = self._line
        if line.ending:
            return
        try:
            await line.phase.frame(message, waited)
        except (ProtocolError, FrameError) as error:
            await line.phase.broken(str(error))

    async def lost(self) -> None:
        """Record that the client has disconnected."""
        await self._cancel(LivenessError.USER_CANCELED_SESSION.value)

    async def replaced(self) -> None:
        """Give way to another connection of the same session."""
        await self._cancel(LivenessError.USER_CANCELED_SESSION.value)

    async def _cancel(self, reason: object) -> None:
        if self._line.ending:
            return
        known = isinstance(reason, str) and reason in set(LivenessError)
        await self._line.phase.cancel(LivenessError(str(reason)) if known else LivenessError.USER_CANCELED_SESSION)
