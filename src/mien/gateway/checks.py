"""The checks of a request before its operation, in Azure's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mien.gateway.access import Access, Accounts, check_data_action
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
    """The checks of a request before any operation: caller, network, rate, approval.

    Attributes:
        accounts: finds resources.
        domain: the domain of custom subdomains and regional endpoints.
        origin: finds host and address of the caller.
        private_networks: networks that count as private endpoints.
        short_tokens: the ten-minute tokens for keys; None for a server without them.
        verifier: checks tokens of an issuer; None when none is trusted.
        rates: counts calls in a short time; None for no limit.
        volume: counts the free tier's calls of a month; None likewise.
        in_place: whether what the accounts know already costs them microseconds, so that it can be asked on the event
            loop; a database across the network is always asked in a thread.
    """

    accounts: Accounts
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

        The router comes before them: an unknown path is 404 whoever asks, as on Azure.
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
        """Return the operations that have a path of their own."""
        if self.short_tokens is None:
            return []
        return [Operation("Token - Issue", "POST", "/sts/v1.0/issueToken", self.issue_token, action="token/action")]

    async def issue_token(self, exchange: Exchange) -> Response:
        """Answer with a token that stands for the caller's key for ten minutes."""
        principal, key = exchange.principal, key_of(exchange.request)
        if self.short_tokens is None or principal is None:
            raise AccessDeniedError
        if key is None or principal.authentication is not Authentication.KEY:
            raise AccessDeniedError("Tokens are issued for keys only.")
        token = self.short_tokens.issue(key, exchange.resource)
        return Response(body=token.encode("ascii"), content_type=_TOKEN_TYPE)

    async def close(self) -> None:
        """Close what was opened for calls."""
        if self.rates is not None:
            await self.rates.close()

    def status(self) -> dict[str, str]:
        """Return what the status page says of the front door: nothing as long as all is well."""
        if self.rates is not None and self.rates.counts_alone:
            return {"rates": "Redis does not answer: this server counts calls by itself"}
        return {}
