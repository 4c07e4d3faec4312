"""What the front door refuses, in the contract's words."""

from __future__ import annotations

import re
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
    TokenNeedsSubdomainError,
    UnknownHostError,
    VolumeExceededError,
)

_DENIED = row(
    "gateway",
    "401",
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource.",
)
_NOT_FOUND = row("gateway", "404", "Resource not found")
_NO_PERMISSION = row("gateway", "PermissionDenied", "Principal does not have access to API/Operation.")
_KEYS_DISABLED = row("gateway", "AuthenticationTypeDisabled", "Key based authentication is disabled for this resource.")
_FIREWALL = row("gateway", "403", "Access denied due to Virtual Network/Firewall rules.")
_PRIVATE = row("gateway", "403", "Public access is disabled. Please configure private endpoint.")
_VOLUME = row("gateway", "403", "Out of call volume quota. Quota will be replenished in 2.12 days.")
_FREE_RATE = row(
    "gateway",
    "429",
    "Requests to the <Operation Name> Operation under Face API - <version> have exceeded rate limit of your current "
    "Face F0 pricing tier. Please retry after 1 second. To increase your rate limit switch to a paid tier.",
)
_PAID_RATE = row(
    "gateway",
    "429",
    "Requests to the Face - Detect Operation under Face API - v1.0 have exceeded call rate limit of your current Face "
    "S0 pricing tier. Please retry after <n> second. Please contact Azure support service if you would like to further "
    "increase the default rate limit.",
)
_GATED = row("limited_access", "InvalidRequest", "Invalid request has been sent.")
_BAD_TOKEN = row(
    "mien",
    "401",
    "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or "
    "have expired.",
)
_NEEDS_SUBDOMAIN = row(
    "mien",
    "BadRequest",
    "Please provide a custom subdomain for token authentication, otherwise API key is required.",
)
_UNAVAILABLE = row("mien", "ServiceUnavailable", "The service is temporarily unavailable. Please try again later.")

_ISSUER_SECONDS = b"10"
_DAYS = re.compile(r"[0-9.]+ days")


def _with_hint(entry: Row) -> Callable[[Any], Problem]:
    return lambda error: entry.problem(hint=error.hint)


def _unknown_host(error: UnknownHostError) -> Problem:
    problem = _NOT_FOUND.problem(hint=error.hint)
    problem.explanation = "No resource of this server has this host."
    return problem


def _network(error: NetworkDeniedError) -> Problem:
    return (_FIREWALL if error.public_access else _PRIVATE).problem(hint=error.hint)


def _rate(error: RateExceededError) -> Problem:
    seconds = f"{error.retry_after} second" if error.retry_after == 1 else f"{error.retry_after} seconds"
    headers = [(b"retry-after", b"%d" % error.retry_after)]
    hint = f"The tier {error.sku} of this resource allows {error.rate}, all operations together."
    if error.sku is Sku.FREE:
        problem = _FREE_RATE.problem(values=(error.operation, error.version), headers=headers, hint=hint)
        problem.message = problem.message.replace("1 second", seconds)
        return problem
    # The contract recorded this text with one operation's name in it.
    problem = _PAID_RATE.problem(values=(str(error.retry_after),), headers=headers, hint=hint)
    problem.message = (
        problem.message.replace("Face - Detect", error.operation)
        .replace("Face API - v1.0", f"Face API - {error.version}")
        .replace("Face S0", f"Face {error.sku}")
        .replace(f"{error.retry_after} second", seconds)
    )
    return problem


def _volume(error: VolumeExceededError) -> Problem:
    problem = _VOLUME.problem(hint=f"The free tier allows {error.limit} calls a calendar month (UTC).")
    problem.message = _DAYS.sub(f"{error.days:.2f} days", problem.message)
    return problem


def _gated(error: FeatureNotGrantedError) -> Problem:
    message = (
        "Feature is not supported, missing approval for one or more of the following features: "
        f"{','.join(error.missing)}. Please apply for access at https://aka.ms/facerecognition"
    )
    return _GATED.problem(inner=("UnsupportedFeature", message), hint=error.hint)


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
        IssuerUnavailableError: lambda _error: _UNAVAILABLE.problem(
            hint="The token cannot be checked: its issuer does not answer this server.",
            headers=[(b"retry-after", _ISSUER_SECONDS)],
        ),
    }
)
"""How each error of the gateway is answered."""
