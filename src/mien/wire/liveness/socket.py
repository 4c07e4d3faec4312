"""The liveness channel over a WebSocket: an ASGI application for `websocket` scopes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Final

from mien.contract.liveness_versions import LIVENESS_VERSIONS
from mien.gateway.cors import Origins
from mien.gateway.exchange import Message, Receive, Request, Scope, Send
from mien.gateway.origin import OriginFinder
from mien.liveness.channel.context import ChannelContext
from mien.liveness.channel.messages import failure
from mien.liveness.channel.run import Run
from mien.liveness.recording import PROTOCOL
from mien.liveness.records import ClientRequest
from mien.liveness.types import LivenessError

_KINDS: Final = {"detectliveness", "detectlivenesswithverify"}
_VERSIONS: Final = frozenset(name.lower() for name in LIVENESS_VERSIONS)
_LONGEST_AGENT: Final = 300
_CLOSE: Final = {"type": "websocket.close", "code": 1000}
_UNANSWERED: Final = 5.0
_WAITING: Final = 4
"""Connections per concurrent client, including those that have not sent `hello` yet."""


@dataclass(frozen=True, slots=True)
class LivenessSocket:
    """Serves the channel.

    Attributes:
        context: dependencies of the runs.
        origin: determines the client's address.
        origins: allowed origins of web pages.
    """

    context: ChannelContext
    origin: OriginFinder
    origins: Origins
    _connected: set[object] = field(default_factory=set, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await receive()  # websocket.connect
        request = Request({**scope, "method": "GET"}, receive)
        full = len(self._connected) >= _WAITING * self.context.concurrent
        if full or not is_channel(request.path) or not self.origins.allow(request.header(b"origin")):
            await send(_CLOSE)  # the server answers the handshake with 403
            return
        offered = scope.get("subprotocols", ())
        if PROTOCOL not in offered:
            await send({"type": "websocket.accept"})
            said = failure(LivenessError.CLIENT_VERSION_NOT_SUPPORTED, f"the server speaks {PROTOCOL}")
            await send(_text(said))
            await send(_CLOSE)
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        connection = object()
        self._connected.add(connection)
        try:
            await self._serve(client_request(request, self.origin), receive, send)
        finally:
            self._connected.discard(connection)

    async def _serve(self, request: ClientRequest, receive: Receive, send: Send) -> None:
        gone = False

        async def say(message: dict[str, Any]) -> None:
            nonlocal gone
            if gone:
                return
            try:
                async with asyncio.timeout(_UNANSWERED):  # do not wait for a client that does not read
                    await send(_text(message))
            except (OSError, RuntimeError, TimeoutError):
                gone = True

        run = Run(self.context, request, say)
        over = asyncio.create_task(run.over.wait())
        try:
            while not run.over.is_set():
                incoming: asyncio.Task[Message] = asyncio.create_task(_receive(receive))
                await asyncio.wait({incoming, over}, return_when=asyncio.FIRST_COMPLETED)
                if not incoming.done():
                    incoming.cancel()
                    break
                message = incoming.result()
                if message["type"] == "websocket.disconnect":
                    gone = True
                    break
                if (frame := message.get("bytes")) is not None:
                    await run.binary(frame)
                else:
                    await run.text(message.get("text") or "")
        finally:
            over.cancel()
            if not run.over.is_set():
                await run.lost()
        if not gone:
            try:
                await send(_CLOSE)
            except (OSError, RuntimeError):
                return


async def _receive(receive: Receive) -> Message:
    return await receive()


def is_channel(path: str) -> bool:
    """Return whether a path is `/face/{version}/detectLiveness[WithVerify]/singleModal`, in any letter case."""
    parts = [part.lower() for part in path.split("/") if part]
    if len(parts) != 4 or parts[0] != "face" or parts[3] != "singlemodal":
        return False
    return parts[1] in _VERSIONS and parts[2] in _KINDS


def client_request(request: Request, origin: OriginFinder) -> ClientRequest:
    """Return the request as the channel needs it."""
    address = origin.client(request)
    return ClientRequest(
        method=request.method,
        path=request.path,
        user_agent=(request.header(b"user-agent") or "")[:_LONGEST_AGENT],
        address="" if address is None else str(address),
        origin=(request.header(b"origin") or "")[:_LONGEST_AGENT],
    )


def _text(message: dict[str, Any]) -> Message:
    return {"type": "websocket.send", "text": json.dumps(message, separators=(",", ":"))}
