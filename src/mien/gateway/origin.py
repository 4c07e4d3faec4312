"""Where the caller sees this server: scheme, host and port of the addresses that answers point to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from mien.gateway.exchange import Request

Network = IPv4Network | IPv6Network

_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_PORT = re.compile(r"[0-9]{1,5}")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class OriginFinder:
    """Finds out under which address a caller reached this server.

    Attributes:
        trusted_proxies: networks whose `X-Forwarded-Proto`, `-Host` and `-Port` are believed; from anyone else these
            headers could send a client to a stranger's server with its key.
    """

    trusted_proxies: Sequence[Network] = ()

    def __call__(self, request: Request) -> str:
        """Return `scheme://host[:port]` without a slash at the end."""
        scheme = str(request.scope.get("scheme", "http"))
        authority = _authority(request.header(b"host"))
        if self._from_proxy(request):
            forwarded = _first(request.header(b"x-forwarded-proto")).lower()
            scheme = forwarded if forwarded in _DEFAULT_PORTS else scheme
            authority = _authority(_first(request.header(b"x-forwarded-host"))) or authority
            authority = _with_port(authority, scheme, _first(request.header(b"x-forwarded-port")))
        return f"{scheme}://{authority or _listening(request)}"

    def _from_proxy(self, request: Request) -> bool:
        client = request.scope.get("client")
        if not self.trusted_proxies or not client:
            return False
        try:
            address = ip_address(client[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self.trusted_proxies)


def _first(header: str | None) -> str:
    """Return what the proxy nearest to the caller wrote: proxies append to these lists."""
    return (header or "").partition(",")[0].strip()


def _authority(text: str | None) -> str:
    """Return host and port, or nothing when the text is neither: it goes into a header of the answer."""
    return text if text and _AUTHORITY.fullmatch(text) else ""


def _with_port(authority: str, scheme: str, port: str) -> str:
    has_port = re.search(r":[0-9]+$", authority) is not None
    if not authority or has_port or not _PORT.fullmatch(port) or port == _DEFAULT_PORTS.get(scheme):
        return authority
    return f"{authority}:{port}"


def _listening(request: Request) -> str:
    """Return the address that the server listens on: for the rare client that sends no host."""
    server = request.scope.get("server") or ("localhost", None)
    host = f"[{server[0]}]" if ":" in server[0] else server[0]
    return f"{host}:{server[1]}" if server[1] else host
