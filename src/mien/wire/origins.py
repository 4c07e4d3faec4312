"""Which web pages a browser may let call (CORS): for what clients call with a session's token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins that may call.

    Any origin is a safe default: nothing is called with cookies, so a page has no more than what it was handed.

    Attributes:
        allowed: origins such as `https://shop.example`, in lower case; `*` for all.
    """

    allowed: frozenset[str] = frozenset({_ANY})

    @classmethod
    def parse(cls, text: str) -> Origins:
        """Read origins with commas between them."""
        return cls(frozenset(part.strip().rstrip("/").lower() for part in text.split(",") if part.strip()))

    def allow(self, origin: str | None) -> bool:
        """Tell whether a call with this `Origin` is served; without one it is not from a web page."""
        return origin is None or _ANY in self.allowed or origin.lower() in self.allowed

    def headers(self, origin: str | None) -> Sequence[tuple[bytes, bytes]]:
        """Return the headers that let a page read the answer."""
        if origin is None or not self.allow(origin):
            return ()
        shown = _ANY if _ANY in self.allowed else origin
        return (
            (b"access-control-allow-origin", shown.encode("latin-1")),
            (b"vary", b"origin"),
        )

    def preflight(self, origin: str | None) -> Sequence[tuple[bytes, bytes]]:
        """Return the headers of the answer to a browser's question before a call."""
        allowed = self.headers(origin)
        if not allowed:
            return ()
        return (
            *allowed,
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"authorization, content-type, x-ms-client-request-id"),
            (b"access-control-max-age", b"600"),
        )
