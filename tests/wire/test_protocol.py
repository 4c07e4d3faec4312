"""Heads that are too long, too slow or too many, at a real socket: refused before anything else, the others served."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs
from tests.waiting import until

from mien.gateway.exchange import ENDLESS
from mien.gateway.throttled_log import ThrottledLog
from mien.wire.protocol import HEAD_BYTES, HEADERS, SPARE_DESCRIPTORS, ConnectionLimits, HttpProtocol


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with how many bytes the body has; below /names with the headers' names, below /early before the body,
    below /endless without an end."""
    if scope["type"] == "websocket":
        return
    assert scope["type"] == "http"
    if scope["path"] == "/endless":
        scope[ENDLESS] = True
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"event", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    size, more = 0, scope["path"] != "/early"
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False) and message["type"] == "http.request"
    body = str(size).encode()
    if scope["path"] == "/names":
        body = b" ".join(name for name, _ in scope["headers"])
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Listening:
    port: int
    limits: ConnectionLimits
    server: uvicorn.Server

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def send(self, *parts: bytes) -> tuple[int, bytes]:
        """Send bytes on a new connection; return status and body of the first answer."""
        with closing(self.connect()) as connection:
            for part in parts:
                connection.sendall(part)
            return answer(connection)

    def send_all(self, data: bytes) -> list[tuple[int, bytes]]:
        """Send bytes on a new connection; return status and body of each answer until the server closes it."""
        with closing(self.connect()) as connection:
            connection.sendall(data)
            got = b""
            while more := connection.recv(65536):
                got += more
        found = []
        while got:
            head, _, rest = got.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            found.append((int(head.split()[1]), rest[:length]))
            got = rest[length:]
        return found


def answer(connection: socket.socket) -> tuple[int, bytes]:
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(65536)
        if not more:
            return 0, got
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    lines = [line.lower() for line in head.split(b"\r\n")]
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), body


@pytest.fixture
def listening() -> Iterator[Listening]:
    """A server whose time limits are long: only tests of a limit shorten it, because a busy client would exceed it."""
    limits = ConnectionLimits(overall=20, per_address=12, head_seconds=60, rest_seconds=60)
    bound = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        application,
        http=HttpProtocol.with_limits(limits),
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        server_header=False,
        timeout_keep_alive=60,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    yield Listening(bound.getsockname()[1], limits, server)
    server.should_exit = True
    thread.join(120)
    bound.close()
    assert not thread.is_alive()


START = b"POST / HTTP/1.1\r\nHost: x\r\n"


def test_one_long_header_is_refused_before_it_is_in_memory(listening: Listening) -> None:
    status, body = listening.send(START + b"X-Long: " + b"a" * HEAD_BYTES)  # and never an end
    assert (status, json.loads(body)["error"]["code"]) == (431, "RequestHeaderFieldsTooLarge")
    status, _ = listening.send(b"GET /" + b"a" * HEAD_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status == 431


def test_a_flood_of_bytes_gets_its_answer_and_costs_nothing(listening: Listening) -> None:
    with closing(listening.connect()) as connection:
        connection.sendall(START + b"X-Long: ")
        try:
            for _ in range(200):
                connection.sendall(b"a" * 65536)
        except OSError:
            pass  # it was closed meanwhile
        else:
            assert answer(connection)[0] == 431


def test_many_headers_are_refused(listening: Listening) -> None:
    some = b"".join(b"X-%d: a\r\n" % number for number in range(HEADERS - 5))
    assert listening.send(START + some + b"Content-Length: 0\r\n\r\n")[0] == 200
    many = b"".join(b"X-%d: a\r\n" % number for number in range(HEADERS + 5))
    status, body = listening.send(START + many + b"\r\n")
    assert (status, json.loads(body)["error"]["code"]) == (431, "RequestHeaderFieldsTooLarge")


@pytest.mark.parametrize("size", [0, 1, HEAD_BYTES - 1, HEAD_BYTES, 5 * HEAD_BYTES, 600_000])
def test_bodies_of_any_length_pass(size: int, listening: Listening) -> None:
    whole = START + b"Content-Length: %d\r\n\r\n" % size + b"b" * size
    assert listening.send(whole) == (200, str(size).encode())
    cuts = [whole[:10], whole[10:60], whole[60:]]
    assert listening.send(*cuts) == (200, str(size).encode())


def test_every_head_of_a_connection_counts_by_itself(listening: Listening) -> None:
    with closing(listening.connect()) as connection:
        for _ in range(4):
            connection.sendall(START + b"X-Long: " + b"a" * (HEAD_BYTES - 200) + b"\r\nContent-Length: 3\r\n\r\nabc")
            assert answer(connection) == (200, b"3")
        connection.sendall(START + b"X-Long: " + b"a" * HEAD_BYTES + b"\r\n\r\n")
        assert answer(connection)[0] == 431


def test_unfinished_heads_are_closed(listening: Listening) -> None:
    listening.limits.head_seconds = 0.4
    with closing(listening.connect()) as silent, closing(listening.connect()) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nX-")
        status, body = answer(slow)
        assert (status, json.loads(body)["error"]["code"]) == (408, "RequestTimeout")
        assert silent.recv(1) == b""
    listening.limits.head_seconds = 60
    with closing(listening.connect()) as second:  # a slow head after a good request is no better
        second.sendall(START + b"Content-Length: 0\r\n\r\n")
        assert answer(second)[0] == 200
        listening.limits.head_seconds = 0.4
        second.sendall(b"G")
        assert answer(second)[0] == 408


def test_a_slow_body_is_no_slow_head(listening: Listening) -> None:
    listening.limits.head_seconds = 0.4

    def is_answered() -> bool:
        with closing(listening.connect()) as connection:
            connection.sendall(START + b"Content-Length: 3\r\n\r\n")
            threading.Event().wait(0.8)
            with suppress(OSError):
                connection.sendall(b"abc")
                return answer(connection) == (200, b"3")
        return False

    until(is_answered)  # the head of a client that was busy for 0.4 seconds is a slow one


def test_connections_of_one_address_are_bounded_and_others_are_let_in_again(listening: Listening) -> None:
    many = [listening.connect() for _ in range(12)]
    try:
        with closing(listening.connect()) as refused:
            status, body = answer(refused)
        assert (status, json.loads(body)["error"]["code"]) == (503, "ServiceUnavailable")
    finally:
        for one in many:
            one.close()
    until(lambda: listening.limits.total == 0)
    assert listening.send(START + b"Content-Length: 0\r\n\r\n")[0] == 200


def test_the_last_descriptors_are_kept_and_the_log_is_told(listening: Listening) -> None:
    with closing(listening.connect()) as first:
        listening.limits.descriptors = first.fileno() + 8 + SPARE_DESCRIPTORS
        many = [first]
        with capture_logs() as logs:
            while not logs:
                many.append(listening.connect())
                until(lambda: listening.limits.total >= len(many) or logs)
            status, body = answer(many[-1])
        for one in many:
            one.close()
    assert (status, json.loads(body)["error"]["code"]) == (503, "ServiceUnavailable")
    assert {one["event"] for one in logs} == {"nearly all descriptors are in use"}
    until(lambda: listening.limits.total == 0)
    assert listening.send(START + b"Content-Length: 0\r\n\r\n")[0] == 200


def test_a_trusted_proxy_speaks_for_many() -> None:
    limits = ConnectionLimits(overall=6, per_address=2, trusted=lambda address: address == "10.0.0.1")
    assert [limits.enter("10.0.0.1") for _ in range(5)] == [True] * 5
    assert not limits.enter("192.0.2.1") or limits.total <= 6
    assert not limits.enter("192.0.2.1")
    for _ in range(5):
        limits.leave("10.0.0.1")
    assert limits.open.keys() == {"192.0.2.1"}


def test_a_flood_of_what_is_not_http_is_a_line_a_second(listening: Listening) -> None:
    listening.limits.throttled = ThrottledLog(now=lambda: 0.0)
    with capture_logs() as logs:
        for _ in range(8):
            assert listening.send(b"\x00 no http\r\n\r\n")[0] == 400
    assert [one["event"] for one in logs] == ["a request that is not HTTP was refused"]


def test_not_http_is_answered_in_our_words(listening: Listening) -> None:
    status, body = listening.send(b"\x16\x03\x01 no http at all\r\n\r\n")
    assert (status, json.loads(body)["error"]["code"]) == (400, "BadRequest")


CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_trailer_is_no_header(listening: Listening) -> None:
    head = b"POST /names HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    sent = head + b"2\r\nab\r\n0\r\nOcp-Apim-Subscription-Key: k\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n"
    assert listening.send(sent) == (200, b"host transfer-encoding")


@pytest.mark.parametrize("part", [b"0\r\nX-Long: " + b"a" * 300_000, b"2;" + b"a" * 300_000])
def test_trailers_and_extensions_of_chunks_are_bounded(part: bytes, listening: Listening) -> None:
    assert listening.send(CHUNKED + b"2\r\nab\r\n", part)[0] == 431


def test_the_smallest_chunks_pass(listening: Listening) -> None:
    count = 40_000
    assert listening.send(CHUNKED, b"1\r\nb\r\n" * count, b"0\r\n\r\n") == (200, str(count).encode())


@pytest.mark.parametrize("last", [b"\x00 junk\r\n\r\n", CHUNKED + b"junk\r\n", GET.replace(b"Host", b"Ho st")])
def test_what_is_wrong_behind_other_requests_is_said_after_their_answers(last: bytes, listening: Listening) -> None:
    assert [status for status, _ in listening.send_all(GET + GET + last)] == [200, 200, 400]


@pytest.mark.parametrize("part", [b"junk\r\n", b"2\r\nabjunk", b"2;" + b"a" * 300_000])
def test_a_broken_body_is_answered_once_and_is_no_error_of_the_application(
    part: bytes, listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(listening.send_all(CHUNKED + part)) == 1
    assert listening.send_all(CHUNKED.replace(b" / ", b" /early ") + part)[0][0] in {200, 400, 431}
    assert listening.send(GET) == (200, b"0")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_two_hosts_are_refused(listening: Listening) -> None:
    assert listening.send(START + b"Host: y\r\nContent-Length: 0\r\n\r\n")[0] == 400


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (b"".join(b"X-%d: a\r\n" % number for number in range(150)), 431),
        (b"X-Long: " + b"a" * 9_000 + b"\r\n", 431),
        (b"Content-Length: 2\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n", 400),
    ],
)
def test_a_handshake_that_the_library_leaves_unanswered_is_refused(
    more: bytes, status: int, listening: Listening
) -> None:
    assert [status for status, _ in listening.send_all(HANDSHAKE + more + b"\r\n")] == [status]
    until(lambda: listening.limits.total == 0)


def test_a_handshake_behind_a_request_does_not_take_its_answer(listening: Listening) -> None:
    assert [status for status, _ in listening.send_all(GET + HANDSHAKE + b"\r\n")] == [200, 400]


def test_the_rest_of_an_answered_body_is_waited_for_no_longer_than_the_limit(listening: Listening) -> None:
    listening.limits.rest_seconds = 0.4
    with closing(listening.connect()) as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc")
        assert answer(connection) == (200, b"0")
        assert connection.recv(1) == b""

    def stays_open() -> bool:
        with closing(listening.connect()) as connection:
            connection.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab")
            assert answer(connection) == (200, b"0")
            with suppress(OSError):
                connection.sendall(b"c" + GET)
                first = answer(connection)
                threading.Event().wait(0.8)  # the timer of the body is over
                connection.sendall(GET)
                return [first, answer(connection)] == [(200, b"0")] * 2
        return False

    until(stays_open)  # the rest of a client that was busy for 0.4 seconds came too late


def test_a_server_that_stops_does_not_wait_for_an_answer_without_end(listening: Listening) -> None:
    with closing(listening.connect()) as connection:
        connection.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        got = b""
        while b"event" not in got:
            got += connection.recv(65536)
        listening.server.should_exit = True
        while connection.recv(65536):
            pass
