"""Uvicorn's HTTP protocol with limits on request heads and connections, and with our responses to malformed HTTP.

Uvicorn's own limits are not enough: httptools limits neither the length nor the duration of a head, and
`limit_concurrency` answers in plain text. The limits on heads apply before authentication.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mien.contract.catalogue import Row, row
from mien.contract.headers import ERROR_CODE, REQUEST_ID
from mien.gateway.exchange import ENDLESS, JSON_TYPE
from mien.gateway.throttled_log import ThrottledLog

HEAD_BYTES: Final = 32 * 1024
"""Maximum size of a request head (request line and headers), in bytes."""

HEADERS: Final = 200
"""Maximum number of headers of a request."""

HEAD_SECONDS: Final = 10.0
"""Time limit for a request head, from the connection or the head's first byte."""

SPARE_DESCRIPTORS: Final = 32
"""File descriptors that are reserved for the database, files and downloads."""

REST_SECONDS: Final = 60.0
"""Time limit for the rest of a body whose request was already answered."""

FRAMING: Final = 8
"""Maximum framing bytes per content byte of a chunked body; a chunk of one byte has five."""

_LINGER_SECONDS: Final = 1.0
_WEBSOCKET_HEADERS: Final = 120  # the WebSocket library does not answer at all above 128 …
_WEBSOCKET_LINE: Final = 8_000  # … or if a line is longer than 8,192 bytes

_NOT_HTTP: Final = row("mien.not_http")
_HEAD_TOO_LARGE: Final = row("mien.head_too_large")
_HEAD_TIMEOUT: Final = row("mien.head_timeout")
_TOO_MANY: Final = row("mien.unavailable")
_PHRASES: Final = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
_H2C_OFFER: Final = re.compile(rb"\r\nupgrade(?=[ \t]*:[ \t]*h2c)", re.IGNORECASE)
_LONGEST_OFFER: Final = 16384

_log = structlog.get_logger("mien.wire")


class HeadError(Exception):
    """The head of a request is too long."""


@dataclass(slots=True)
class ConnectionLimits:
    """Limits on the connections of a listener, shared by their protocols.

    Attributes:
        overall: maximum number of simultaneous connections.
        per_address: maximum per address; trusted proxies, which serve many clients, are not limited.
        trusted: returns whether an address is a trusted proxy's.
        head_seconds: time limit for a request head.
        rest_seconds: time limit for the rest of a body whose request was already answered.
        descriptors: maximum number of open files of the process. Connections that would use the last ones are refused
            and logged, because libuv closes connections silently when none is left.
    """

    overall: int = 10_000
    per_address: int = 1_000
    trusted: Any = None
    head_seconds: float = HEAD_SECONDS
    rest_seconds: float = REST_SECONDS
    descriptors: int | None = None
    open: Counter[str] = field(default_factory=Counter)
    total: int = 0
    throttled: ThrottledLog = field(default_factory=ThrottledLog)

    def enter(self, address: str, descriptor: int = -1) -> bool:
        """Count a new connection; return whether it is allowed.

        Args:
            address: address of the client.
            descriptor: number of its file descriptor; the system assigns the lowest free number.
        """
        self.total += 1
        self.open[address] += 1
        if self.total > self.overall:
            self.throttled.warning(_log, "too many connections", overall=self.overall)
            return False
        if self.open[address] > self.per_address and not (self.trusted and self.trusted(address)):
            self.throttled.warning(_log, "too many connections of one address", address=address, limit=self.per_address)
            return False
        if self.descriptors is not None and descriptor >= self.descriptors - SPARE_DESCRIPTORS:
            self.throttled.warning(_log, "nearly all descriptors are in use", limit=self.descriptors)
            return False
        return True

    def leave(self, address: str) -> None:
        """Stop counting a connection."""
        self.total -= 1
        self.open[address] -= 1
        if self.open[address] <= 0:
            del self.open[address]


class HttpProtocol(HttpToolsProtocol):
    """The protocol for uvicorn's `http=`; `with_limits` returns one with other limits.

    Malformed HTTP is answered in the contract's JSON, after the responses to earlier requests. Heads that are too long
    or too slow, and chunked bodies with excessive framing, are refused. Trailers are dropped, because uvicorn would add
    them to the headers, where they could forge a key or a proxy's `X-Forwarded-For`. Offers to upgrade to HTTP/2 are
    removed: Java's client sends one with every first request, and uvicorn's parser drops the body of such a request.
    """

    limits = ConnectionLimits()

    _address = ""
    _entered = False
    _upgraded = False
    _refused = False
    _in_head = True  # whether a request head is being received
    _head_bytes = 0
    _framing = 0  # bytes of a body that are not content
    _content = 0
    _refusal: Row = _NOT_HTTP
    _waiting: tuple[Row, bytes] | None = None  # a refusal to send after the pending responses
    _head_timer: asyncio.TimerHandle | None = None
    _rest_timer: asyncio.TimerHandle | None = None

    @classmethod
    def with_limits(cls, limits: ConnectionLimits) -> type[HttpProtocol]:
        """Return a protocol whose connections share limits."""
        return cast("type[HttpProtocol]", type("HttpProtocol", (cls,), {"limits": limits}))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's annotation
        """Count the connection, and start the time limit for the first head."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._entered = True
        bound = transport.get_extra_info("socket")
        if not self.limits.enter(self._address, bound.fileno() if bound is not None else -1):
            self._refuse(_TOO_MANY, b"retry-after: 1\r\n")
            return
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection no more."""
        self._leave()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Pass the connection to the WebSocket protocol, which has its own limits.

        Handshakes that it would leave unanswered, or that follow an unanswered request, are refused here.
        """
        if (refusal := self._bad_handshake()) is not None:
            self._refuse(refusal)
            return
        self._upgraded = True
        self._leave()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head before they are parsed."""
        if self._refused:  # discard: with unread bytes, the system would reset the connection before our response
            return
        # While a body is received, its cycle is open, and its bytes must not be changed.
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's annotation omits None
        if (cycle is None or cycle.response_complete) and b"h2c" in data[:_LONGEST_OFFER]:
            head, end, rest = data.partition(b"\r\n\r\n")
            data = _H2C_OFFER.sub(b"\r\nx-declined-upgrade", head) + end + rest
        while data and self._in_head:
            if self._over():
                return
            room = HEAD_BYTES - self._head_bytes
            if room <= 0:
                self._refuse(_HEAD_TOO_LARGE)
                return
            part, data = data[:room], data[room:]
            self._head_bytes += len(part)
            super().data_received(part)
        if data and not self._over():
            self._framing += len(data)
            super().data_received(data)
            if self._framing > HEAD_BYTES + FRAMING * self._content and not self._over():
                self._refuse(_HEAD_TOO_LARGE)
        if self._in_head and self._head_bytes and self._head_timer is None and not self._over():
            self._start_timer()

    def _over(self) -> bool:
        return self._refused or self._upgraded or self.transport.is_closing()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header; drop a trailer."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End a head.

        Raises:
            HeadError: it has too many headers or two hosts; the parser then calls `send_400_response`.
        """
        self._head_bytes = 0
        self._stop_timer()
        if len(self.headers) > HEADERS:
            self._refusal = _HEAD_TOO_LARGE
            raise HeadError
        if sum(name == b"host" for name, _ in self.headers) > 1:  # a proxy might use the other one
            raise HeadError
        super().on_headers_complete()
        self._in_head = False
        self._framing = self._content = 0

    def on_body(self, body: bytes) -> None:
        """Receive a part of a body; the remaining bytes are framing."""
        self._framing -= len(body)
        self._content += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Count the next bytes as a head."""
        self._in_head = True
        self._head_bytes = self._framing = self._content = 0
        self._stop_rest_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Send a pending refusal, and start the time limit for the rest of an answered body."""
        last = not self.pipeline
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self._waiting is not None and last:
            self._unset_keepalive_if_required()
            self._send_refusal(*self._waiting)
        elif not self._in_head and self.cycle.response_complete:
            self._rest_timer = self.loop.call_later(self.limits.rest_seconds, self.transport.close)

    def shutdown(self) -> None:
        """Close the connection if it is idle or its answer has no end, else after its answer.

        Over TLS a connection stays open until the client confirms the end, and a client whose pool keeps an idle
        connection does not read from it: it would hold up a server that stops for `shutdown_seconds`.
        """
        super().shutdown()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.scope.get(ENDLESS):
            self.transport.close()
        if self.transport.is_closing():
            self.loop.call_later(_LINGER_SECONDS, self._abandon)

    def _abandon(self) -> None:
        if self.transport.get_write_buffer_size():  # a slow reader still takes its answer
            self.loop.call_later(_LINGER_SECONDS, self._abandon)
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answer and close; uvicorn's text `msg` is not used."""
        del msg
        self.limits.throttled.warning(_log, "a request that is not HTTP was refused", address=self._address)
        self._refuse(self._refusal)

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._give_up)

    def _stop_rest_timer(self) -> None:
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self._over():
            return
        self.limits.throttled.warning(_log, "a head did not come in time", address=self._address)
        if self._head_bytes:
            self._refuse(_HEAD_TIMEOUT)
        else:
            self.transport.close()

    def _leave(self) -> None:
        self._stop_timer()
        self._stop_rest_timer()
        if self._entered:
            self._entered = False
            self.limits.leave(self._address)

    def _bad_handshake(self) -> Row | None:
        """Return the error for a handshake that must be refused; None if it may be passed on."""
        names = {name for name, _ in self.headers}
        lengths = [len(self.url) + 20, *(len(name) + len(value) + 4 for name, value in self.headers)]
        if len(self.headers) > _WEBSOCKET_HEADERS or max(lengths) > _WEBSOCKET_LINE:
            return _HEAD_TOO_LARGE
        cycle: RequestResponseCycle | None = self.cycle
        busy = cycle is not None and not cycle.response_complete
        return _NOT_HTTP if busy or names & {b"content-length", b"transfer-encoding"} else None

    def _refuse(self, entry: Row, more: bytes = b"") -> None:
        """Stop reading, and answer after the pending responses."""
        self._stop_timer()
        self._refused = True
        cycle: RequestResponseCycle | None = self.cycle
        busy = cycle is not None and not cycle.response_complete
        if cycle is not None and not self._in_head:  # the body of the current request is at fault
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_complete:  # its response was sent, so no other can be
                self._end()
                return
            if cycle.response_started:
                self.transport.close()
                return
            queued = [one for one in self.pipeline if one[0] is cycle]
            for one in queued:
                self.pipeline.remove(one)
            busy = bool(queued)
        if busy:
            self._waiting = (entry, more)
        else:
            self._send_refusal(entry, more)

    def _send_refusal(self, entry: Row, more: bytes) -> None:
        self._waiting = None
        problem = entry.problem()
        body = problem.body()
        status = problem.status
        head = (
            b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n"
            + f"{ERROR_CODE}: %b\r\n{REQUEST_ID}: %b\r\n".encode()
            + b"%bconnection: close\r\n\r\n"
        )
        named = (status, _PHRASES[status].encode(), JSON_TYPE, len(body), problem.code.encode())
        self.transport.write(head % (*named, str(uuid.uuid4()).encode(), more) + body)
        self._end()

    def _end(self) -> None:
        """Close the connection after the client has had time to read the response."""
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(_LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()
