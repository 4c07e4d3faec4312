"""The liveness channel over POST, for networks that block WebSockets: the same messages in request bodies."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from mien.contract.catalogue import row
from mien.contract.headers import KEY_HEADER, wire_name
from mien.contract.liveness_versions import LIVENESS_VERSIONS
from mien.gateway.cors import Origins
from mien.gateway.errors import BodyTooLargeError, ClientGoneError
from mien.gateway.exchange import Exchange, Operation, Request, Response
from mien.gateway.origin import OriginFinder
from mien.liveness.channel.context import ChannelContext
from mien.liveness.channel.messages import ProtocolError, read_message
from mien.liveness.channel.run import Run
from mien.wire.body import CLOSE
from mien.wire.context import answer
from mien.wire.liveness.options import INVALID_BODY
from mien.wire.liveness.socket import client_request

Json = dict[str, Any]

_RECORD: Final = struct.Struct(">BI")
_TEXT, _BINARY = 1, 2
_BODY_BYTES: Final = 4 * 1024 * 1024
_BODY_SECONDS: Final = 30.0
_SILENT_SECONDS: Final = 15.0
_PATIENCE_SECONDS: Final = 0.3
"""How long a response waits for messages, because an empty one costs the client another round trip."""

INVALID_TOKEN: Final = row("mien.liveness_token_invalid")
SESSION_GONE: Final = row("mien.liveness_session_not_found")
_CHANNEL: Final = row("mien.liveness_channel_not_found")
_TOO_MANY: Final = row("common.rate")
_FULL: Final = row("mien.unavailable")
_CONFLICT: Final = row("mien.liveness_channel_busy")


@dataclass(slots=True)
class _Channel:
    """A run whose messages are sent by POST.

    Attributes:
        token: the session's token.
        run: the run.
        outbox: messages for the next response.
        said: set while the outbox has messages.
        busy: whether a POST is being answered.
        stalled: total stall time of the server at the start of the latest POST. A client sends one POST at a time, so
            a stall during one delays the frames of the next.
        timer: ends the run of a silent client.
    """

    token: str
    run: Run
    outbox: list[Json] = field(default_factory=list)
    said: asyncio.Event = field(default_factory=asyncio.Event)
    busy: bool = False
    stalled: float = 0.0
    timer: asyncio.TimerHandle | None = None

    async def say(self, message: Json) -> None:
        self.outbox.append(message)
        self.said.set()

    def take(self) -> list[Json]:
        messages, self.outbox = self.outbox, []
        self.said.clear()
        return messages


@dataclass(frozen=True, slots=True)
class LivenessPosts:
    """The handlers of the channel over POST.

    Attributes:
        context: dependencies of the runs.
        origin: determines the client's address.
        origins: allowed origins of web pages.
    """

    context: ChannelContext
    origin: OriginFinder
    origins: Origins
    _channels: dict[str, _Channel] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def operations(self) -> list[Operation]:
        """Return the operations of this family, which need the session's token instead of a key."""
        versions = frozenset(LIVENESS_VERSIONS)
        rows = []
        for kind in ("Liveness", "LivenessWithVerify"):
            path = f"/detect{kind}/singleModal/attempts"
            action = f"detect{kind}/singleModal".lower()
            for name, method, template, handler in (
                ("Begin", "POST", path, self.begin),
                ("Go On", "POST", f"{path}/{{channel}}", self.go_on),
                ("Preflight", "OPTIONS", path, self.preflight),
                ("Preflight", "OPTIONS", f"{path}/{{channel}}", self.preflight),
            ):
                rows.append(
                    Operation(f"{kind} Client - {name}", method, template, handler, versions, action, needs_key=False)
                )
        return rows

    async def preflight(self, exchange: Exchange) -> Response:
        """Answer a preflight request."""
        return Response(204, headers=self.origins.preflight(exchange.request.header(b"origin")))

    async def begin(self, exchange: Exchange) -> Response:
        """Handle a `hello`."""
        request = exchange.request
        allowed = self._headers(request)
        token = _bearer(request)
        try:
            said = read_message((await _read(request)).decode("utf-8", "replace"))
        except ProtocolError as error:
            raise INVALID_BODY.problem(hint=f"{error}.", headers=allowed) from None
        channel = _Channel(token, None)  # type: ignore[arg-type]  # the run needs the channel, and is set below
        channel.run = Run(self.context, client_request(request, self.origin), channel.say)
        await channel.run.text(json.dumps({**said, "type": "hello", "token": token}))
        messages = channel.take()
        if channel.run.over.is_set():
            raise _refusal(channel.run, messages[-1], allowed)
        name = secrets.token_urlsafe(24)
        self._channels[name] = channel
        self._wait(name, channel)
        return _with(answer({"channel": name, "messages": messages}), allowed)

    async def go_on(self, exchange: Exchange) -> Response:
        """Handle a client's messages, and return the pending ones."""
        request = exchange.request
        allowed = self._headers(request)
        name = exchange.parameters["channel"]
        channel = self._channels.get(name)
        if channel is None or not hmac.compare_digest(channel.token.encode(), _bearer(request).encode()):
            raise _CHANNEL.problem(
                hint="It is over, was silent for too long, or is of another server process or token.", headers=allowed
            )
        if channel.busy:
            raise _CONFLICT.problem(headers=allowed)
        channel.busy = True
        before, channel.stalled = channel.stalled, channel.run.stalled
        try:
            if channel.timer is not None:
                channel.timer.cancel()
            try:
                body = await _read(request)
            except ClientGoneError:
                body = b""
            ended = await self._feed(channel, body, channel.run.stalled - before, allowed)
            patience = None if ended else _PATIENCE_SECONDS
            if not channel.outbox and not channel.run.over.is_set():
                await self._listen(channel, patience)
        finally:
            channel.busy = False
            if channel.run.over.is_set():
                self._channels.pop(name, None)
            else:
                self._wait(name, channel)
        return _with(answer({"messages": channel.take()}), allowed)

    @staticmethod
    async def _feed(channel: _Channel, body: bytes, waited: float, headers: Any) -> bool:
        """Pass on the messages of a body, which may have waited for the server; return whether one was `end`."""
        ended = False
        try:
            for kind, content in _records(body):
                if kind == _BINARY:
                    await channel.run.binary(content, waited)
                else:
                    text = content.decode("utf-8", "replace")
                    ended = ended or '"end"' in text
                    await channel.run.text(text)
        except ProtocolError as error:
            raise INVALID_BODY.problem(hint=f"{error}.", headers=headers) from None
        return ended

    @staticmethod
    async def _listen(channel: _Channel, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await channel.said.wait()
        except TimeoutError:
            return

    def _wait(self, name: str, channel: _Channel) -> None:
        """Start the timer that ends the run of a silent client."""
        loop = asyncio.get_running_loop()

        def silent() -> None:
            self._channels.pop(name, None)
            task = loop.create_task(channel.run.lost())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        channel.timer = loop.call_later(_SILENT_SECONDS, silent)

    def _headers(self, request: Request) -> tuple[tuple[bytes, bytes], ...]:
        return tuple(self.origins.headers(request.header(b"origin")))


def _refusal(run: Run, said: Json, headers: Any) -> Exception:
    """Return the error response to a failed `hello`."""
    hint = f"{said['message'][0].upper()}{said['message'][1:].rstrip('.')}."
    details = {name: said[name] for name in ("livenessError", "recognitionError", "attemptsLeft", "retryAfterSeconds")}
    error, retry = said["livenessError"], said["retryAfterSeconds"]
    if retry:
        entry = _FULL if error == "ServerRequestTimedOut" else _TOO_MANY
        return entry.problem(hint=hint, headers=[*headers, (b"retry-after", b"%d" % retry)], details=details)
    entry = INVALID_BODY
    if error == "InvalidToken":
        entry = SESSION_GONE if run.session_gone else INVALID_TOKEN
    return entry.problem(hint=hint, headers=headers, details=details)


def _with(response: Response, headers: tuple[tuple[bytes, bytes], ...]) -> Response:
    return Response(response.status, response.body, response.content_type, (*response.headers, *headers))


def _bearer(request: Request) -> str:
    """Return the token in the `Authorization` header; raise an error with a hint on what was sent instead."""
    kind, _, token = (request.header(b"authorization") or "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    return request.header(wire_name(KEY_HEADER)) or kind


async def _read(request: Request) -> bytes:
    try:
        return await request.read(_BODY_BYTES, _BODY_SECONDS)
    except BodyTooLargeError as error:
        raise INVALID_BODY.problem(
            hint=f"A body has at most {_BODY_BYTES} bytes.", headers=CLOSE if error.endless else ()
        ) from None


def _records(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Split a body into messages.

    Raises:
        ProtocolError: the body is truncated, or a message is neither text nor binary.
    """
    place = 0
    while place < len(body):
        if place + _RECORD.size > len(body):
            raise ProtocolError("a message is cut short")
        kind, size = _RECORD.unpack_from(body, place)
        place += _RECORD.size
        if kind not in {_TEXT, _BINARY} or place + size > len(body):
            raise ProtocolError("a message is cut short, or neither text (1) nor binary (2)")
        yield kind, body[place : place + size]
        place += size
