"""Sends a request to an address that an operator configured, with the checks of image URLs.

The host is resolved once, every address is checked, and redirects are not followed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import httpcore

from mien.fetching.fetch import USER_AGENT, FetchPolicy, GuardedBackend, parse_url, ssl_context, system_resolver

_READ_AT_MOST: Final = 64 * 1024


def send(method: str, url: str, body: bytes, headers: Mapping[str, bytes], policy: FetchPolicy) -> int:
    """Send a request and read the response; blocks for at most `policy.total_seconds`.

    Args:
        method: HTTP method.
        url: the URL.
        body: the body; may be empty.
        headers: further request headers, in ASCII names.
        policy: allowed addresses and timeouts.

    Returns:
        The status of the response.

    Raises:
        FetchError: the URL or one of its addresses is not allowed.
        httpcore.TimeoutException: a timeout expired.
        httpcore.NetworkError: the connection failed.
        httpcore.ProtocolError: the response is not HTTP.
        UnicodeError: the host name is malformed.
    """
    target = parse_url(url, policy)
    backend = GuardedBackend(policy, system_resolver, time.monotonic() + policy.total_seconds)
    timeout = {"connect": policy.connect_seconds, "read": policy.read_seconds, "write": policy.read_seconds, "pool": 0}
    sent = [
        (b"Host", target.netloc),
        USER_AGENT,
        (b"Content-Length", b"%d" % len(body)),
        *((name.encode("ascii"), value) for name, value in headers.items()),
    ]
    address = httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
    with (
        httpcore.ConnectionPool(
            ssl_context=ssl_context(policy.ca_file), max_keepalive_connections=0, network_backend=backend
        ) as pool,
        pool.stream(method, address, headers=sent, content=body, extensions={"timeout": timeout}) as response,
    ):
        size = 0
        for part in response.iter_stream():  # a receiver may treat an unread response as a failure
            size += len(part)
            if size > _READ_AT_MOST:
                break
        return response.status
