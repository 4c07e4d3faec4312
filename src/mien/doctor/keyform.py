"""Checks the form of a key, without a call."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mien.contract.headers import KEY_HEADER
from mien.doctor.findings import Finding, Severity

_OLD, _NEW = 32, 84
_QUOTES: Final = "\"'`“”‘’«»"
_INVISIBLE: Final = "\ufeff\u200b\u200c\u200d\u2060\u00a0\u00ad"
GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LABEL: Final = re.compile(rf"(?:key ?[12]?|{KEY_HEADER}|api[-_ ]?key)\s*[:=]\s*", re.IGNORECASE)
_COPY: Final = "Copy the key again, without anything around it: "
_WHERE: Final = "on Azure from the resource's page Keys and Endpoint, on Mien with `mien key list`."


@dataclass(frozen=True, slots=True, repr=False)
class KeyForm:
    """The result of `examine_key`.

    Attributes:
        usable: the key, corrected if that is safe; None if there is no usable key.
        findings: problems of the key; empty if there are none.
    """

    usable: str | None
    findings: tuple[Finding, ...]


def examine_key(given: str | None, source: str) -> KeyForm:
    """Check a key without a call; findings do not contain the key.

    Args:
        given: the given key; None if there was none.
        source: origin of the key, such as "the variable FACE_KEY".
    """
    if given is None:
        return _no_key(f"There is no key: {source} is not set.", f"Set {source} to one of the resource's two keys.")
    if not given.strip(_INVISIBLE + " \t\r\n" + _QUOTES):
        return _no_key(f"There is no key: {source} is empty.", f"Set {source} to one of the resource's two keys.")
    key, findings = _clean(given, source)
    if not key:
        return _no_key(f"There is no key in {source}, only what may stand before one.", f"Set it to a key: {_WHERE}")
    if (lost := _not_a_key(key, source)) is not None:
        return KeyForm(None, (*findings, *lost.findings))
    if any(not "!" <= letter <= "~" for letter in key):
        found = (
            f"The key in {source} has characters inside it that no key has (blanks, line breaks or special letters)."
        )
        return KeyForm(None, (*findings, _finding(Severity.ERROR, found, "It was damaged when it was copied.")))
    if len(key) not in {_OLD, _NEW}:
        found = f"The key in {source} has {len(key)} characters; keys of this service have {_OLD} or {_NEW}."
        cut = len(key) in range(_OLD - 4, _OLD) or len(key) in range(_NEW - 4, _NEW)
        means = "Its end seems to be cut off." if cut else "It may be another service's, or cut, or doubled."
        findings.append(_finding(Severity.WARNING, found, means, {"length": len(key)}))
    elif len(key) == _OLD and not re.fullmatch("[0-9a-fA-F]+", key):
        found = f"The key in {source} has {_OLD} characters, but not only hexadecimal digits."
        findings.append(_finding(Severity.WARNING, found, "Keys of that length are hexadecimal: it is another's key."))
    return KeyForm(key, tuple(findings))


def _clean(given: str, source: str) -> tuple[str, list[Finding]]:
    """Remove characters that cannot belong to the key, with a finding for each kind."""
    key, findings = given, []

    def cut(mended: str, what: str, means: str) -> str:
        if mended != key:
            findings.append(_finding(Severity.ERROR, f"The key in {source} {what}.", means))
        return mended

    breaks = "A line break in a header ends it: HTTP libraries refuse it, or the service answers 401."
    key = cut(key.strip("\r\n"), "has a line break before or after it", breaks)
    key = cut(key.strip(_INVISIBLE), "has invisible characters around it", "They are sent along, so the key is wrong.")
    key = cut(key.strip(), "has blanks before or after it", "They are sent along, so the key is wrong.")
    quoted = "Quotes are sent along, so the key is wrong; env files and container settings take them for part of it."
    key = cut(key.strip(_QUOTES).strip(), "is wrapped in quotes", quoted)
    label = _LABEL.match(key)
    key = cut(key[label.end() :] if label else key, "begins with its own name", "The name is sent as part of the key.")
    bearer = f"{KEY_HEADER} takes the key alone; the word belongs to tokens, in the header Authorization."
    return cut(
        key[6:].strip() if f"{key.lower()} ".startswith("bearer ") else key, 'begins with "Bearer"', bearer
    ), findings


def _not_a_key(key: str, source: str) -> KeyForm | None:
    """Return the finding for something other than a key, such as a URL; None if it may be a key."""
    if key.startswith("eyJ") and key.count(".") == 2:
        return _token(key, source)
    if re.match("https?://", key, re.IGNORECASE) or key.lower().endswith((".azure.com", ".microsoft.com")):
        return _no_key(
            f"{source[0].upper()}{source[1:]} holds an address, not a key.",
            "Endpoint and key are mixed up: exchange the two.",
        )
    if GUID.fullmatch(key):
        means = "The ids of subscriptions, tenants and applications look like this; keys have no hyphens."
        return KeyForm(
            None, (_finding(Severity.ERROR, f"{source[0].upper()}{source[1:]} holds an id, not a key.", means),)
        )
    if key[0] in "<{[$%" or re.search("your|paste|example|placeholder|xxxx|key.?here", key, re.IGNORECASE):
        return _no_key(
            f"{source[0].upper()}{source[1:]} holds the placeholder of an example.", f"Put a key in its place: {_WHERE}"
        )
    return None


def _token(token: str, source: str) -> KeyForm:
    """Return the finding for a token in place of a key; its claims are read but not verified."""
    claims = claims_of(token) or {}
    issuer, audience = str(claims.get("iss", "")), str(claims.get("aud", ""))
    if "liveness" in issuer.lower() or any("session" in name.lower() for name in claims):
        what = "the authToken of a liveness session"
        means = "It lets one client run one session; the server that makes sessions needs a key."
    elif any(part in issuer for part in ("sts.windows.net", "login.microsoftonline", "login.partner")):
        what = f"a Microsoft Entra token (for {audience or 'an audience that it does not name'})"
        means = "Tokens go into the header Authorization, after the word Bearer."
    else:
        what = "a token (JWT)"
        means = "A liveness session's authToken looks like this, and so do Entra tokens; neither is a key."
    found = f"{source[0].upper()}{source[1:]} holds {what}, not a key."
    return KeyForm(None, (_finding(Severity.ERROR, found, means),))


def claims_of(token: str) -> Mapping[str, Any] | None:
    """Return the claims of a JWT without verifying its signature; None if it is not a JWT."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def _finding(severity: Severity, found: str, means: str, details: Mapping[str, Any] | None = None) -> Finding:
    return Finding("key-form", severity, found, means, _COPY + _WHERE, details or {})


def _no_key(found: str, next_step: str) -> KeyForm:
    return KeyForm(None, (Finding("key-form", Severity.ERROR, found, "", next_step),))
