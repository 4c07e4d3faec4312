"""Maps the gateway's errors to the contract's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from mien.accounts import Sku
from mien.contract.catalogue import Row, row
from mien.contract.problem import Problem
from mien.gateway.errors import (
    AccessDeniedError,
    BadTokenError,
    FeatureNotGrantedError,
    IssuerUnavailableError,
    KeysDisabledError,
    NetworkDeniedError,
    PermissionDeniedError,
    RateExceededError,
    StorageUnavailableError,
    TokenNeedsSubdomainError,
    UnknownHostError,
    VolumeExceededError,
)

_DENIED = row("gateway.access_denied")
_NOT_FOUND = row("gateway.not_found")
_NO_PERMISSION = row("gateway.permission_denied")
_KEYS_DISABLED = row("gateway.keys_disabled")
_FIREWALL = row("gateway.firewall")
_PRIVATE = row("gateway.public_access_disabled")
_VOLUME = row("gateway.volume")
_FREE_RATE = row("gateway.rate.free")
_PAID_RATE = row("gateway.rate.paid")
_GATED = row("limited_access.not_approved")
_NOT_APPROVED = row("common.feature_not_approved")
_BAD_TOKEN = row("mien.token_invalid")
_NEEDS_SUBDOMAIN = row("mien.subdomain_needed")
_UNAVAILABLE = row("mien.unavailable")

_ISSUER_SECONDS = b"10"


def _with_hint(entry: Row) -> Callable[[Any], Problem]:
    return lambda error: entry.problem(hint=error.hint)


def _storage(error: StorageUnavailableError) -> Problem:
    return _UNAVAILABLE.problem(hint=error.hint, headers=[(b"retry-after", b"%d" % error.retry_after)])


def _unknown_host(error: UnknownHostError) -> Problem:
    problem = _NOT_FOUND.problem(hint=error.hint)
    problem.explanation = "No resource of this server has this host."
    return problem


def _network(error: NetworkDeniedError) -> Problem:
    return (_FIREWALL if error.public_access else _PRIVATE).problem(hint=error.hint)


def _rate(error: RateExceededError) -> Problem:
    entry = _FREE_RATE if error.sku is Sku.FREE else _PAID_RATE
    seconds = f"{error.retry_after} second{'' if error.retry_after == 1 else 's'}"
    return entry.problem(
        values=(error.operation, error.version, error.sku, seconds),
        headers=[(b"retry-after", b"%d" % error.retry_after)],
        hint=f"The tier {error.sku} of this resource allows {error.rate}, all operations together.",
    )


def _volume(error: VolumeExceededError) -> Problem:
    return _VOLUME.problem(
        values=[f"{error.days:.2f} days"], hint=f"The free tier allows {error.limit} calls a calendar month (UTC)."
    )


def _gated(error: FeatureNotGrantedError) -> Problem:
    missing = _NOT_APPROVED.problem(values=[",".join(error.missing)]).message
    message = f"{missing} Please apply for access at https://aka.ms/facerecognition"
    return _GATED.problem(inner=(_NOT_APPROVED.code, message), hint=error.hint)


GATEWAY: Mapping[type[Exception], Callable[[Any], Problem]] = MappingProxyType(
    {
        UnknownHostError: _unknown_host,
        AccessDeniedError: _with_hint(_DENIED),
        BadTokenError: _with_hint(_BAD_TOKEN),
        TokenNeedsSubdomainError: _with_hint(_NEEDS_SUBDOMAIN),
        PermissionDeniedError: _with_hint(_NO_PERMISSION),
        KeysDisabledError: lambda _error: _KEYS_DISABLED.problem(
            hint="The operator has switched keys off for this resource: send a token of the issuer."
        ),
        NetworkDeniedError: _network,
        RateExceededError: _rate,
        VolumeExceededError: _volume,
        FeatureNotGrantedError: _gated,
        StorageUnavailableError: _storage,
        IssuerUnavailableError: lambda _error: _UNAVAILABLE.problem(
            hint="The token cannot be checked: its issuer does not answer this server.",
            headers=[(b"retry-after", _ISSUER_SECONDS)],
        ),
    }
)
"""The response to each error of the gateway."""
