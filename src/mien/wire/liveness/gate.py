"""Whether a resource serves the clients of its liveness sessions: what the front door asks of callers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from mien.accounts import Feature, Resource
from mien.gateway.errors import NetworkDeniedError
from mien.gateway.exchange import Message, Request
from mien.gateway.network import NetworkRules
from mien.gateway.origin import Network, OriginFinder


class Resources(Protocol):
    """The accounts interface that the gate needs."""

    def get(self, resource_id: UUID) -> Resource | None:
        """Return a resource, or None when there is none (any more)."""
        ...


@dataclass(frozen=True, slots=True)
class ClientGate:
    """Checks every client that shows a token with the accounts: approvals end, and network rules change.

    Attributes:
        resources: finds resources.
        private: networks that count as private endpoints.
        features: features for which the resource must be approved.
    """

    resources: Resources
    private: Sequence[Network] = field(default=())
    features: frozenset[Feature] = frozenset({Feature.LIVENESS})

    def __call__(self, resource_id: UUID, address: str) -> bool:
        """Return whether a client at an address is served.

        Args:
            resource_id: id of the resource that owns the token's session.
            address: its IP address, past trusted proxies.
        """
        resource = self.resources.get(resource_id)
        if resource is None or not self.features <= resource.features:
            return False
        seen = {"method": "GET", "path": "/", "headers": (), "client": (address, 0)}
        try:
            NetworkRules(OriginFinder(), self.private).check(resource, Request(seen, _nothing))
        except NetworkDeniedError:
            return False
        return True


async def _nothing() -> Message:
    raise NotImplementedError
