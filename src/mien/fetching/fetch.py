"""Fetches the image of a URL that a client gave, without becoming the client's way into the operator's network.

A name is resolved once for each connection, every address it has is judged, and the connection goes to one of the very
addresses that were judged; the URL, the Host header and the certificate keep the name. Redirects are new URLs and are
judged alike. Size and time are bounded, whatever the server says or how slowly it says it.

If a proxy is set, it resolves names. If a name can be resolved on this machine, its addresses are checked here as well;
everything else that the proxy can reach is up to the proxy's own rules.

    data = fetch_image("https://example.com/face.jpg", FetchPolicy())
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import httpcore
import httpx

from mien.fetching.addresses import AddressPolicy

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port → its IP addresses. Raises OSError when there are none."""

MAX_URL_LENGTH: Final = 8192

USER_AGENT: Final = (b"User-Agent", b"Mien")
"""The header by which every request of ours names its sender."""

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_WITH_CONTENT: Final = (200, 203, 206)
_RESOLVERS: Final = ThreadPoolExecutor(max_workers=8, thread_name_prefix="mien-resolve")
# Ports below 1024 are those of other protocols, some of which take the lines of an HTTP request for commands.
_LOW_PORTS: Final = (80, 443)
_COMPRESSIONS: Final = frozenset({b"gzip", b"x-gzip", b"deflate", b"br", b"zstd", b"compress", b"x-compress"})
"""Content codings that change the bytes. Storage often claims others that do not (`utf-8`, `aws-chunked`)."""


class FetchFailure(StrEnum):
    """The one of the contract's two InvalidURL messages that applies."""

    INVALID = "invalid"
    """ "Invalid image URL.": malformed, an unsupported scheme, or not allowed."""
    DOWNLOAD = "download"
    """ "Invalid image URL or error downloading from target server. …": the server, or the way to it, failed."""


class FetchError(Exception):
    """An image could not be fetched.

    Attributes:
        failure: which of the two messages.
        hint: the cause and a remedy; shown to the client, so it never reveals the address of a name.
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
        credentials: whether a URL may hold a user name and password. They are sent only to the URL's own origin, and
            only to private addresses and `addresses.allowed_networks`.
        proxy: URL of an HTTP proxy to fetch through, perhaps with user name and password.
    """

    addresses: AddressPolicy = field(default_factory=AddressPolicy)
    max_bytes: int = 6 * 1024 * 1024
    max_redirects: int = 5
    connect_seconds: float = 5.0
    read_seconds: float = 5.0
    total_seconds: float = 20.0
    ca_file: str | None = None
    credentials: bool = False
    proxy: str | None = None


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
    given = parse_url(url, policy)
    login, target = given.userinfo, given.copy_with(userinfo=b"")
    origin = _origin(target)
    followed = replace(policy, credentials=False)
    with _pool(policy, backend) as pool:
        for _ in range(policy.max_redirects + 1):
            own = login if _origin(target) == origin else b""
            backend.private_only = bool(own)
            if policy.proxy:
                backend.judge(target.host, target.port or _DEFAULT_PORTS[target.scheme], lenient=True)
            answer = _get(pool, target, policy, own)
            if isinstance(answer, bytes):
                return answer
            try:
                target = parse_url(str(target.join(answer)), followed)
            except (httpx.InvalidURL, ValueError):
                raise FetchError(FetchFailure.DOWNLOAD, "The server redirects to a malformed URL.") from None
    raise FetchError(FetchFailure.DOWNLOAD, f"The server redirects more than {policy.max_redirects} times.")


_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or _DEFAULT_PORTS[url.scheme]


def _pool(policy: FetchPolicy, backend: GuardedBackend) -> httpcore.ConnectionPool:
    context = ssl_context(policy.ca_file)
    if policy.proxy is None:
        return httpcore.ConnectionPool(ssl_context=context, max_keepalive_connections=0, network_backend=backend)
    proxy = httpx.URL(policy.proxy)
    backend.proxy = (proxy.host, proxy.port or _DEFAULT_PORTS[proxy.scheme])
    return httpcore.HTTPProxy(
        str(proxy.copy_with(userinfo=b"")),
        proxy_auth=(proxy.username.encode(), proxy.password.encode()) if proxy.userinfo else None,
        ssl_context=context,
        proxy_ssl_context=context if proxy.scheme == "https" else None,
        max_keepalive_connections=0,
        network_backend=backend,
    )


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
    if parsed.userinfo and not policy.credentials:
        raise refuse(
            "A URL with a user name or password is not fetched (MIEN_URL_CREDENTIALS=true allows it within private "
            "networks)."
        )
    if port is not None and not (
        port in _LOW_PORTS or 1024 <= port <= 65535 or (policy.addresses.allow_private and 0 < port < 1024)
    ):
        raise refuse(f"Port {port} is not fetched from.")
    return parsed.copy_with(host=host, fragment=None)


def _get(pool: httpcore.ConnectionPool, url: httpx.URL, policy: FetchPolicy, login: bytes) -> bytes | str:
    """Return the body, or where a redirect goes."""
    headers = [
        (b"Host", url.netloc),
        (b"Accept", b"image/*, */*;q=0.8"),
        (b"Accept-Encoding", b"identity"),
        USER_AGENT,
    ]
    if login:
        plain = unquote_to_bytes(login)
        headers.append((b"Authorization", b"Basic " + b64encode(plain)))
    core_url = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    timeout = {"connect": policy.connect_seconds, "read": policy.read_seconds, "write": policy.read_seconds, "pool": 0}
    try:
        with pool.stream("GET", core_url, headers=headers, extensions={"timeout": timeout}) as response:
            return _read(response, policy)
    except FetchError:
        raise
    except httpcore.TimeoutException:
        raise FetchError(FetchFailure.DOWNLOAD, "The server did not answer in time.") from None
    except httpcore.ProxyError:
        raise FetchError(FetchFailure.DOWNLOAD, "The proxy refused to fetch the image.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, UnicodeError) as error:
        reason = "its certificate is not valid" if "CERTIFICATE_VERIFY" in str(error) else "the connection failed"
        raise FetchError(FetchFailure.DOWNLOAD, f"The image could not be downloaded: {reason}.") from None


def _read(response: httpcore.Response, policy: FetchPolicy) -> bytes | str:
    headers = {name.lower(): value for name, value in response.headers}
    if response.status in _REDIRECTS:
        if b"location" not in headers:
            raise FetchError(FetchFailure.DOWNLOAD, "The server redirects to nowhere.")
        location = headers[b"location"]
        try:
            return location.decode()  # raw UTF-8 is not allowed there, and common
        except UnicodeDecodeError:
            return location.decode("latin-1")
    if response.status not in _WITH_CONTENT or (response.status == 206 and not _is_whole(headers)):
        raise FetchError(FetchFailure.DOWNLOAD, f"The server of the image answered with status {response.status}.")
    codings = {coding.strip().lower() for coding in headers.get(b"content-encoding", b"").split(b",")}
    if codings & _COMPRESSIONS:
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


def _is_whole(headers: dict[bytes, bytes]) -> bool:
    """Return whether a partial content is all of it, as some servers call a whole file."""
    found = re.fullmatch(rb"bytes 0-(\d{1,18})/(\d{1,18}|\*)", headers.get(b"content-range", b"bytes 0-0/*").strip())
    return found is not None and (found[2] == b"*" or int(found[1]) + 1 == int(found[2]))


@lru_cache(maxsize=4)
def ssl_context(ca_file: str | None) -> ssl.SSLContext:
    """Return what checks certificates, by the system's authorities or those of a PEM file."""
    # Loading the authorities takes tens of milliseconds; a context may be shared between threads.
    return ssl.create_default_context(cafile=ca_file)


_NO_ADDRESS: Final = (
    "The name {host} has no address that may be connected to: it does not exist, or leads to a private or "
    "reserved network ({private} and {networks} say which are allowed)."
)


class GuardedBackend(httpcore.NetworkBackend):
    """Connects only to addresses that the policy allows, and ends everything at the deadline.

    Attributes:
        private_only: whether only private and explicitly allowed addresses will do, as a password is sent to them.
        proxy: host and port of the proxy, which the operator chose and which is not judged.
    """

    private_only = False
    proxy: tuple[str, int] | None = None

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
        if (host, port) == self.proxy:
            stream = self._inner.connect_tcp(
                host, port, _remaining(self._deadline, timeout), local_address, socket_options
            )
            return _DeadlineStream(stream, self._deadline)
        addresses = self.judge(host, port)
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

    def judge(self, host: str, port: int, *, lenient: bool = False) -> Sequence[str]:
        """Resolve a host and judge all of its addresses.

        Args:
            host: name or address.
            port: to be connected to.
            lenient: whether a name that cannot be resolved here is left to the proxy.

        Raises:
            FetchError: one of the addresses is refused, or there is none.
        """
        future = _RESOLVERS.submit(self._resolve, host, port)
        try:
            addresses = future.result(_remaining(self._deadline, self._policy.connect_seconds))
        except TimeoutError:
            future.cancel()
            raise FetchError(FetchFailure.DOWNLOAD, "The name of the server was not resolved in time.") from None
        except (OSError, UnicodeError):
            addresses = []
        if not addresses and lenient and not self.private_only:
            return addresses
        reasons = [reason for reason in map(self._policy.addresses.refusal, addresses) if reason]
        if reasons and host in addresses:  # the caller wrote the address
            raise FetchError(FetchFailure.INVALID, f"The address of {host} {reasons[0]}.")
        if reasons or not addresses:
            # One answer for both: whether a name exists inside is nobody's business outside.
            policy = self._policy.addresses
            text = _NO_ADDRESS.format(host=host, private=policy.private_setting, networks=policy.networks_setting)
            raise FetchError(FetchFailure.INVALID, text)
        if self.private_only and not all(map(self._policy.addresses.is_inside, addresses)):
            raise FetchError(
                FetchFailure.INVALID, "A user name and password are sent to private and allowed networks only."
            )
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
