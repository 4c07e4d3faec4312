"""A call as far as a pasted text shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, repr=False)
class Observed:
    """A call in a pasted text.

    Attributes:
        method: HTTP method; empty if not shown.
        url: URL or only path of the request; empty if not shown.
        sent: request headers by name in lower case; None if not shown.
        status: HTTP status; None if not shown.
        headers: response headers by name in lower case; None if not shown.
        body: response body.
        notes: other messages of the client, such as "curl: (28) Connection timed out".
        at: time of the call by the client's clock; None if unknown.
        browser: whether a browser made it.
    """

    method: str = ""
    url: str = ""
    sent: Mapping[str, str] | None = None
    status: int | None = None
    headers: Mapping[str, str] | None = None
    body: str = ""
    notes: tuple[str, ...] = ()
    at: datetime | None = None
    browser: bool = False

    @property
    def told(self) -> Mapping[str, str]:
        """The response headers; empty if not shown."""
        return self.headers or {}
