"""The syntax of names, locations, subdomains, address rules and tags."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Final, TypeVar

from mien.accounts.errors import InvalidValueError
from mien.accounts.types import DefaultAction
from mien.contract.flashes import AS_SERVER, WithoutFlashes

MAX_IP_RULES: Final = 200
MAX_TAGS: Final = 50
MAX_ORIGINS: Final = 50
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")

_NAME: Final = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,62}[a-zA-Z0-9])?", re.ASCII)
_SUBDOMAIN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}[a-z0-9]", re.ASCII)
_LOCATION: Final = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]", re.ASCII)
_RESERVED: Final = frozenset({"api", "www"})
_TAG_SIGNS: Final = frozenset("<>%&\\?/")

_REGIONS: Final = """
    australiacentral australiaeast australiasoutheast austriaeast belgiumcentral brazilsouth brazilsoutheast
    canadacentral canadaeast centralindia centralus chilecentral eastasia eastus eastus2 francecentral francesouth
    germanynorth germanywestcentral indonesiacentral israelcentral italynorth japaneast japanwest jioindiacentral
    jioindiawest koreacentral koreasouth malaysiawest mexicocentral newzealandnorth northcentralus northeurope
    norwayeast norwaywest polandcentral qatarcentral southafricanorth southafricawest southcentralus southeastasia
    southindia spaincentral swedencentral swedensouth switzerlandnorth switzerlandwest uaecentral uaenorth uksouth
    ukwest westcentralus westeurope westindia westus westus2 westus3
"""
REGIONS: Final = frozenset(_REGIONS.split())
"""Azure's public regions. Other names are allowed, because a server may be anywhere; these catch misspellings."""

_T = TypeVar("_T")
_R = TypeVar("_R")


def if_given(value: _T | None, check: Callable[[_T], _R]) -> _R | None:
    """Return a value as `check` returns it; None for None, which was not given.

    Raises:
        InvalidValueError: it is malformed.
    """
    return None if value is None else check(value)


def checked_name(name: str) -> str:
    """Return the name of a resource.

    Raises:
        InvalidValueError: it is malformed.
    """
    if not _NAME.fullmatch(name):
        raise InvalidValueError(
            "name",
            "the name {name!r} is not 1 to 64 letters, digits, hyphens, dots and underscores between such",
            name=name,
        )
    return name


def checked_location(location: str) -> str:
    """Return a location in Azure's short form: `West Europe` becomes `westeurope`.

    Raises:
        InvalidValueError: it is malformed, or looks like a misspelt region.
    """
    short = location.replace(" ", "").lower()
    if not _LOCATION.fullmatch(short):
        raise InvalidValueError(
            "location", "the location {location!r} is not 2 to 32 letters, digits and hyphens", location=location
        )
    if short not in REGIONS and (near := difflib.get_close_matches(short, sorted(REGIONS), 1, 0.88)):
        raise InvalidValueError(
            "location", "there is no region {location!r}; did you mean {near!r}?", location=location, near=near[0]
        )
    return short


def checked_subdomain(subdomain: str) -> str:
    """Return a custom subdomain in lower case.

    Raises:
        InvalidValueError: it is malformed or has another meaning in the server's domain.
    """
    lower = subdomain.lower()
    if not _SUBDOMAIN.fullmatch(lower) or lower in _RESERVED:
        raise InvalidValueError(
            "custom_subdomain",
            "the custom subdomain {subdomain!r} is not 2 to 64 letters, digits and inner hyphens, or is reserved",
            subdomain=subdomain,
        )
    return lower


def checked_ip_rules(rules: Sequence[str]) -> tuple[str, ...]:
    """Return address rules in canonical form, without doubles: `10.0.0.7`, `10.1.0.0/16`, `fd00::/64`.

    Raises:
        InvalidValueError: one is neither an address nor a network.
    """
    if len(rules) > MAX_IP_RULES:
        raise InvalidValueError("ip_rules", "there may be {most} IP rules at most", most=MAX_IP_RULES)
    found: dict[str, None] = {}
    for rule in rules:
        try:
            network = ip_network(rule.strip())
        except ValueError as error:
            raise InvalidValueError(
                "ip_rules", "the IP rule {rule!r} is not an address or network: {reason}", rule=rule, reason=error
            ) from error
        single = network.prefixlen == network.max_prefixlen
        found[str(network.network_address if single else network)] = None
    return tuple(found)


def checked_default_action(action: str) -> DefaultAction:
    """Return what becomes of callers whom no rule names, as Azure spells it.

    Raises:
        InvalidValueError: it is neither Allow nor Deny.
    """
    known: tuple[DefaultAction, DefaultAction] = ("Allow", "Deny")
    for one in known:
        if action.lower() == one.lower():
            return one
    raise InvalidValueError("default_action", "the default action is Allow or Deny, not {action!r}", action=action)


def checked_origins(origins: Iterable[str]) -> list[str]:
    """Return origins of web pages in lower case, each once: `https://shop.example[:port]`, or `*` for all.

    Raises:
        InvalidValueError: one is no origin, or there are too many.
    """
    clean = list(dict.fromkeys(one.strip().lower().rstrip("/") for one in origins))
    for one in clean:
        if one != "*" and not _ORIGIN.fullmatch(one):
            raise InvalidValueError(
                "cors_origins",
                "{origin!r} is not an origin of a web page, such as https://shop.example or http://localhost:3000",
                origin=one[:100],
            )
    if len(clean) > MAX_ORIGINS:
        raise InvalidValueError("cors_origins", "there may be {most} origins at most", most=MAX_ORIGINS)
    return clean


def checked_without_flashes(policy: str) -> str:
    """Return what becomes of people who ask for liveness detection without flashing colours.

    Raises:
        InvalidValueError: it is neither one of `WithoutFlashes` nor `server`.
    """
    known = (AS_SERVER, *WithoutFlashes)
    if policy.lower() not in known:
        raise InvalidValueError(
            "without_flashes",
            "choose {known} or {last}, not {policy!r}",
            known=", ".join(known[:-1]),
            last=known[-1],
            policy=policy[:40],
        )
    return policy.lower()


def checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags, which have the resource manager's limits: 50, names of 512 and values of 256 characters.

    Raises:
        InvalidValueError: there are too many, or one is malformed.
    """
    if len(tags) > MAX_TAGS:
        raise InvalidValueError("tags", "there may be {most} tags at most", most=MAX_TAGS)
    for name, value in tags.items():
        if not 1 <= len(name) <= 512 or _TAG_SIGNS & set(name) or not _storable(name):
            raise InvalidValueError(
                "tags", "the tag name {name!r} is not 1 to 512 characters without <>%&\\?/", name=name
            )
        if len(value) > 256 or not _storable(value):
            raise InvalidValueError("tags", "the value of the tag {name!r} is longer than 256 characters", name=name)
    return dict(tags)


def checked_text(field: str, text: str, most: int) -> str:
    """Return a text of a person's, without spaces around it.

    Raises:
        InvalidValueError: it is empty, too long, or has control characters.
    """
    clean = text.strip()
    if not 1 <= len(clean) <= most or not _storable(clean.replace("\n", " ").replace("\r", " ").replace("\t", " ")):
        raise InvalidValueError(
            field, "the {field} is 1 to {most} printable characters", field=field.replace("_", " "), most=most
        )
    return clean


def _storable(text: str) -> bool:
    """Whether every database keeps the text: neither control characters nor lone surrogates."""
    return all(sign >= " " and not "\ud800" <= sign <= "\udfff" and sign != "\x7f" for sign in text)
