"""Servers as they are: odd headers, redirects, logins, proxies, and names whose address changes."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from ipaddress import ip_network

import pytest
from tests.fetching.dns_server import dns
from tests.fetching.test_fetch import BODY, LOCAL, fails, respond, serving

from mien.fetching.addresses import AddressPolicy
from mien.fetching.fetch import FetchFailure, FetchPolicy, fetch_image

LENGTH = f"Content-Length: {len(BODY)}"


@pytest.mark.parametrize("coding", ["base64", "aws-chunked", "none", "utf-8", "binary", "identity", "aws-chunked, "])
def test_content_codings_that_change_nothing_are_ignored(coding: str) -> None:
    with serving(respond(f"Content-Encoding: {coding}", LENGTH)) as (port, _):
        assert fetch_image(f"http://127.0.0.1:{port}/", LOCAL) == BODY


@pytest.mark.parametrize("coding", ["br", "aws-chunked,gzip", "GZIP"])
def test_compressed_answers_are_refused_among_other_codings(coding: str) -> None:
    with serving(respond(f"Content-Encoding: {coding}", LENGTH)) as (port, _):
        assert "compresses" in fails(f"http://127.0.0.1:{port}/").hint


def test_servers_that_know_no_image_types_are_told_that_any_will_do() -> None:
    def picky(connection: socket.socket, request: bytes) -> None:
        status = "200 OK" if b"*/*" in request else "406 Not Acceptable"
        respond(LENGTH, status=status)(connection, request)

    with serving(picky) as (port, _):
        assert fetch_image(f"http://127.0.0.1:{port}/", LOCAL) == BODY


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("203 Non-Authoritative Information", []),
        ("206 Partial Content", []),
        ("206 Partial Content", [f"Content-Range: bytes 0-{len(BODY) - 1}/{len(BODY)}"]),
    ],
)
def test_other_statuses_with_the_whole_content(status: str, headers: list[str]) -> None:
    with serving(respond(*headers, LENGTH, status=status)) as (port, _):
        assert fetch_image(f"http://127.0.0.1:{port}/", LOCAL) == BODY


def test_a_part_of_the_content_is_a_download_error() -> None:
    part = f"Content-Range: bytes 0-{len(BODY) - 1}/{2 * len(BODY)}"
    with serving(respond(part, LENGTH, status="206 Partial Content")) as (port, _):
        assert fails(f"http://127.0.0.1:{port}/").failure is FetchFailure.DOWNLOAD


@pytest.mark.parametrize("location", ["/bücher/é.jpg".encode(), "/bücher/é.jpg".encode("latin-1")])
def test_redirects_to_raw_text_are_followed(location: bytes) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"GET /first"):
            connection.sendall(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
        else:
            respond(LENGTH)(connection, request)

    with serving(answer) as (port, requests):
        assert fetch_image(f"http://127.0.0.1:{port}/first", LOCAL) == BODY
    assert requests[1].startswith(b"GET /b%C3%BCcher/%C3%A9.jpg ")


def test_a_name_that_moves_between_requests_is_judged_each_time() -> None:
    """DNS rebinding: the first answer is allowed, the next one leads to another server's port on a private address."""
    with serving(respond(LENGTH)) as (port, inside):
        outside = socket.create_server(("127.0.0.2", port))
        policy = FetchPolicy(AddressPolicy(allowed_networks=(ip_network("127.0.0.2/32"),)), total_seconds=60)

        def answer_once() -> None:
            connection, _ = outside.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /again\r\n\r\n")

        thread = threading.Thread(target=answer_once, daemon=True)
        thread.start()
        with dns("127.0.0.2", "127.0.0.1") as names:
            error = fails(f"http://rebinding.example:{port}/", policy, resolve=names.resolve)
            assert names.asked == 2
        thread.join()
        outside.close()
    assert error.failure is FetchFailure.INVALID
    assert "private" in error.hint
    assert "127.0.0.1" not in error.hint
    assert not inside


def test_a_redirect_to_a_name_of_a_private_address_is_refused() -> None:
    with serving(respond(LENGTH)) as (port, inside):
        policy = FetchPolicy(AddressPolicy(allowed_networks=(ip_network("127.0.0.2/32"),)), total_seconds=60)
        with dns("127.0.0.1") as names:
            error = fails(f"http://inside.example:{port}/", policy, resolve=names.resolve)
    assert error.failure is FetchFailure.INVALID
    assert not inside


class TestLogins:
    """User and password in a URL."""

    POLICY = replace(LOCAL, credentials=True)

    def test_they_are_refused_unless_allowed(self) -> None:
        assert "MIEN_URL_CREDENTIALS" in fails("http://me:secret@127.0.0.1:1/").hint

    def test_they_are_sent_to_private_hosts(self) -> None:
        with serving(respond(LENGTH)) as (port, requests):
            assert fetch_image(f"http://me:s%C3%A9cret@127.0.0.1:{port}/a.jpg", self.POLICY) == BODY
        assert b"Authorization: Basic bWU6c8OpY3JldA==\r\n" in requests[0]
        assert b"@" not in requests[0]

    def test_they_are_never_sent_to_public_hosts(self) -> None:
        def resolve(_host: str, _port: int) -> list[str]:
            return ["93.184.215.14"]

        error = fails("http://me:secret@example.com/", self.POLICY, resolve=resolve)
        assert error.failure is FetchFailure.INVALID
        assert "secret" not in error.hint

    def test_they_stay_with_their_origin(self) -> None:
        with serving(respond(LENGTH)) as (other, elsewhere):
            moved = respond(
                f"Location: http://127.0.0.1:{other}/b.jpg", "Content-Length: 0", status="302 Found", body=b""
            )
            with serving(moved) as (port, requests):
                assert fetch_image(f"http://me:secret@127.0.0.1:{port}/", self.POLICY) == BODY
        assert b"Authorization" in requests[0]
        assert b"Authorization" not in elsewhere[0]

    def test_a_redirect_cannot_bring_its_own(self) -> None:
        moved = respond("Location: http://you:own@127.0.0.1:1/", "Content-Length: 0", status="302 Found", body=b"")
        with serving(moved) as (port, _):
            assert fails(f"http://127.0.0.1:{port}/", self.POLICY).failure is FetchFailure.INVALID


class TestProxy:
    """An outbound proxy."""

    def test_images_are_fetched_through_it_by_name(self) -> None:
        def unknown(_host: str, _port: int) -> list[str]:
            raise OSError("no such name here")

        with serving(respond(LENGTH)) as (port, requests):
            policy = replace(LOCAL, proxy=f"http://user:word@127.0.0.1:{port}")
            assert fetch_image("http://photos.example/a.jpg", policy, resolve=unknown) == BODY
        assert requests[0].startswith(b"GET http://photos.example/a.jpg HTTP/1.1\r\n")
        assert b"Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n" in requests[0]

    def test_what_is_known_to_be_private_is_refused_before_the_proxy_hears_of_it(self) -> None:
        with serving(respond(LENGTH)) as (port, requests):
            policy = FetchPolicy(proxy=f"http://127.0.0.1:{port}", total_seconds=60)
            with dns("10.0.0.7") as names:
                for host in ("intranet.example", "169.254.169.254"):
                    resolve = names.resolve if host[0] == "i" else lambda host, _port: [host]
                    assert fails(f"http://{host}/", policy, resolve=resolve).failure is FetchFailure.INVALID
        assert not requests
