"""OpenID Connect discovery: an issuer's keys and its sign-in and sign-out endpoints."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import structlog

_MAX_BYTES: Final = 1024 * 1024
_FRESH_SECONDS: Final = 3600.0
_PAUSE_SECONDS: Final = 2.0

_log = structlog.get_logger("mien.gateway")

Fetch = Callable[[str], bytes]
"""Returns the body of a URL; blocks; raises `OSError` or `httpx.HTTPError`."""


def read_discovery(issuer: str, fetch: Fetch) -> dict[str, Any]:
    """Return the discovery document of an issuer; blocks.

    Args:
        issuer: URL of the issuer.
        fetch: gets a URL.

    Raises:
        ValueError: the document is not valid, belongs to another issuer, or would be sent without TLS.
        OSError: it is not available.
        httpx.HTTPError: it is not available.
    """
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    require_tls(url)
    document: object = json.loads(fetch(url))
    if not isinstance(document, dict):
        raise ValueError(f"{url} is no discovery document")
    if str(document.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
        raise ValueError(f"{url} is the document of another issuer: {document.get('issuer')}")
    return document


def require_tls(url: str) -> None:
    """Refuse plain HTTP except to this machine: others could replace the issuer's keys or read sign-in codes.

    Raises:
        ValueError: the URL has neither HTTPS nor a loopback host.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}):
        raise ValueError(f"{url} is not an https address")


class DiscoveryError(Exception):
    """The document is not available now."""


class Discovery:
    """The discovery document of an issuer, cached for an hour; after a failure, the next attempt is delayed.

    Args:
        issuer: URL of the issuer.
        fetch: gets a URL.
        now: monotonic clock, in seconds.
    """

    def __init__(self, issuer: str, fetch: Fetch, now: Callable[[], float] = monotonic) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._now = now
        self._lock = threading.Lock()
        self._document: dict[str, Any] = {}
        self._read = float("-inf")
        self._failed = float("-inf")

    async def document(self) -> dict[str, Any]:
        """Return the document.

        Raises:
            DiscoveryError: the issuer does not answer, or the document is not valid.
        """
        if self._now() - self._read > _FRESH_SECONDS:
            await asyncio.to_thread(self._refresh)
        return self._document

    def _refresh(self) -> None:
        with self._lock:
            if self._now() - self._read <= _FRESH_SECONDS:
                return
            if self._now() - self._failed < _PAUSE_SECONDS:
                raise DiscoveryError("the issuer did not answer a moment ago")
            try:
                self._document = read_discovery(self._issuer, self._fetch)
            except (OSError, httpx.HTTPError, ValueError) as error:
                self._failed = self._now()
                _log.error("the issuer's discovery document cannot be read", issuer=self._issuer, reason=str(error))
                raise DiscoveryError(str(error)) from error
            self._read = self._now()


def fetcher(ca_file: Path | None = None) -> Fetch:
    """Return a function that gets a URL over HTTP without following redirects; a body that is too long is a ValueError.

    Args:
        ca_file: PEM file of trusted certificate authorities; None for the default ones.
    """
    own = tls_context(ca_file) if ca_file else None

    def fetch(url: str) -> bytes:
        with (
            httpx.Client(timeout=5.0, follow_redirects=False, verify=own or tls_context(None)) as client,
            client.stream("GET", url) as response,
        ):
            response.raise_for_status()
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise ValueError(f"{url} is longer than {_MAX_BYTES} bytes")
            return body

    return fetch


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return the value of httpx's `verify`.

    Without a file it is one context for all: reading the public authorities takes 50 ms of a processor.

    Raises:
        OSError: the file cannot be read, or contains no certificate.
    """
    return ssl.create_default_context(cafile=str(ca_file)) if ca_file else _public_authorities()


@cache
def _public_authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context()
