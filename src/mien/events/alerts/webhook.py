"""Posts to webhooks with the checks of image URLs: the host is resolved once, and every address is checked."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpcore

from mien.fetching.fetch import (
    USER_AGENT,
    FetchError,
    FetchPolicy,
    GuardedBackend,
    parse_url,
    ssl_context,
    system_resolver,
)

_READ_AT_MOST = 64 * 1024


def post(url: str, body: bytes, headers: Mapping[str, str], policy: FetchPolicy) -> int:
    """Post a body without following redirects; blocks for at most `policy.total_seconds`.

    Args:
        url: URL of the webhook.
        body: the message.
        headers: additional request headers.
        policy: allowed addresses and timeouts.

    Returns:
        The status of the response.

    Raises:
        OSError: it could not be sent; the message gives the reason.
    """
    try:
        return _post(url, body, headers, policy)
    except FetchError as error:
        raise OSError(str(error)) from None
    except httpcore.TimeoutException:
        raise OSError("the receiver did not answer in time") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, UnicodeError) as error:
        reason = "its certificate is not valid" if "CERTIFICATE_VERIFY" in str(error) else "the connection failed"
        raise OSError(f"the receiver could not be reached: {reason}") from None


def _post(url: str, body: bytes, headers: Mapping[str, str], policy: FetchPolicy) -> int:
    target = parse_url(url, policy)
    backend = GuardedBackend(policy, system_resolver, time.monotonic() + policy.total_seconds)
    timeout = {"connect": policy.connect_seconds, "read": policy.read_seconds, "write": policy.read_seconds, "pool": 0}
    sent = [
        (b"Host", target.netloc),
        USER_AGENT,
        (b"Content-Length", b"%d" % len(body)),
        *((name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()),
    ]
    address = httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
    with (
        httpcore.ConnectionPool(
            ssl_context=ssl_context(policy.ca_file), max_keepalive_connections=0, network_backend=backend
        ) as pool,
        pool.stream("POST", address, headers=sent, content=body, extensions={"timeout": timeout}) as response,
    ):
        size = 0
        for part in response.iter_stream():  # a receiver may treat an unread response as a failure
            size += len(part)
            if size > _READ_AT_MOST:
                break
        return response.status
