"""Explains error responses, by the error catalogue or as those of a proxy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mien.contract.catalogue import Row, row
from mien.contract.headers import KEY_HEADER
from mien.doctor.findings import Finding, Severity
from mien.doctor.rows import RowMatch, find_row

_GATED: Final = row("limited_access.not_approved")
_MISSING: Final = re.compile(
    re.escape(row("common.feature_not_approved").parts[0].partition(", ")[2].strip()) + r"\s*([\w, ]+)", re.IGNORECASE
)
_RESOURCE: Final = re.compile(r"resource '([^']+)'")
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
"""Maximum length of quoted server texts, in characters; the contract's longest message has 220."""

_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)

_BY_STATUS: Final = {
    400: (
        "The service read the call and found something wrong with it; the body, which is not shown, says what.",
        "Look at code and message in the body of the answer; SDKs have them in the exception's error.",
    ),
    401: (
        "The key or token is missing, wrong, replaced, or another resource's.",
        f"Send one of the resource's two keys in {KEY_HEADER}; `mien doctor URL` says what is wrong with it.",
    ),
    403: (
        "The key was accepted, but something is not allowed: a feature without its approval, keys or this network "
        "for the resource, or the month's calls are used up. The body, which is not shown, says which.",
        "Look at message and innererror in the body of the answer, or run `mien doctor URL`, which tries each.",
    ),
    404: (
        "There is no such path or no such group, list, person or session; the code in the body, which is not "
        "shown, says which: 404 stands for the path.",
        "Look at the code in the body of the answer; compare version and path with the documentation.",
    ),
    407: (
        "The proxy wants a user name and password.",
        "Put them into the proxy's URL (HTTPS_PROXY=http://user:password@proxy:port), or leave the host out.",
    ),
    409: (
        "Another call changes or trains the same thing, or it exists already.",
        "Look at the code in the body: …Exists wants another id, all others are repeated after a moment.",
    ),
    429: (
        "More calls were made in a short time than the resource's tier allows.",
        "Wait as long as the header Retry-After says and spread calls out; F0 has 20 calls a minute, S0 10 a second.",
    ),
    405: ("The path exists, but not with this method.", "Compare the method with the documentation."),
    411: ("The call has no Content-Length.", "Send one; a proxy may not take chunked bodies."),
    413: ("The body is too large.", "An image may have 6 MB; proxies often allow less."),
    431: ("The headers are too large.", "Look for a cookie or token that grew; a key has 84 characters at most."),
}
"""Meaning and next step by status, for answers without a row of the catalogue."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An explained error response.

    Attributes:
        found: status, code and message.
        means: its meaning.
        next_step: the recommended action.
        row: its row in the error catalogue, or None.
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
    where: str = "",
    service: str = "unknown",
) -> Refusal:
    """Return the meaning of an error of the contract.

    Args:
        status: HTTP status; None if unknown.
        error: the error object of the body, `{"code": …, "message": …, "innererror": …}`; may be empty.
        path: path of the request; may be empty.
        hint: hint of the server, which only Mien sends; may be empty.
        where: value of the header Location; may be empty.
        service: the responding service ("azure", "mien" or "unknown"), for the next step.
    """
    told = _ErrorTexts.of(error)
    match = find_row(status, told.code, told.message, path)
    missing = told.missing
    if missing and (match is None or not match.exact):
        match = RowMatch(_GATED, exact=True)
    return Refusal(
        _found(status, told, where=where, hint=hint),
        _meaning(status, match, hint),
        _next_step(status, match, missing, hint=hint, service="mien" if hint else service),
        match.row if match else None,
        missing,
    )


@dataclass(frozen=True, slots=True)
class _ErrorTexts:
    """The texts of an error object; empty if it does not have them."""

    code: str
    message: str
    inner_code: str
    inner_message: str

    @classmethod
    def of(cls, error: Mapping[str, Any]) -> _ErrorTexts:
        """Read an error object, whose inner error has different names in SDKs."""
        inners = (error.get(name) for name in ("innererror", "innerError", "inner_error"))
        inner = next((one for one in inners if isinstance(one, dict)), {})
        return cls(*(_text(part.get(name)) for part in (error, inner) for name in ("code", "message")))

    @property
    def missing(self) -> tuple[str, ...]:
        """The features without approval that the messages name."""
        return missing_features(self.inner_message) or missing_features(self.message)


def _found(status: int | None, told: _ErrorTexts, *, where: str, hint: str) -> str:
    """Return status, code and message, and what only the inner error says."""
    shown = " ".join(part for part in (str(status or ""), told.code if told.code != str(status) else "") if part)
    said = told.message or (f"a redirect to {where}" if where else "no message")
    found = f"{shown}: {said}" if shown else said
    if told.missing:
        named = missing_features(told.message)
        return found if named else f"{found} Missing approval: {', '.join(told.missing)}."
    if told.inner_message and told.inner_message not in told.message and not hint:
        inner = f"{told.inner_code}: {told.inner_message}" if told.inner_code else told.inner_message
        return f"{found} {inner}"
    return found


def _meaning(status: int | None, match: RowMatch | None, hint: str) -> str:
    if match is None:
        means = _by_status(status)[0]
    elif match.exact:
        means = match.row.explanation
    else:
        means = f"The catalogue does not have this text; its code stands for: {match.row.explanation}"
    return f"{means} The server adds: {_text(hint)}".strip() if hint else means


def _next_step(status: int | None, match: RowMatch | None, missing: tuple[str, ...], *, hint: str, service: str) -> str:
    if missing and service == "mien":
        return _ask_for(missing, hint)
    if match is None:
        return _by_status(status)[1]
    on_service = {"azure": match.row.on_azure, "mien": match.row.on_mien}.get(service)
    return on_service or match.row.next_step


def _ask_for(missing: tuple[str, ...], hint: str) -> str:
    """Return the next step for a missing approval on Mien, by the state of its request in the hint."""
    named = _RESOURCE.search(hint)
    name = named[1] if named else "NAME"
    if "waits for a reviewer" in hint or "is in review" in hint:
        return "Wait for the reviewer of the server, or ask them; `mien access list` shows the request there."
    if "has expired" in hint:
        return (
            "Have the server's operator verify the use anew: `mien access list` shows the id for `mien access renew`."
        )
    if "is approved" in hint:
        return "Repeat the call."
    again = ", after reading why it ended in `mien access list`" if re.search("rejected|revoked", hint) else ""
    return f"Have the server's operator run `mien access request {name} --feature {missing[-1]}`{again}."


def is_management(headers: Mapping[str, str]) -> bool:
    """Return whether a response is from Mien's management port.

    Args:
        headers: response headers by name in lower case.
    """
    return 'realm="mien"' in headers.get("www-authenticate", "") or headers.get("location", "").startswith("/sign-in")


def management_port(status: int | None, port: int | None) -> Finding:
    """Return the finding for calls to Mien's management port."""
    before = f" (by default the port before this one, {port - 1})" if port else ""
    return Finding(
        "service",
        Severity.ERROR,
        f"This is the management port of a Mien server: it answers {status}, as to anybody who is not signed in.",
        "The control plane and the portal are there, for operators; the Face service has a port of its own.",
        f"Use the endpoint that the server printed when it started{before}.",
    )


def explain_page(status: int | None, text: str, headers: Mapping[str, str]) -> Refusal:
    """Explain a response that is not JSON, from something between client and service.

    Args:
        status: HTTP status; None if unknown.
        text: the body.
        headers: response headers by name in lower case.
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
    """Return the features without approval that an error message names."""
    found = _MISSING.search(message)
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
            "This is not a known error of the Face service.",
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
    return _BY_STATUS.get(
        status,
        ("The catalogue has no such error for the Face service.", "Check the endpoint: it may be another service."),
    )
