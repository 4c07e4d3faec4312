"""Network rules: the addresses from which a resource may be called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network

from mien.accounts import Resource
from mien.gateway.errors import NetworkDeniedError
from mien.gateway.exchange import Exchange, Request
from mien.gateway.origin import Address, Network, OriginFinder
from mien.messages import Message


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """The gateway's step that checks the caller's address against the resource's rules.

    Attributes:
        origin: determines the caller's address behind trusted proxies.
        private: networks that count as private endpoints, which may call every resource.
    """

    origin: OriginFinder
    private: Sequence[Network] = ()

    async def __call__(self, exchange: Exchange) -> None:
        """Check the exchange's caller, if it has one.

        Raises:
            NetworkDeniedError: the address is not allowed.
        """
        if exchange.caller is not None:
            self.check(exchange.caller, exchange.request)

    def check(self, resource: Resource, request: Request) -> None:
        """Check a request to a resource.

        Raises:
            NetworkDeniedError: the address is not allowed.
        """
        if not _open_to_all(resource):
            self.check_address(resource, self.origin.client(request))

    def check_address(self, resource: Resource, address: Address | None) -> None:
        """Check a caller's address; None if it has none.

        Raises:
            NetworkDeniedError: the address is not allowed.
        """
        if _open_to_all(resource):
            return
        if address is not None and any(address in network for network in self.private):
            return
        seen = address if address is not None else Message("no address")
        if not resource.public_network_access:
            hint = Message(
                "The call came from {address}, which is not in a private network of this server.", address=seen
            )
            raise NetworkDeniedError(hint, public_access=False)
        if address is None or not _named(address, resource.ip_rules):
            hint = Message("The call came from {address}, which no IP rule of the resource names.", address=seen)
            raise NetworkDeniedError(hint, public_access=True)


def _open_to_all(resource: Resource) -> bool:
    return resource.public_network_access and resource.default_action == "Allow"


def _named(address: Address, rules: tuple[str, ...]) -> bool:
    return any(address in network for network in _networks(rules))


@lru_cache(maxsize=4096)
def _networks(rules: tuple[str, ...]) -> tuple[Network, ...]:
    """Parse a resource's rules, each an address or a network; a rule that is neither is ignored."""
    found: list[Network] = []
    for rule in rules:
        try:
            found.append(ip_network(rule.strip(), strict=False))
        except ValueError:
            continue
    return tuple(found)
