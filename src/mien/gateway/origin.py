"""The server's address as the caller sees it (scheme, host, port, base path), and the client's address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from mien.gateway.exchange import Request

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_BASE_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_PAIR = re.compile(r'\s*([A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^;,"\s]*)\s*')
_PORT = re.compile(r"[0-9]{1,5}")
_WITHOUT_PORT = re.compile(r":[0-9]+\Z")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class OriginFinder:
    """Determines the server's URL as the caller sees it, and the caller's address.

    Attributes:
        trusted_proxies: networks whose `X-Forwarded-Proto`, `-Host`, `-Port`, `-Prefix` and `-For` headers are used,
            or `Forwarded` (RFC 7239) without those. From others they are ignored: they could send clients, with
            their keys, to another server, or bypass network rules.
    """

    trusted_proxies: Sequence[Network] = ()

    def __call__(self, request: Request) -> str:
        """Return `scheme://host[:port][/base/path]` without a final slash and without a scheme's default port."""
        return self.without_prefix(request) + self.prefix(request)

    def without_prefix(self, request: Request) -> str:
        """Return `scheme://host[:port]`."""
        scheme = str(request.scope.get("scheme", "http"))
        authority = _authority(request.header(b"host"))
        if self._from_proxy(request):
            forwarded = (_first(request.header(b"x-forwarded-proto")) or _forwarded(request, "proto")).lower()
            scheme = forwarded if forwarded in _DEFAULT_PORTS else scheme
            authority = self._forwarded_host(request) or authority
            authority = _with_port(authority, scheme, _first(request.header(b"x-forwarded-port")))
        return f"{scheme}://{(authority or _listening(request)).removesuffix(f':{_DEFAULT_PORTS.get(scheme)}')}"

    def prefix(self, request: Request) -> str:
        """Return the base path that trusted proxies add, such as `/mien` (the outermost first); else empty."""
        if not self._from_proxy(request):
            return ""
        lines = [value.decode("latin-1") for name, value in request.headers if name == b"x-forwarded-prefix"]
        path = "".join(part.strip().rstrip("/") for part in ",".join(lines).split(","))
        return path if _BASE_PATH.fullmatch(path) and "/.." not in path else ""

    def path(self, request: Request) -> str:
        """Return the path of a request without the base path, which some proxies strip and others keep."""
        prefix = self.prefix(request)
        return request.path.removeprefix(prefix) if prefix and request.path.startswith(f"{prefix}/") else request.path

    def host(self, request: Request) -> str:
        """Return the requested host in lower case, without port or final dot; empty if missing or malformed."""
        authority = _authority(request.header(b"host"))
        if self._from_proxy(request):
            authority = self._forwarded_host(request) or authority
        return _WITHOUT_PORT.sub("", authority).lower().rstrip(".")

    def client(self, request: Request) -> Address | None:
        """Return the caller's address; None without one, as over a Unix socket.

        Each proxy appends the address of its caller. The list is followed backwards as long as the proxies are trusted.
        """
        nearest = _address(str((request.scope.get("client") or ("",))[0]))
        if nearest is None or not self._trusts(nearest):
            return nearest
        lines = [value.decode("latin-1") for name, value in request.headers if name == b"x-forwarded-for"]
        chain = ",".join(lines).split(",") if lines else _forwarded_all(request, "for")
        for text in reversed(chain):
            written = _address(text.strip())
            if written is None:
                break
            nearest = written
            if not self._trusts(nearest):
                break
        return nearest

    @staticmethod
    def _forwarded_host(request: Request) -> str:
        return _authority(_first(request.header(b"x-forwarded-host")) or _forwarded(request, "host"))

    def _from_proxy(self, request: Request) -> bool:
        client = request.scope.get("client")
        if not self.trusted_proxies or not client:
            return False
        address = _address(client[0])
        return address is not None and self._trusts(address)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self.trusted_proxies)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Parse a comma-separated list of networks.

    Raises:
        ValueError: a part is not a network.
    """
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _address(text: str) -> Address | None:
    """Parse an address with or without a port; an IPv4-mapped IPv6 address becomes IPv4."""
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _first(header: str | None) -> str:
    """Return the entry of the proxy nearest to the caller, which is the first: proxies append to these lists."""
    return (header or "").partition(",")[0].strip()


def _forwarded(request: Request, name: str) -> str:
    """Return a parameter of `Forwarded` as the proxy nearest to the caller wrote it."""
    return next(iter(_forwarded_all(request, name)), "")


def _forwarded_all(request: Request, name: str) -> list[str]:
    """Return a parameter of each element of `Forwarded` (RFC 7239), the nearest to the caller first."""
    header = ",".join(value.decode("latin-1") for key, value in request.headers if key == b"forwarded")
    found = []
    for element in re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', header):
        pairs = {key.lower(): value.strip('"') for key, value in _PAIR.findall(element)}
        if name in pairs:
            found.append(pairs[name])
    return found


def _authority(text: str | None) -> str:
    """Return host and port, or "" if the text is malformed, because it goes into a response header."""
    return text if text and _AUTHORITY.fullmatch(text) else ""


def _with_port(authority: str, scheme: str, port: str) -> str:
    has_port = re.search(r":[0-9]+$", authority) is not None
    if not authority or has_port or not _PORT.fullmatch(port) or port == _DEFAULT_PORTS.get(scheme):
        return authority
    return f"{authority}:{port}"


def _listening(request: Request) -> str:
    """Return the server's own address, for requests without a `Host` header."""
    server = request.scope.get("server") or ("localhost", None)
    host = f"[{server[0]}]" if ":" in server[0] else server[0]
    return f"{host}:{server[1]}" if server[1] else host
