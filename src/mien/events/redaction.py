"""Redaction of keys and tokens in calls that are logged for diagnosis.

Stricter than the ordinary log's redaction: here headers, queries and paths are written as callers sent them, and
callers put keys in the strangest places. The key or token of the call itself is redacted wherever it
stands, also as a part of something; so is everything that could be one by its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

from mien.contract.headers import KEY_HEADER
from mien.logs import REDACTED

_NAMES: Final = re.compile(
    r"key|token|secret|auth|cookie|passw|credential|assertion|signature|^(sig|sas|jwt|code|pwd|se|sv)$", re.IGNORECASE
)
# Keys have 32 hexadecimal digits (Azure's newer ones: 84 letters and digits); tokens are longer. Guids (36 characters
# with hyphens) and paths are kept. Names of query parameters arrive in lower case; one may itself be a token.
_LONG: Final = re.compile(r"(?i:eyJ)[\w-]+\.[\w-]+(?:\.[\w-]*)*|[0-9A-Za-z+=]{32,}|[\w~+=-]{40,}", re.ASCII)
_SHORTEST: Final = 8
_CREDENTIAL_HEADERS: Final = (
    KEY_HEADER.lower(),
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
)
_DECODINGS: Final = 3


class CallRedactor:
    """Redacts the credentials of one call.

    Args:
        headers: request headers, names in lower case.
        query: decoded query parameters.
    """

    def __init__(self, headers: Iterable[tuple[str, str]], query: Iterable[tuple[str, str]]) -> None:
        shown: set[str] = set()
        for name, value in headers:
            if name in _CREDENTIAL_HEADERS or _NAMES.search(name):
                shown |= _parts(value)
        for name, value in query:
            if _NAMES.search(name):
                shown |= _parts(value)
        found = sorted((re.escape(one) for one in shown), key=len, reverse=True)
        self._shown = re.compile("|".join(found), re.IGNORECASE) if found else None

    def text(self, text: str) -> str:
        """Return a text with possible keys and tokens redacted; all of it if it contains a percent-encoded one."""
        plain = text
        for _ in range(_DECODINGS):
            decoded = unquote_plus(plain)
            if decoded == plain:
                break
            plain = decoded
        else:
            return REDACTED
        if plain != text and self._redact(plain) != plain:
            return REDACTED
        return self._redact(text)

    def named(self, name: str, value: str) -> str:
        """Return the value of a header or query parameter, redacted if its name or form suggests a credential."""
        return REDACTED if _NAMES.search(name) else self.text(value)

    def tree(self, value: Any) -> Any:
        """Return parsed JSON with all its texts redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.tree(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.tree(item) for item in value]
        return value

    def _redact(self, text: str) -> str:
        if self._shown is not None:
            text = self._shown.sub(REDACTED, text)
        return _LONG.sub(REDACTED, text)


def _parts(value: str) -> set[str]:
    """Return the secrets in a value, to redact elsewhere: the whole and its parts, as in `Bearer …` and `a=…; b=…`."""
    parts = {value.strip(), *re.split(r"[\s;,=:&\"']+", value)}
    return {part for part in parts if len(part) >= _SHORTEST}
