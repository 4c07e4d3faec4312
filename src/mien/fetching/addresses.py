"""Which network addresses a server may be sent to by a URL that its client chose.

Names are of no use for that: they resolve to what their owner likes, and numbers can be written in many ways. So
addresses are judged, after resolution, in the form in which they will be connected to.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PRIVATE: Final = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("127.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv6Network("fc00::/7"),
    IPv6Network("::1/128"),
)
"""RFC 1918, loopback, carrier-grade NAT (RFC 6598), unique local: where an operator's own photos may well live."""

_NEVER: Final = (
    IPv4Network("168.63.129.16/32"),  # the virtual machine agent of Azure, a public address that only hosts see
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of local use (RFC 8215): what is behind is not known
    IPv6Network("2001::/32"),  # Teredo
    IPv6Network("::/96"),  # IPv4-compatible, deprecated
    IPv6Network("fec0::/10"),  # site-local, deprecated
)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Networks that clients' URLs may reach besides the public internet.

    Attributes:
        allow_private: also private, loopback and carrier-grade NAT addresses. Link-local (cloud metadata), multicast
            and reserved ones stay refused.
        allowed_networks: always allowed, whatever they are.
    """

    allow_private: bool = False
    allowed_networks: tuple[Network, ...] = ()

    def refusal(self, address: str) -> str | None:
        """Why an address may not be connected to, or None.

        Args:
            address: as `getaddrinfo` gives it, an IPv6 one perhaps with a zone ("fe80::1%2").
        """
        try:
            ip = ip_address(address)
        except ValueError:
            return "is not an IP address"
        if isinstance(ip, IPv6Address) and ip.scope_id is not None:
            ip = IPv6Address(int(ip))
        inner = embedded(ip)
        if inner is not None:
            reason = self._refusal(inner)
            if reason:
                return f"stands for an IPv4 address that {reason}"
            if not _is_isatap(ip):
                return None  # the outer form is only a wrapping
        return self._refusal(ip)

    def is_inside(self, address: str) -> bool:
        """Return whether an address is private or explicitly allowed, and stands for itself."""
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return embedded(ip) is None and (_within(ip, _PRIVATE) or _within(ip, self.allowed_networks))

    def _refusal(self, ip: Address) -> str | None:
        if _within(ip, self.allowed_networks):
            return None
        if _within(ip, _PRIVATE):
            return None if self.allow_private else "is private (MIEN_URL_ALLOW_PRIVATE=true allows it)"
        if ip.is_link_local:
            return "is link-local, where cloud metadata lives (MIEN_URL_ALLOWED_NETWORKS can list it)"
        if ip.is_multicast or not ip.is_global or _within(ip, _NEVER):
            return "is reserved (MIEN_URL_ALLOWED_NETWORKS can list it)"
        return None


def refused_host(host: str, policy: AddressPolicy) -> str | None:
    """Return why no address of a host may be connected to; None if one may, or the name is not known now.

    Args:
        host: a name or an address, as a URL has it.
        policy: judges addresses.
    """
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return None
    reasons = [(address, policy.refusal(address)) for address in sorted(found)]
    if not reasons or any(reason is None for _, reason in reasons):
        return None
    address, reason = reasons[0]
    return f"{host} {reason}" if address == host else f"{host} is {address}, which {reason}"


def _within(ip: Address, networks: tuple[Network, ...]) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)


def _is_isatap(ip: Address) -> bool:
    """Whether the interface id is 0000:5efe or 0200:5efe and an IPv4 address (RFC 5214)."""
    return isinstance(ip, IPv6Address) and (int(ip) >> 32) & 0xFDFFFFFF == 0x00005EFE


def embedded(ip: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: IPv4-mapped, 6to4, NAT64 (64:ff9b::/96) or ISATAP."""
    if isinstance(ip, IPv4Address):
        return None
    if ip in IPv6Network("64:ff9b::/96") or _is_isatap(ip):
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour
