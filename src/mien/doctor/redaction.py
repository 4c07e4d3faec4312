"""Removes keys and tokens from everything that is printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from mien.contract.headers import KEY_HEADER, KEY_QUERY
from mien.doctor.findings import Finding

MARK: Final = "[key hidden]"
SECRET_HEADERS: Final = frozenset(
    {
        KEY_HEADER.lower(),
        KEY_QUERY,
        "api-key",
        "x-api-key",
        "apikey",
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-functions-key",
    }
)
"""Headers whose values are secrets; in lower case."""

_NAMES: Final = (
    rf"(?:{KEY_HEADER}|(?:x-)?(?:subscription|functions|api|account|access)[-_]?key|apikey|key[12]"
    r"|(?:Proxy-)?Authorization|(?:set-)?cookie|authToken|access_?token|base64AccessToken|refresh_token|client_secret"
    r"|password|sig)"
)
# `name: value`, `"name":"value"`, `name=value`, `{"name":"…","value":"…"}` of a HAR, also with escaped quotes
_NAMED: Final = re.compile(
    _NAMES + r"""(?P<between>\\?["']?\s*[:=]\s*(?:(?:Bearer|Basic|SharedAccessSignature)\s+)?)"""
    r"""(?P<quote>\\?["']?)(?P<value>[^\s"'\\,;&<>\]}]+)""",
    re.IGNORECASE,
)
_HAR_PAIR: Final = re.compile(
    r"""("name"\s*:\s*")(?P<name>[^"]+)("\s*,\s*"value"\s*:\s*")(?P<value>(?:[^"\\]|\\.)*)(")""", re.IGNORECASE
)
# Also passwords with characters that should be percent-encoded, up to the last @.
_USER_INFO: Final = re.compile(r"""(?<=://)(?:[^\s/?#@"'<>]+|[^\s/?#@:"'<>]*:[^\s"'<>]*)(?=@)""")
_FORMS: Final = (
    re.compile(r"eyJ[\w-]+\.[\w-]*\.?[\w-]*"),  # a JWT
    re.compile(r"(?<![0-9A-Za-z-])[0-9a-fA-F]{32}(?![0-9A-Za-z-])"),  # a key of the old format
    re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{84}(?![0-9A-Za-z])"),  # a key of the new format
)


def secrets_of(url: str) -> Iterator[str]:
    """Yield the secrets in a URL: password, user, and keys in its query."""
    before, at, _host = url.rpartition("@")
    if at:
        user, colon, password = before[before.find("://") + 3 if "://" in before else 0 :].partition(":")
        secret = password if colon else user
        yield from {secret, unquote(secret)}
    yield from re.findall(r"(?:key|sig|token|code)=([^&#\s]+)", url, re.IGNORECASE)


class Redactor:
    """Redacts known secrets, and everything with the form or name of a key or token.

    Args:
        secrets: known secrets of any form; those shorter than four characters are redacted only by their names.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {part for secret in secrets for part in (secret, secret.strip(), secret.strip().strip("\"'"))}
        self._known = sorted((part for part in known if len(part) >= 4), key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        for secret in self._known:
            text = text.replace(secret, MARK)
        text = _HAR_PAIR.sub(_hide_pair, text)
        text = _NAMED.sub(_hide_value, text)
        text = _USER_INFO.sub(MARK, text)
        for form in _FORMS:
            text = form.sub(MARK, text)
        return text

    def finding(self, finding: Finding) -> Finding:
        """Return the finding without secrets."""
        return replace(
            finding,
            found=self.text(finding.found),
            means=self.text(finding.means),
            next_step=self.text(finding.next_step),
            details=self.value(dict(finding.details)),
        )

    def value(self, value: Any) -> Any:
        """Return a JSON value without secrets in its texts."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return value


def _hide_value(found: re.Match[str]) -> str:
    whole, value = found[0], found["value"]
    if value.startswith(MARK.split()[0]):
        return whole
    return f"{whole[: len(whole) - len(value)]}{MARK}"


def _hide_pair(found: re.Match[str]) -> str:
    if found["name"].lower() not in SECRET_HEADERS:
        return found[0]
    return f"{found[1]}{found['name']}{found[3]}{MARK}{found[5]}"
