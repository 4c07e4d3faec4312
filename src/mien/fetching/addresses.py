"""The network addresses to which a URL of a client may lead a server.

Names are of no use for that: they resolve to what their owner likes, and numbers can be written in many ways. So
addresses are judged, after resolution, in the form in which they will be connected to.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from mien.messages import Message

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

_LINK_LOCAL: Final = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"))

_IPV6_INTERNET: Final = IPv6Network("2000::/3")
"""What IANA allocates for global unicast; the rest of IPv6 is reserved, translated, local or multicast."""

_RESERVED: Final = (
    IPv4Network("0.0.0.0/8"),  # this network
    IPv4Network("168.63.129.16/32"),  # the virtual machine agent of Azure, a public address that only hosts see
    IPv4Network("192.0.0.0/24"),  # protocol assignments, 192.0.0.9 and .10 (anycast) among them
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv4Network("224.0.0.0/4"),  # multicast
    IPv4Network("240.0.0.0/4"),  # future use, and broadcast
    IPv6Network("2001::/23"),  # protocol assignments: Teredo, benchmarks, ORCHID and anycast among them
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4: what its relays reach is not known (RFC 7526 asks to turn them off)
    IPv6Network("3fff::/20"),  # documentation
)
"""The registries of special-purpose addresses of IANA (RFC 6890), and what else no photo is served from.

Python's `is_global` follows the registries as they were when it was released: 3.11 and 3.13 disagree.
"""

_NAT64: Final = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Networks that clients' URLs may reach besides the public internet.

    Attributes:
        allow_private: also private, loopback and carrier-grade NAT addresses. Link-local (cloud metadata), multicast
            and reserved ones stay refused.
        allowed_networks: always allowed, whatever they are.
        settings: how the names of the settings begin that say so; refusals name them.
    """

    allow_private: bool = False
    allowed_networks: tuple[Network, ...] = ()
    settings: str = "MIEN_URL"

    @property
    def private_setting(self) -> str:
        """The setting that allows private addresses."""
        return f"{self.settings}_ALLOW_PRIVATE"

    @property
    def networks_setting(self) -> str:
        """The setting that lists networks."""
        return f"{self.settings}_ALLOWED_NETWORKS"

    def refusal(self, address: str) -> Message | None:
        """Why an address may not be connected to, or None.

        Args:
            address: as `getaddrinfo` gives it, an IPv6 one perhaps with a zone ("fe80::1%2").
        """
        try:
            ip = ip_address(address)
        except ValueError:
            return Message("is not an IP address")
        if isinstance(ip, IPv6Address) and ip.scope_id is not None:
            ip = IPv6Address(int(ip))
        reason = None if _only_wraps(ip) else self._refusal(ip)
        inner = embedded(ip)
        if reason or inner is None:
            return reason
        reason = self._refusal(inner)
        return Message("stands for an IPv4 address that {reason}", reason=reason) if reason else None

    def is_inside(self, address: str) -> bool:
        """Tell whether an address is private or explicitly allowed, and stands for itself."""
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return embedded(ip) is None and (_within(ip, _PRIVATE) or _within(ip, self.allowed_networks))

    def _refusal(self, ip: Address) -> Message | None:
        if _within(ip, self.allowed_networks):
            return None
        if _within(ip, _PRIVATE):
            if self.allow_private:
                return None
            return Message("is private ({setting}=true allows it)", setting=self.private_setting)
        if _within(ip, _LINK_LOCAL):
            return Message(
                "is link-local, where cloud metadata lives ({setting} can list it)", setting=self.networks_setting
            )
        if _within(ip, _RESERVED) or (isinstance(ip, IPv6Address) and ip not in _IPV6_INTERNET):
            return Message("is reserved ({setting} can list it)", setting=self.networks_setting)
        return None


def refused_host(host: str, policy: AddressPolicy) -> Message | None:
    """Return why no address of a host may be connected to; None where one may, or the name is not known now.

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
    if address == host:
        return Message("{host} {reason}", host=host, reason=reason)
    return Message("{host} is {address}, which {reason}", host=host, address=address, reason=reason)


def _within(ip: Address, networks: tuple[Network, ...]) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)


def _only_wraps(ip: Address) -> bool:
    """Whether a connection to an address goes to its IPv4 address and nowhere else: IPv4-mapped and NAT64."""
    return isinstance(ip, IPv6Address) and (ip.ipv4_mapped is not None or ip in _NAT64)


def embedded(ip: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: IPv4-mapped, NAT64 (64:ff9b::/96), 6to4, Teredo or ISATAP."""
    if isinstance(ip, IPv4Address):
        return None
    isatap = (int(ip) >> 32) & 0xFDFFFFFF == 0x00005EFE  # the interface id: 0000:5efe or 0200:5efe (RFC 5214)
    if ip in _NAT64 or isatap:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
