"""Who asks: the key of a request, and what may be wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from mien.gateway.errors import AccessDeniedError
from mien.gateway.exchange import Caller, Exchange, Request

KEY_HEADER = b"ocp-apim-subscription-key"
KEY_QUERY = "subscription-key"

_HEADER_NAME = "Ocp-Apim-Subscription-Key"
_LOOKALIKES = (b"subscription-key", b"api-key", b"x-api-key", b"apikey", b"ocp-apim-subscription-region")
_WARM_SECONDS = 4.0  # less than the accounts remember a key
_WARM_KEYS = 10_000
_QUOTES = "\"'`“”‘’"


class Accounts(Protocol):
    """What the key check needs of the accounts."""

    def find_by_key(self, key: str) -> Caller | None:
        """Return the resource that `key` opens, or None."""
        ...


class KeyCheck:
    """The gateway's step that turns a key into a caller."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._warm: dict[int, float] = {}

    async def __call__(self, exchange: Exchange) -> None:
        """Set the exchange's caller.

        Raises:
            AccessDeniedError: no key, or none of ours.
        """
        if not exchange.operation.needs_key:
            return
        request = exchange.request
        key = request.header(KEY_HEADER)
        if key is None:
            key = request.query_value(KEY_QUERY)
        if key is None:
            raise AccessDeniedError(_why_missing(request))
        caller = await self._find(key) if key else None
        if caller is None:
            raise AccessDeniedError(_why_wrong(key))
        exchange.caller = caller

    async def _find(self, key: str) -> Caller | None:
        """Look a key up: in place while the accounts still remember it, else in a thread: it may take a database."""
        now = monotonic()
        mark = hash(key)
        if self._warm.get(mark, 0.0) > now:
            return self._accounts.find_by_key(key)
        caller = await asyncio.to_thread(self._accounts.find_by_key, key)
        if caller is not None:
            if len(self._warm) >= _WARM_KEYS:
                self._warm.clear()
            self._warm[mark] = now + _WARM_SECONDS
        return caller


def _why_missing(request: Request) -> str:
    authorization = request.header(b"authorization")
    if authorization is not None and authorization.lower().startswith("bearer"):
        return (
            "A bearer token was sent, but this server takes keys only: send a key of the resource "
            f"in the header {_HEADER_NAME}."
        )
    if authorization is not None:
        return f"The key belongs in the header {_HEADER_NAME}, not in Authorization."
    for name in _LOOKALIKES:
        if request.header(name) is not None:
            return f"The header {name.decode()} was sent; the key belongs in the header {_HEADER_NAME}."
    return f"No key was sent: add the header {_HEADER_NAME} with one of the resource's two keys."


_ODDITIES: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda key: not key.strip(), f"The header {_HEADER_NAME} is empty: was the variable that holds the key set?"),
    (lambda key: key != key.strip(), "The key has blanks or a line break before or after it."),
    (lambda key: key[0] in _QUOTES or key[-1] in _QUOTES, "The key is wrapped in quotes: send it without them."),
    (
        lambda key: key.lower().startswith("bearer "),
        f'The header {_HEADER_NAME} takes the key alone, without the word "Bearer".',
    ),
    (
        lambda key: key.startswith("eyJ") and key.count(".") == 2,
        f"This is a token (JWT), not a key: {_HEADER_NAME} takes one of the resource's two keys.",
    ),
    (
        lambda key: key[0] in "<{[$" or "your" in key.lower(),
        "This looks like a placeholder from an example: replace it with one of the resource's two keys.",
    ),
    (
        lambda key: key.lower().startswith(("http://", "https://")),
        "This is an address, not a key: are endpoint and key mixed up?",
    ),
)


def _why_wrong(key: str) -> str | None:
    """Say what is odd about the form of a key; never whether a mended one would do."""
    return next((text for odd, text in _ODDITIES if odd(key)), None)
