"""Fetches the image of a URL that a client gave, without becoming the client's way into the operator's network.

A name is resolved once for each connection, every address it has is judged, and the connection goes to one of the very
addresses that were judged; the URL, the Host header and the certificate keep the name. Redirects are new URLs and are
judged alike. Size and time are bounded, whatever the server says or how slowly it says it.

    data = fetch_image("https://example.com/face.jpg", FetchPolicy())
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import httpcore
import httpx

from mien.fetching.addresses import AddressPolicy

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port → its IP addresses. Raises OSError when there are none."""

MAX_URL_LENGTH: Final = 8192

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_RESOLVERS: Final = ThreadPoolExecutor(max_workers=8, thread_name_prefix="mien-resolve")
# Ports below 1024 are those of other protocols, some of which take the lines of an HTTP request for commands.
_LOW_PORTS: Final = (80, 443)


class FetchFailure(StrEnum):
    """Which of the contract's two InvalidURL messages applies."""

    INVALID = "invalid"
    """ "Invalid image URL.": malformed, an unsupported scheme, or not allowed."""
    DOWNLOAD = "download"
    """ "Invalid image URL or error downloading from target server. …": the server, or the way to it, failed."""


class FetchError(Exception):
    """An image could not be fetched.

    Attributes:
        failure: which of the two messages.
        hint: what was wrong and what would help; shown to the client, so it names no address behind a name.
    """

    def __init__(self, failure: FetchFailure, hint: str) -> None:
        """Keep both for the wire's error."""
        super().__init__(hint)
        self.failure = failure
        self.hint = hint


class ContentTooLargeError(Exception):
    """The content is longer than the policy allows."""


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """Limits of a fetch.

    Attributes:
        addresses: which addresses may be connected to.
        max_bytes: largest body.
        max_redirects: how many redirects are followed.
        connect_seconds: longest wait for one connection or TLS handshake.
        read_seconds: longest wait for the next bytes.
        total_seconds: longest fetch, with name resolution and redirects.
        ca_file: PEM file of certificate authorities to trust in place of the system's.
    """

    addresses: AddressPolicy = field(default_factory=AddressPolicy)
    max_bytes: int = 6 * 1024 * 1024
    max_redirects: int = 5
    connect_seconds: float = 5.0
    read_seconds: float = 5.0
    total_seconds: float = 20.0
    ca_file: str | None = None


def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver gives for a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def fetch_image(url: str, policy: FetchPolicy, *, resolve: Resolver = system_resolver) -> bytes:
    """Fetch a URL's content; blocks, so call it from a worker thread.

    Args:
        url: as the client gave it.
        policy: limits.
        resolve: replaces the system's resolver in tests.

    Raises:
        FetchError: the URL is not acceptable, or the download failed.
        ContentTooLargeError: the content is longer than `policy.max_bytes`.
    """
    backend = GuardedBackend(policy, resolve, time.monotonic() + policy.total_seconds)
    target = parse_url(url, policy)
    with httpcore.ConnectionPool(
        ssl_context=ssl_context(policy.ca_file), max_keepalive_connections=0, network_backend=backend
    ) as pool:
        for _ in range(policy.max_redirects + 1):
            answer = _get(pool, target, policy)
            if isinstance(answer, bytes):
                return answer
            try:
                target = parse_url(str(target.join(answer)), policy)
            except (httpx.InvalidURL, ValueError):
                raise FetchError(FetchFailure.DOWNLOAD, "The server redirects to a malformed URL.") from None
    raise FetchError(FetchFailure.DOWNLOAD, f"The server redirects more than {policy.max_redirects} times.")


def parse_url(url: str, policy: FetchPolicy) -> httpx.URL:
    """Check the form of a URL; addresses are judged when they are connected to.

    Raises:
        FetchError: with `FetchFailure.INVALID`.
    """

    def refuse(hint: str) -> FetchError:
        return FetchError(FetchFailure.INVALID, hint)

    if not url or len(url) > MAX_URL_LENGTH:
        raise refuse(f"The URL must have 1 to {MAX_URL_LENGTH} characters.")
    if "\\" in url or any(ord(character) < 32 or ord(character) == 127 for character in url):
        raise refuse("The URL has a backslash or a control character in it.")
    try:
        parsed = httpx.URL(url)
        host, port = parsed.raw_host.decode("ascii").rstrip("."), parsed.port
    except (httpx.InvalidURL, ValueError) as error:
        raise refuse(f"The URL is malformed: {error}.") from None
    if parsed.scheme not in ("http", "https"):
        raise refuse("The URL must begin with http:// or https://.")
    if not host:
        raise refuse("The URL names no host.")
    if parsed.userinfo:
        raise refuse("A URL with a user name or password is not fetched.")
    if port is not None and not (
        port in _LOW_PORTS or 1024 <= port <= 65535 or (policy.addresses.allow_private and 0 < port < 1024)
    ):
        raise refuse(f"Port {port} is not fetched from.")
    return parsed.copy_with(host=host, fragment=None)


def _get(pool: httpcore.ConnectionPool, url: httpx.URL, policy: FetchPolicy) -> bytes | str:
    """The body, or where a redirect goes."""
    headers = [
        (b"Host", url.netloc),
        (b"Accept", b"image/*"),
        (b"Accept-Encoding", b"identity"),
        (b"User-Agent", b"Mien"),
    ]
    core_url = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    timeout = {"connect": policy.connect_seconds, "read": policy.read_seconds, "write": policy.read_seconds, "pool": 0}
    try:
        with pool.stream("GET", core_url, headers=headers, extensions={"timeout": timeout}) as response:
            return _read(response, policy)
    except FetchError:
        raise
    except httpcore.TimeoutException:
        raise FetchError(FetchFailure.DOWNLOAD, "The server did not answer in time.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, UnicodeError) as error:
        reason = "its certificate is not valid" if "CERTIFICATE_VERIFY" in str(error) else "the connection failed"
        raise FetchError(FetchFailure.DOWNLOAD, f"The image could not be downloaded: {reason}.") from None


def _read(response: httpcore.Response, policy: FetchPolicy) -> bytes | str:
    headers = {name.lower(): value for name, value in response.headers}
    if response.status in _REDIRECTS:
        if b"location" not in headers:
            raise FetchError(FetchFailure.DOWNLOAD, "The server redirects to nowhere.")
        return headers[b"location"].decode("latin-1")
    if response.status != 200:
        raise FetchError(FetchFailure.DOWNLOAD, f"The server of the image answered with status {response.status}.")
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
        raise FetchError(FetchFailure.DOWNLOAD, "The server compresses the image though it was asked not to.")
    too_large = ContentTooLargeError(f"the image has more than {policy.max_bytes} bytes")
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced[:20]) > policy.max_bytes:
        raise too_large
    body = bytearray()
    for part in response.iter_stream():
        body += part
        if len(body) > policy.max_bytes:
            raise too_large
    return bytes(body)


@lru_cache(maxsize=4)
def ssl_context(ca_file: str | None) -> ssl.SSLContext:
    """Return what checks certificates, by the system's authorities or those of a PEM file."""
    # Loading the authorities takes tens of milliseconds; a context may be shared between threads.
    return ssl.create_default_context(cafile=ca_file)


class GuardedBackend(httpcore.NetworkBackend):
    """Connects only to addresses that the policy allows, and ends everything at the deadline."""

    def __init__(self, policy: FetchPolicy, resolve: Resolver, deadline: float) -> None:
        self._policy = policy
        self._resolve = resolve
        self._deadline = deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a host, if the policy allows all of its addresses."""
        addresses = self._judged(host, port)
        for number, address in enumerate(addresses[:4]):
            try:
                stream = self._inner.connect_tcp(
                    address, port, _remaining(self._deadline, timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number + 1 == min(len(addresses), 4):
                    raise
            else:
                return _DeadlineStream(stream, self._deadline)
        raise httpcore.ConnectError("no address")

    def _judged(self, host: str, port: int) -> Sequence[str]:
        future = _RESOLVERS.submit(self._resolve, host, port)
        try:
            addresses = future.result(_remaining(self._deadline, self._policy.connect_seconds))
        except TimeoutError:
            future.cancel()
            raise FetchError(FetchFailure.DOWNLOAD, "The name of the server was not resolved in time.") from None
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise FetchError(FetchFailure.DOWNLOAD, f"The name {host} has no address.")
        for address in addresses:
            reason = self._policy.addresses.refusal(address)
            if reason:
                # Of a name only the reason is told: which address it has inside is nobody's business.
                raise FetchError(FetchFailure.INVALID, f"The address of {host} {reason}.")
        return addresses


class _DeadlineStream(httpcore.NetworkStream):
    """A stream whose every wait ends at the deadline, so that a server cannot drip bytes for ever."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _remaining(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _remaining(self._deadline, timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, _remaining(self._deadline, timeout))
        return _DeadlineStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _remaining(deadline: float, timeout: float | None) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the fetch took too long")
    return left if timeout is None else min(left, timeout)
