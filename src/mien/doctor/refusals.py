"""What an answer that is no success means, and what to do: the error catalogue, and what stands between."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mien.doctor.rows import find_row
from mien.wire.catalogue import Row

_ON_AZURE: Final = (
    ("missing approval", "Apply for the features at https://aka.ms/facerecognition; approval is per subscription."),
    ("Key based authentication is disabled", "Use a Microsoft Entra token (the SDKs with DefaultAzureCredential), or "
     "allow keys again: `az resource update --set properties.disableLocalAuth=false`."),
    ("Virtual Network/Firewall", "Add this machine's public address on the resource's page Networking, or call from an "
     "allowed network."),
    ("Public access is disabled", "Call from a network that has the private endpoint and its DNS zone, or open public "
     "access on the page Networking. `mien doctor --private-endpoint` looks at the DNS."),
    ("does not have access to API", "Give the principal the role Cognitive Services User (or Face Recognizer) on the "
     "resource; a new role takes some minutes."),
    ("Out of call volume quota", "Wait until the quota is replenished, or move the resource from F0 to S0."),
    ("exceeded", "Wait as long as Retry-After says and spread calls out; F0 has 20 calls a minute, S0 10 a second."),
    ("invalid subscription key", "Copy key and endpoint together from the resource's page Keys and Endpoint; a key "
     "works at its own resource's endpoint or region only."),
)  # fmt: skip
_PROXY_MARKS: Final = {
    "zscaler": "Zscaler",
    "blue coat": "Blue Coat",
    "bluecoat": "Blue Coat",
    "forcepoint": "Forcepoint",
    "squid": "Squid",
    "netskope": "Netskope",
    "fortinet": "FortiGate",
    "fortigate": "FortiGate",
    "nginx": "nginx",
    "cloudflare": "Cloudflare",
    "haproxy": "HAProxy",
    "traefik": "Traefik",
    "application gateway": "Azure Application Gateway",
    "azure front door": "Azure Front Door",
}
_LONGEST: Final = 1000
"""How much of a server's text is repeated, in characters; the longest message of the contract has 220."""

_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer in plain words.

    Attributes:
        found: status, code and message.
        means: what it means.
        next_step: what to do.
        row: the row of the catalogue that it is; None when it is none.
        missing: features that lack an approval.
    """

    found: str
    means: str
    next_step: str
    row: Row | None = None
    missing: tuple[str, ...] = ()


def explain_refusal(
    status: int | None,
    error: Mapping[str, Any],
    *,
    path: str = "",
    hint: str = "",
    azure: bool = False,
) -> Refusal:
    """Return what an error of the contract means.

    Args:
        status: HTTP status, or None when it is not known.
        error: the error object of the body, `{"code": …, "message": …, "innererror": …}`; may be empty.
        path: of the request; may be empty.
        hint: what the server itself says beyond the message; may be empty.
        azure: whether the answer is Azure's, so that the next step can say where to click.
    """
    code, message = _text(error.get("code")), _text(error.get("message"))
    inner = next(
        (one for name in ("innererror", "innerError", "inner_error") if isinstance(one := error.get(name), dict)), {}
    )
    inner_code, inner_message = _text(inner.get("code")), _text(inner.get("message"))
    match = find_row(status, code, message, path)
    missing = missing_features(inner_message) or missing_features(message)
    if missing and (match is None or not match.exact):
        match = find_row(403, "InvalidRequest", "Invalid request has been sent.", path) or match
    shown = " ".join(part for part in (str(status or ""), code if code != str(status) else "") if part)
    said = message or "no message"
    found = f"{shown}: {said}" if shown else said
    if missing and not missing_features(message):
        found += f" Missing approval: {', '.join(missing)}."
    elif inner_message and not missing and inner_message not in message and not hint:
        found += f" {inner_code}: {inner_message}" if inner_code else f" {inner_message}"
    row = match.row if match else None
    if match is None:
        means, step = _by_status(status)
    else:
        means, step = match.row.explanation, match.row.next_step
        if not match.exact:
            means = f"The catalogue does not have this text; its code stands for: {means}"
    if hint:
        means = f"{means} The server adds: {_text(hint)}".strip()
    if azure:
        step = next((advice for words, advice in _ON_AZURE if words in f"{message} {inner_message}"), step)
    return Refusal(found, means, step, row, missing)


def explain_page(status: int | None, text: str, headers: Mapping[str, str]) -> Refusal:
    """Return what an answer means that is no JSON: something between answered instead of the service.

    Args:
        status: HTTP status, or None when it is not known.
        text: the body.
        headers: response headers by their names in lower case.
    """
    title = _TITLE.search(text)
    heading = f", titled {re.sub(' +', ' ', title[1].strip())[:80]!r}" if title and title[1].strip() else ""
    lowered = f"{text[:20000]} {headers.get('server', '')} {headers.get('via', '')}".lower()
    product = next((name for mark, name in _PROXY_MARKS.items() if mark in lowered), "")
    who = f"It looks like {product}." if product else ""
    found = f"{status or 'An answer'} with a page for people{heading} instead of JSON."
    if re.search(r"sign[ -]?in|log[ -]?in|captive|authenticat", lowered):
        means = "A sign-in page of the network or of a gateway answered, not the Face service."
        step = "Sign in to the network, or have the proxy let this host through without signing in."
    elif status in {502, 503, 504}:
        means = "A proxy or load balancer answered: it got nothing from the Face service behind it."
        step = "Look at whether the service behind the proxy runs and whether the proxy's address for it is right."
    elif status == 413:
        means = "A proxy refused the body as too large, before the Face service (which takes images up to 6 MB) saw it."
        step = "Raise the proxy's limit (nginx: client_max_body_size 8m)."
    else:
        means = "A proxy, firewall or web server answered, not the Face service, which always answers in JSON."
        step = "Have the proxy let this host through untouched, or take it out of the way (NO_PROXY)."
    return Refusal(found, f"{means} {who}".strip(), step)


def missing_features(message: str) -> tuple[str, ...]:
    """Return the features that a refusal names as not approved."""
    found = re.search(
        r"missing approval for one or more of the following features:\s*([\w, ]+)", message, re.IGNORECASE
    )
    if found is None:
        return ()
    return tuple(name for part in found[1].split(",") if (name := part.strip()))


def _text(value: object) -> str:
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"{value[:_LONGEST]}…"
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _by_status(status: int | None) -> tuple[str, str]:
    if status is None:
        return (
            "This is not an error that the Face service is known to give.",
            "Paste the whole answer, with its status.",
        )
    if status >= 500:
        return (
            "The service, or a gateway before it, failed or was too busy.",
            "Repeat the call after a moment, less and less often; if it lasts, look at the service's log.",
        )
    if 300 <= status < 400:
        return (
            "The Face service never redirects: a proxy, or a web server at another address, answered.",
            "Use the address that the header Location names, if it is the service's, or take the proxy out of the way.",
        )
    if status == 407:
        return (
            "The proxy wants a user name and password.",
            "Put them into the proxy's URL (HTTPS_PROXY=http://user:password@proxy:port), or leave the host out.",
        )
    known = {
        405: ("The path exists, but not with this method.", "Compare the method with the documentation."),
        411: ("The call has no Content-Length.", "Send one; a proxy may not take chunked bodies."),
        413: ("The body is too large.", "An image may have 6 MB; proxies often allow less."),
        431: ("The headers are too large.", "Look for a cookie or token that grew; a key has 84 characters at most."),
    }
    return known.get(
        status,
        ("The catalogue has no such error for the Face service.", "Check the endpoint: it may be another service."),
    )
