"""Checks on the clients of liveness sessions: the resource's approvals and network rules."""

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
    """The accounts, as the gate needs them."""

    def get(self, resource_id: UUID) -> Resource | None:
        """Return a resource; None if it does not exist or was deleted."""
        ...


@dataclass(frozen=True, slots=True)
class ClientGate:
    """Checks the resource of every client with a token, because approvals end and network rules change.

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
            address: the client's IP address, behind trusted proxies.
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
