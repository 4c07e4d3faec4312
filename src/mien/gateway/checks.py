"""The checks of a request before its handler, in Azure's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mien.gateway.access import Access, AccountLookup, check_data_action
from mien.gateway.cors import Cors
from mien.gateway.endpoints import Endpoints
from mien.gateway.errors import AccessDeniedError
from mien.gateway.exchange import Authentication, Exchange, Operation, Response
from mien.gateway.gates import check_features
from mien.gateway.gateway import Step
from mien.gateway.hints import key_of
from mien.gateway.network import NetworkRules
from mien.gateway.origin import Network, OriginFinder
from mien.gateway.rates import RateLimits
from mien.gateway.short_tokens import ShortTokens
from mien.gateway.tokens import TokenVerifier
from mien.gateway.volume import CallVolume

DOMAIN: Final = "cognitiveservices.localhost"

_TOKEN_TYPE: Final = b"application/jwt; charset=us-ascii"


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of a request before its handler.

    Attributes:
        accounts: finds resources.
        domain: domain of custom subdomains and regional endpoints.
        origin: determines the requested host and the caller's address.
        private_networks: networks that count as private endpoints.
        short_tokens: the ten-minute tokens for keys; None for a server without them.
        verifier: verifies tokens of the issuer; None if none is trusted.
        rates: limits the rate of calls; None for no limit.
        volume: limits the free tier's calls per month; None for no limit.
        in_place: whether cached look-ups of accounts take microseconds and may run on the event loop; with a database
            across the network they run in a thread.
    """

    accounts: AccountLookup
    domain: str = DOMAIN
    origin: OriginFinder = field(default_factory=OriginFinder)
    private_networks: Sequence[Network] = ()
    short_tokens: ShortTokens | None = None
    verifier: TokenVerifier | None = None
    rates: RateLimits | None = None
    volume: CallVolume | None = None
    in_place: bool = True

    def steps(self) -> list[Step]:
        """Return the checks in order: authentication, network, permission, rate, approval.

        The router runs before them: as on Azure, an unknown path is answered with 404 to any caller.
        """
        steps: list[Step] = [
            Access(
                self.accounts,
                Endpoints(self.domain),
                self.origin,
                self.short_tokens,
                self.verifier,
                in_place=self.in_place,
            ),
            NetworkRules(self.origin, self.private_networks),
            check_data_action,
        ]
        if self.rates is not None:
            steps.append(self.rates)
        if self.volume is not None:
            steps.append(self.volume)
        return [*steps, check_features]

    def cors(self) -> Cors:
        """Return the CORS rules."""
        return Cors(self.accounts, Endpoints(self.domain), self.origin)

    def operations(self) -> list[Operation]:
        """Return the gateway's own operations."""
        if self.short_tokens is None:
            return []
        return [Operation("Token - Issue", "POST", "/sts/v1.0/issueToken", self.issue_token, action="token/action")]

    async def issue_token(self, exchange: Exchange) -> Response:
        """Return a token that replaces the caller's key for ten minutes."""
        principal, key = exchange.principal, key_of(exchange.request)
        if self.short_tokens is None or principal is None:
            raise AccessDeniedError
        if key is None or principal.authentication is not Authentication.KEY:
            raise AccessDeniedError("Tokens are issued for keys only.")
        token = self.short_tokens.issue(key, exchange.resource)
        return Response(body=token.encode("ascii"), content_type=_TOKEN_TYPE)

    async def close(self) -> None:
        """Close connections."""
        if self.rates is not None:
            await self.rates.close()

    def status(self) -> dict[str, str]:
        """Return the gateway's problems for the status page; empty if there are none."""
        if self.rates is not None and self.rates.counts_alone:
            return {"rates": "Redis does not answer: this server counts calls by itself"}
        return {}
