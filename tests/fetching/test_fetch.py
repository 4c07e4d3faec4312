from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from tests.local_server import free_port

from mien.fetching.addresses import AddressPolicy
from mien.fetching.fetch import ContentTooLargeError, FetchError, FetchFailure, FetchPolicy, fetch_image, parse_url

LOCAL = FetchPolicy(AddressPolicy(allow_private=True), connect_seconds=60, read_seconds=60, total_seconds=60)
BODY = bytes(range(256)) * 8
Answer = Callable[[socket.socket, bytes], Any]


def respond(*headers: str, status: str = "200 OK", body: bytes = BODY) -> Answer:
    head = "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head + body)

    return answer


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """A server on loopback that gives each connection to `answer`, with its port and the requests it has seen."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    requests: list[bytes] = []
    stop = threading.Event()

    def handle(plain: socket.socket) -> None:
        try:
            plain.settimeout(5)
            with context.wrap_socket(plain, server_side=True) if context else plain as connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    part = connection.recv(65536)
                    if not part:
                        return
                    request += part
                requests.append(request)
                answer(connection, request)
        except OSError:
            pass  # the client hung up, as some tests want

    def loop() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            handle(connection)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], requests
    finally:
        stop.set()
        thread.join()
        listener.close()


def fails(url: str, policy: FetchPolicy = LOCAL, **options: Any) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch_image(url, policy, **options)
    return caught.value


def test_the_body_arrives_and_the_request_is_plain() -> None:
    with serving(respond(f"Content-Length: {len(BODY)}")) as (port, requests):
        assert fetch_image(f"http://127.0.0.1:{port}/a%20b/ü?x=1&y=%2F#top", LOCAL) == BODY
    head = requests[0].decode()
    assert head.startswith("GET /a%20b/%C3%BC?x=1&y=%2F HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{port}\r\n" in head
    assert "Accept-Encoding: identity" in head
    assert "Cookie" not in head
    assert "Authorization" not in head


def test_chunked_and_unannounced_bodies() -> None:
    with serving(respond("Transfer-Encoding: chunked", body=b"5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n")) as (port, _):
        assert fetch_image(f"http://127.0.0.1:{port}/", LOCAL) == b"abcdefgh"
    with serving(respond("Connection: close")) as (port, _):
        assert fetch_image(f"http://127.0.0.1:{port}/", LOCAL) == BODY


def test_private_addresses_are_refused_by_default_without_a_connection() -> None:
    with serving(respond()) as (port, requests):
        for host in ("127.0.0.1", "0x7f.1", "2130706433", "127.1", "localhost", "localhost.", "[::ffff:127.0.0.1]"):
            error = fails(f"http://{host}:{port}/", FetchPolicy())
            assert error.failure is FetchFailure.INVALID
            assert "MIEN_URL_ALLOW_PRIVATE" in error.hint
        assert not requests


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/local/path.jpg",
        "face.jpg",
        "//example.com/a.jpg",
        "ftp://example.com/a.jpg",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:image/png;base64,AAAA",
        "http://",
        "http:///a.jpg",
        "http:example.com",
        "http://good.example@127.0.0.1/",
        "http://user:secret@example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://exam\nple.com/",
        "http://example.com/\r\nHost: evil",
        "http://example.com:0/",
        "http://example.com:22/",
        "http://example.com:70000/",
        "http://example.com:80:80/",
        "http://[::1",
        "http://0177.0.0.1/",
        "http://１２７.0.0.1/",
        "http://\u2488.example/",
        "http://example.com/" + "a" * 9000,
    ],
)
def test_unacceptable_urls(url: str) -> None:
    def never(host: str, port: int) -> list[str]:
        raise AssertionError("resolved")

    error = fails(url, FetchPolicy(), resolve=never)
    assert error.failure is FetchFailure.INVALID
    assert error.hint
    assert "secret" not in error.hint


def test_one_bad_address_among_good_ones_is_enough() -> None:
    error = fails("http://example.com/", FetchPolicy(), resolve=lambda host, port: ["93.184.216.34", "10.0.0.1"])
    assert error.failure is FetchFailure.INVALID
    assert "10.0.0.1" not in error.hint


def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    """DNS rebinding: a second answer of the resolver is never asked for."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.255.255.1"]

    with serving(respond(f"Content-Length: {len(BODY)}")) as (port, requests):
        assert fetch_image(f"http://rebind.example:{port}/", LOCAL, resolve=rebinding) == BODY
    assert asked == ["rebind.example"]
    assert f"Host: rebind.example:{port}".encode() in requests[0]


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with serving(respond(f"Content-Length: {len(BODY)}")) as (port, _):
        url = f"http://two.example:{port}/"
        assert fetch_image(url, LOCAL, resolve=lambda host, _: ["127.0.0.9", "127.0.0.1"]) == BODY


def test_redirects_are_followed_and_relative_ones_too() -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        if b"GET /c " in request:
            respond(f"Content-Length: {len(BODY)}")(connection, request)
        else:
            target = "b/../b" if b"GET /a " in request else "/c"
            respond(f"Location: {target}", status="302 Found", body=b"")(connection, request)

    with serving(answer) as (port, requests):
        assert fetch_image(f"http://127.0.0.1:{port}/a", LOCAL) == BODY
        assert len(requests) == 3


@pytest.mark.parametrize(
    ("location", "failure"),
    [
        ("http://169.254.169.254/latest/meta-data", FetchFailure.INVALID),
        ("http://inner.example/", FetchFailure.INVALID),
        ("file:///etc/passwd", FetchFailure.INVALID),
        ("http://user:pw@example.com/", FetchFailure.INVALID),
        ("http://[::1", FetchFailure.DOWNLOAD),
    ],
)
def test_redirects_are_judged_like_first_urls(location: str, failure: FetchFailure) -> None:
    names = {"public.example": ["127.0.0.1"], "inner.example": ["10.0.0.1"]}
    policy = FetchPolicy(AddressPolicy(allowed_networks=(ip_network("127.0.0.1"),)))
    with serving(respond(f"Location: {location}", status="307 Temporary Redirect", body=b"")) as (port, _):
        url = f"http://public.example:{port}/"
        assert fails(url, policy, resolve=lambda host, _: names.get(host, [host])).failure is failure


def test_redirect_loops_end() -> None:
    with serving(respond("Location: /again", status="301 Moved", body=b"")) as (port, requests):
        error = fails(f"http://127.0.0.1:{port}/")
        assert error.failure is FetchFailure.DOWNLOAD
        assert len(requests) == LOCAL.max_redirects + 1


def test_too_much_is_refused_however_it_is_announced() -> None:
    policy = FetchPolicy(LOCAL.addresses, max_bytes=1000)
    endless = [
        respond("Content-Length: 1001"),
        respond("Content-Length: 99999999999999999999", body=b""),
        respond("Connection: close", body=bytes(2000)),
        respond("Transfer-Encoding: chunked", body=b"800\r\n" + bytes(2048) + b"\r\n0\r\n\r\n"),
    ]
    for answer in endless:
        with serving(answer) as (port, _), pytest.raises(ContentTooLargeError):
            fetch_image(f"http://127.0.0.1:{port}/", policy)
    with serving(respond("Content-Length: 1000", body=bytes(1000))) as (port, _):
        assert len(fetch_image(f"http://127.0.0.1:{port}/", policy)) == 1000


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "204 No Content", "304 Not Modified", "300 Many"])
def test_other_statuses_are_download_errors(status: str) -> None:
    with serving(respond("Content-Length: 0", status=status, body=b"")) as (port, _):
        error = fails(f"http://127.0.0.1:{port}/")
    assert error.failure is FetchFailure.DOWNLOAD
    assert status[:3] in error.hint


def test_compressed_answers_are_refused() -> None:
    with serving(respond("Content-Encoding: gzip", f"Content-Length: {len(BODY)}")) as (port, _):
        assert "compresses" in fails(f"http://127.0.0.1:{port}/").hint


@pytest.mark.parametrize(
    "garbage", [b"", b"\0" * 100, b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"]
)
def test_what_is_not_http_is_a_download_error(garbage: bytes) -> None:
    with serving(lambda connection, request: connection.sendall(garbage)) as (port, _):
        assert fails(f"http://127.0.0.1:{port}/").failure is FetchFailure.DOWNLOAD


def test_a_body_shorter_than_announced_is_a_download_error() -> None:
    with serving(respond("Content-Length: 5000")) as (port, _):
        assert fails(f"http://127.0.0.1:{port}/").failure is FetchFailure.DOWNLOAD


def test_nobody_listening_and_names_without_address_are_download_errors() -> None:
    assert fails(f"http://127.0.0.1:{free_port()}/").failure is FetchFailure.DOWNLOAD

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    assert "no address" in fails("http://nowhere.example/", resolve=unknown).hint


@pytest.mark.parametrize("part", ["head", "body"])
def test_dripping_servers_are_left_at_the_deadline(part: str) -> None:
    def drip(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if part == "body" else b""))
        with suppress(OSError):
            while True:  # only the deadline ends it
                connection.sendall(b"X-A: b\r\n")
                time.sleep(0.05)

    policy = FetchPolicy(LOCAL.addresses, read_seconds=1, total_seconds=0.5)
    with serving(drip) as (port, _):
        error = fails(f"http://127.0.0.1:{port}/", policy)
    assert "in time" in error.hint


def test_a_slow_resolver_is_left_at_the_deadline() -> None:
    release = threading.Event()

    def slow(host: str, port: int) -> list[str]:
        release.wait(10)
        return ["127.0.0.1"]

    error = fails("http://slow.example/", FetchPolicy(total_seconds=0.2), resolve=slow)
    release.set()
    assert error.failure is FetchFailure.DOWNLOAD


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(respond(f"Content-Length: {len(BODY)}")) as (port, _):
        assert fetch_image(f"http://127.0.0.1:{port}/", LOCAL) == BODY


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for secure.example, with its key in the same PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "secure.example")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("secure.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + built.public_bytes(pem))
    return path


def test_certificates_are_checked_for_the_name_and_not_the_address(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    trusting = FetchPolicy(LOCAL.addresses, ca_file=str(certificate))

    def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with serving(respond(f"Content-Length: {len(BODY)}"), context) as (port, _):
        assert fetch_image(f"https://secure.example:{port}/", trusting, resolve=resolve) == BODY
        assert names == ["secure.example"]
        for url, policy in ((f"https://other.example:{port}/", trusting), (f"https://secure.example:{port}/", LOCAL)):
            error = fails(url, policy, resolve=resolve)
            assert error.failure is FetchFailure.DOWNLOAD
            assert "certificate" in error.hint


@given(
    st.text(max_size=60) | st.builds("http://{}:{}/{}".format, st.text(max_size=30), st.integers(), st.text(max_size=9))
)
def test_any_text_is_a_checked_url_or_refused(text: str) -> None:
    try:
        url = parse_url(text, FetchPolicy())
    except FetchError as error:
        assert error.failure is FetchFailure.INVALID  # noqa: PT017  # both outcomes are right
        return
    assert url.scheme in ("http", "https")
    assert url.raw_host
    assert url.raw_host.isascii()
    assert not url.userinfo
    assert not url.fragment
    assert url.port is None or url.port in (80, 443) or url.port >= 1024


@given(st.ip_addresses().filter(lambda ip: not ip.is_global))
def test_no_literal_of_a_non_public_address_is_connected_to(ip: Any) -> None:
    host = f"[{ip}]" if ip.version == 6 else str(ip)
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is None or not ip_address(str(mapped)).is_global:
        assert fails(f"http://{host}/", FetchPolicy()).failure is FetchFailure.INVALID


def test_a_private_name_and_no_name_look_alike() -> None:
    def inside(host: str, port: int) -> list[str]:
        return ["10.1.2.3"]

    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    private = fails("http://wiki.corp.example/x.jpg", FetchPolicy(), resolve=inside)
    missing = fails("http://wiki.corp.example/x.jpg", FetchPolicy(), resolve=nowhere)
    assert (private.failure, private.hint) == (missing.failure, missing.hint)
    assert "10.1.2.3" not in private.hint
    assert "is private" in fails("http://10.1.2.3/x.jpg", FetchPolicy()).hint  # the caller wrote the address
