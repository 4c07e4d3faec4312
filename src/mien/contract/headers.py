"""Names of the contract's headers, and of the key in a query.

Requests and responses of ours have header names in lower case and as bytes: `wire_name`.
"""

from __future__ import annotations

from typing import Final


def wire_name(header: str) -> bytes:
    """Return the name of a header as ASGI has it: bytes in lower case."""
    return header.lower().encode("ascii")


KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
"""The header with the key of a resource."""

KEY_QUERY: Final = "subscription-key"
"""The parameter of the query that may have the key instead."""

REQUEST_ID: Final = "apim-request-id"
"""The id that the server gives a request, in every response of the Face API."""

CLIENT_REQUEST_ID: Final = "x-ms-client-request-id"
"""The id that a client gives a request; the response repeats it."""

ERROR_CODE: Final = "x-ms-error-code"
"""The error's code, again as a header."""

SERVER_MILLISECONDS: Final = "x-envoy-upstream-service-time"
"""How long the server took."""

TRANSACTIONS: Final = "csp-billing-usage"
"""How many transactions the call counts as."""
