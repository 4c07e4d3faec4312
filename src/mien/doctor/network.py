"""Checks before a connection: name resolution, private endpoints, proxies."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.request import getproxies, proxy_bypass

from mien.doctor.address import ServiceAddress
from mien.doctor.case import Findings, Stop, finding
from mien.doctor.findings import Finding, Severity

_VARIABLES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class Resolved:
    """The addresses of a host name.

    Attributes:
        addresses: IP addresses in order of preference.
        alias: the canonical name, if known.
        problem: why there are no addresses; empty if there are.
    """

    addresses: tuple[str, ...] = ()
    alias: str = ""
    problem: str = ""


def resolve(host: str, port: int, seconds: float) -> Resolved:
    """Resolve a host name with the system's resolver, with a time limit."""
    results: list[Resolved] = []

    def ask() -> None:
        try:
            flags = socket.AI_CANONNAME
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        except (OSError, UnicodeError) as error:
            results.append(Resolved(problem=str(error)))
            return
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        results.append(Resolved(tuple(addresses), next((entry[3] for entry in found if entry[3]), "")))

    thread = threading.Thread(target=ask, daemon=True)  # getaddrinfo has no timeout
    thread.start()
    thread.join(seconds)
    return results[0] if results else Resolved(problem=f"the name server did not answer within {seconds:g} s")


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy for calls.

    Attributes:
        url: URL without user and password; empty for direct calls.
        bypass: whether a proxy is set, but NO_PROXY excludes this host.
        variables: environment variables for proxies that are set, without user and password.
    """

    url: str = ""
    bypass: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)


def proxy_for(target: ServiceAddress) -> Proxy:
    """Return the proxy that Python's HTTP libraries use for an endpoint."""
    proxies = getproxies()
    chosen = proxies.get(target.scheme) or proxies.get("all") or ""
    shown = {name: _without_user(value) for name, value in proxy_settings().items()}
    if chosen and _bypassed(target):
        return Proxy("", True, shown)
    return Proxy(_without_user(chosen), False, shown)


def _bypassed(target: ServiceAddress) -> bool:
    try:
        return bool(proxy_bypass(f"{target.host}:{target.port}"))
    except (OSError, ValueError):
        return False


def check_proxy(target: ServiceAddress, proxy: Proxy) -> Findings:
    """Check the proxy settings."""
    for upper, lower in (("HTTPS_PROXY", "https_proxy"), ("HTTP_PROXY", "http_proxy")):
        one, other = proxy.variables.get(upper), proxy.variables.get(lower)
        if one and other and one != other:
            yield finding(
                "proxy",
                Severity.WARNING,
                f"{upper} and {lower} name different proxies, {one} and {other}.",
                "Some programs read the one, some the other, so they behave differently.",
                "Set both to the same address, or only the lower-case one.",
            )
    if proxy.bypass:
        yield finding("proxy", Severity.OK, "A proxy is set, but NO_PROXY leaves this host out: calls go straight.")
        return
    if not proxy.url:
        yield finding("proxy", Severity.OK, "No proxy is set: calls go straight to the endpoint.")
        return
    if not re.match(r"(https?|socks5h?)://", proxy.url):
        yield finding(
            "proxy",
            Severity.WARNING,
            f"The proxy's address {proxy.url} lacks its scheme.",
            "Some libraries refuse it, others assume http://.",
            f"Write http://{proxy.url.rpartition('/')[2]}",
            proxy=proxy.url,
        )
    own = target.loopback or (target.address is not None and target.address.is_private)
    if own:
        yield finding(
            "proxy",
            Severity.WARNING,
            f"Calls to {target.host} go through the proxy {proxy.url}.",
            "The proxy looks for that address on its own machine or network, where the server is not.",
            f"Add {target.host} to NO_PROXY.",
            proxy=proxy.url,
        )
        return
    yield finding(
        "proxy",
        Severity.NOTE,
        f"Calls go through the proxy {proxy.url}.",
        "It resolves the name, and can inspect, change or refuse calls.",
        "",
        proxy=proxy.url,
    )


def check_name(target: ServiceAddress, resolved: Resolved, proxy: Proxy) -> Findings:
    """Check whether the host name can be resolved.

    Raises:
        Stop: the name cannot be resolved, and no proxy resolves it.
    """
    if target.address is not None:
        yield finding("dns", Severity.OK, f"{target.host} is an address; no name is looked up.")
        return
    if resolved.addresses:
        names = ", ".join(resolved.addresses[:4])
        alias = f" (as {resolved.alias})" if resolved.alias and resolved.alias != target.host else ""
        yield finding(
            "dns",
            Severity.OK,
            f"{target.host} is {names}{alias}.",
            addresses=list(resolved.addresses),
            alias=resolved.alias,
        )
        return
    if proxy.url:
        yield finding(
            "dns",
            Severity.NOTE,
            f"{target.host} is not known here: {resolved.problem}.",
            "The proxy looks it up by itself, so that may do no harm.",
            "",
        )
        return
    yield finding("dns", Severity.ERROR, f"{target.host} is not known: {resolved.problem}.", *_unknown_name(target))
    raise Stop("the host name cannot be resolved")


def _unknown_name(target: ServiceAddress) -> tuple[str, str]:
    if target.azure and target.regional:
        return (
            "There is no such region, or this machine's name server does not answer.",
            "Compare the region with the resource's location, such as westeurope.",
        )
    if target.azure:
        return (
            "There is no resource with this custom subdomain (it may be deleted, or misspelt), or this machine's name "
            "server does not know the world outside.",
            "Copy the endpoint from the resource's page Keys and Endpoint; if it is the same, try another network.",
        )
    return (
        "The name is misspelt, or known on another network only.",
        "Compare the name with what the server printed when it started; a name of your own needs an entry in DNS or in "
        "the file hosts.",
    )


def check_private_endpoint(target: ServiceAddress, resolved: Resolved, proxy: Proxy, *, expected: bool) -> Findings:
    """Check for mistakes with private endpoints; without `expected`, only report whether one is used."""
    private = [one for one in resolved.addresses if _is_private(one)]
    if not expected:
        if private and target.azure:
            yield finding(
                "private-endpoint",
                Severity.NOTE,
                f"{target.host} is the private address {private[0]}: a private endpoint, or somebody's own entry.",
                "--private-endpoint looks closer.",
            )
        return
    if target.address is not None:
        yield _private_address(target)
    elif target.regional:
        yield finding(
            "private-endpoint",
            Severity.ERROR,
            "A regional endpoint never leads to a private endpoint.",
            "All resources of the region share that name.",
            "Give the resource a custom subdomain and use it.",
        )
    elif proxy.url:
        yield finding(
            "private-endpoint",
            Severity.ERROR,
            f"Calls go through the proxy {proxy.url}, which looks the name up by itself.",
            "It gets the public address unless it is in the same network with the same DNS.",
            f"Add {target.host} to NO_PROXY.",
        )
    elif public := [one for one in resolved.addresses if one not in private]:
        yield _public_address(target, resolved, public[0])
    elif private:
        yield finding("private-endpoint", Severity.OK, f"{target.host} leads to the private address {private[0]}.")


def _private_address(target: ServiceAddress) -> Finding:
    """Return the finding for a URL with an IP address instead of a name, which is fine on Mien."""
    if not _is_private(target.host):
        return finding(
            "private-endpoint",
            Severity.ERROR,
            f"The URL has the public address {target.host}.",
            "Calls to it do not go through a private endpoint.",
            "Use the resource's name, and let this network's DNS lead it to the private address.",
        )
    return finding(
        "private-endpoint",
        Severity.WARNING,
        "The URL has a private address instead of the resource's name.",
        "Azure's certificate is for the name, and its service finds the resource by it. A server of your own may be "
        "called so.",
        "On Azure use https://NAME.cognitiveservices.azure.com and let DNS lead it to the address.",
    )


def _public_address(target: ServiceAddress, resolved: Resolved, address: str) -> Finding:
    found = f"{target.host} is the public address {address} here."
    if not target.azure:
        return finding(
            "private-endpoint",
            Severity.ERROR,
            found,
            "Calls leave this network, and the server sees them come from outside.",
            "Have this network's DNS lead the name to the server's inner address; on Mien MIEN_PRIVATE_NETWORKS says "
            "which callers count as private.",
        )
    zone = f"privatelink.{target.host.partition('.')[2]}"
    linked = ".privatelink." in f".{resolved.alias}"
    return finding(
        "private-endpoint",
        Severity.ERROR,
        found,
        "The resource has a private endpoint, but this network does not resolve it."
        if linked
        else "This network's DNS does not know of the private endpoint, or there is none.",
        f"Link the private DNS zone {zone} to this network, or have its own name server forward to 168.63.129.16.",
    )


def _is_private(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return address.is_private or address.is_loopback


def proxy_settings() -> Mapping[str, str]:
    """Return the proxy settings of the environment unchanged, with users and passwords."""
    return {name: value for name in _VARIABLES if (value := os.environ.get(name))}


def _without_user(url: str) -> str:
    """Return a proxy's URL without user and password, whatever characters they contain."""
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    host = re.split(r"[/?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return f"{scheme}{separator}{host}"
