"""Posts messages to webhooks, and says why one could not be sent."""

from __future__ import annotations

from collections.abc import Mapping

import httpcore

from mien.fetching.fetch import FetchError, FetchPolicy
from mien.fetching.sending import send


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
        return send("POST", url, body, {name: value.encode("latin-1") for name, value in headers.items()}, policy)
    except FetchError as error:
        raise OSError(str(error)) from None
    except httpcore.TimeoutException:
        raise OSError("the receiver did not answer in time") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, UnicodeError) as error:
        reason = "its certificate is not valid" if "CERTIFICATE_VERIFY" in str(error) else "the connection failed"
        raise OSError(f"the receiver could not be reached: {reason}") from None
