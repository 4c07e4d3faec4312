"""What an OpenID Connect issuer says of itself: where its keys are, where people sign in and out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

_MAX_BYTES: Final = 1024 * 1024

Fetch = Callable[[str], bytes]
"""Gets the body of a URL; blocks; raises `OSError` or `httpx.HTTPError`."""


def read_discovery(issuer: str, fetch: Fetch) -> dict[str, Any]:
    """Return the discovery document of an issuer; blocks.

    Args:
        issuer: its URL.
        fetch: gets a URL.

    Raises:
        ValueError: it is no document of this issuer, or would come unprotected.
        OSError: it cannot be had.
        httpx.HTTPError: likewise.
    """
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    require_safe(url)
    document: object = json.loads(fetch(url))
    if not isinstance(document, dict):
        raise ValueError(f"{url} is no discovery document")
    if str(document.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
        raise ValueError(f"{url} is the document of another issuer: {document.get('issuer')}")
    return document


def require_safe(url: str) -> None:
    """Refuse plain HTTP, where anybody on the way could exchange keys and read codes, but to this machine.

    Raises:
        ValueError: the URL is neither of HTTPS nor of this machine.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}):
        raise ValueError(f"{url} is not an https address")


def over_http(url: str) -> bytes:
    """Get the body of a URL; follows no redirect.

    Raises:
        ValueError: it is too long.
        httpx.HTTPError: it cannot be had.
    """
    with httpx.Client(timeout=5.0, follow_redirects=False) as client, client.stream("GET", url) as response:
        response.raise_for_status()
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise ValueError(f"{url} is longer than {_MAX_BYTES} bytes")
        return body
