"""The signing keys of a token issuer: fetched off the event loop, cached, fetched again when they rotate."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from mien.gateway.discovery import Fetch, fetcher, read_discovery, require_tls
from mien.gateway.errors import IssuerUnavailableError

FRESH_SECONDS: Final = 3600.0
"""How long fetched keys are used before they are fetched again."""

STALE_SECONDS: Final = 24 * 3600.0
"""How long fetched keys are used if the issuer does not answer; a revoked key may be trusted that long."""

ATTEMPTS: Final = 5
"""How often keys are fetched per `ATTEMPT_SECONDS`, so that forged tokens cannot make this server flood the issuer."""

ATTEMPT_SECONDS: Final = 60.0

_SYMMETRIC: Final = "oct"

log = structlog.get_logger("mien.gateway")


class KeySets:
    """The keys of one issuer; safe to use from any thread and event loop.

    Args:
        issuer: URL of the issuer; its discovery document has the URL of the keys.
        url: URL of the keys (JWKS), if the issuer has no discovery document.
        fetch: gets a URL; None for HTTP.
        now: monotonic clock, in seconds.
    """

    def __init__(
        self,
        issuer: str,
        url: str | None = None,
        *,
        fetch: Fetch | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._issuer = issuer
        self._url = url
        self._fetch = fetch or fetcher()
        self._now = now
        self._lock = threading.Lock()
        self._keys: tuple[Key, ...] = ()
        self._fetched = float("-inf")
        self._attempts: deque[float] = deque(maxlen=ATTEMPTS)

    async def find(self, name: str | None) -> tuple[Key, ...]:
        """Return the keys that may have signed a token.

        Args:
            name: key id in the token's header; None if it has none, in which case all keys are returned.

        Raises:
            IssuerUnavailableError: the keys cannot be fetched now.
        """
        found, fetched = self._named(name), self._fetched
        if (not found or self._now() - fetched > FRESH_SECONDS) and self._may_ask():
            await asyncio.to_thread(self._refresh, fetched)
            found = self._named(name)
        if self._now() - self._fetched > STALE_SECONDS:
            raise IssuerUnavailableError(f"the signing keys of {self._issuer} cannot be fetched")
        return found

    def _named(self, name: str | None) -> tuple[Key, ...]:
        return self._keys if name is None else tuple(key for key in self._keys if key.kid == name)

    def _may_ask(self) -> bool:
        return len(self._attempts) < ATTEMPTS or self._now() - self._attempts[0] > ATTEMPT_SECONDS

    def _refresh(self, fetched: float) -> None:
        """Fetch the keys, unless another thread has done so since `fetched`."""
        with self._lock:
            if self._fetched != fetched or not self._may_ask():
                return
            self._attempts.append(self._now())
            try:
                self._keys = self._load()
            except (OSError, httpx.HTTPError, JoseError, ValueError, LookupError, TypeError) as error:
                log.error("an issuer's signing keys cannot be fetched", issuer=self._issuer, reason=str(error))
            else:
                self._fetched = self._now()

    def _load(self) -> tuple[Key, ...]:
        url = self._url or self._discover()
        require_tls(url)
        keys = KeySet.import_key_set(json.loads(self._fetch(url)))
        # A symmetric key in a public document is not secret: anyone who reads it could sign tokens.
        return tuple(key for key in keys.keys if key.key_type != _SYMMETRIC and key.get("use") in {None, "sig"})

    def _discover(self) -> str:
        return str(read_discovery(self._issuer, self._fetch)["jwks_uri"])
