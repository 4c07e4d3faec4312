"""The facts about one call that a pasted text contains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, repr=False)
class Observed:
    """One call, as shown by a pasted text.

    Attributes:
        method: method of the request; empty when it is not shown.
        url: URL of the request, whole or only its path; empty when it is not shown.
        sent: request headers by their names in lower case; None when they are not shown.
        status: HTTP status; None when it is not shown.
        headers: response headers by their names in lower case.
        body: body of the response.
        notes: other messages of a client, such as "curl: (28) Connection timed out".
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
        """The response headers; empty when they are not shown."""
        return self.headers or {}
