"""Creates the gateway's checks from the settings."""

from __future__ import annotations

from mien.accounts import Accounts
from mien.accounts.role_assignments import RoleAssignments
from mien.clock import Clock
from mien.gateway.checks import Checks
from mien.gateway.discovery import fetcher
from mien.gateway.keysets import KeySets
from mien.gateway.origin import OriginFinder, parse_networks
from mien.gateway.rates import RateLimits, TierRates
from mien.gateway.short_tokens import ShortTokens
from mien.gateway.tokens import TokenVerifier
from mien.gateway.volume import CallVolume
from mien.issuers import names_of
from mien.settings import Settings
from mien.storage import Database, Vault


def open_checks(
    settings: Settings,
    *,
    accounts: Accounts,
    assignments: RoleAssignments,
    database: Database,
    vault: Vault,
    clock: Clock,
    origin: OriginFinder,
) -> Checks:
    """Return the checks; opens no connection yet."""
    rates = volume = None
    if settings.rate_limits != "off":
        redis = settings.redis_url.get_secret_value() if settings.redis_url else None
        rates = RateLimits(TierRates(settings.rate_free_per_minute, settings.rate_paid_per_second), redis)
        if settings.free_calls_per_month:
            volume = CallVolume(database, clock, settings.free_calls_per_month)
    return Checks(
        accounts,
        domain=settings.domain,
        origin=origin,
        private_networks=parse_networks(settings.private_networks),
        short_tokens=ShortTokens(vault.keyed_hash, clock),
        verifier=token_verifier(settings, clock, assignments),
        rates=rates,
        volume=volume,
        in_place=database.is_sqlite,
    )


def token_verifier(
    settings: Settings, clock: Clock, assignments: RoleAssignments | None, audience: str | None = None
) -> TokenVerifier | None:
    """Return the token verifier for the issuer in the settings; None without an issuer.

    Args:
        settings: the settings.
        clock: the clock.
        assignments: roles that are assigned to claims.
        audience: accepted audiences of tokens, comma-separated; None for those of the data plane.
    """
    if settings.oidc_issuer is None:
        return None
    fetch = fetcher(settings.oidc_ca_file)
    return TokenVerifier(
        {name: KeySets(name, settings.oidc_jwks_url, fetch=fetch) for name in names_of(settings.oidc_issuer).all},
        clock,
        audiences=[part.strip() for part in (audience or settings.oidc_audience).split(",") if part.strip()],
        roles_claim=settings.oidc_roles_claim,
        groups_claim=settings.oidc_groups_claim,
        assigned=assignments.roles_of if assignments else None,
    )
