"""The key of a request, and hints on a wrong one. Hints never reveal whether a corrected key would be valid."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

from mien.contract.headers import KEY_HEADER, KEY_QUERY, wire_name
from mien.gateway.exchange import Request
from mien.issuers import SESSIONS

_KEY_HEADER = wire_name(KEY_HEADER)
_MISSPELT = (wire_name(KEY_QUERY), b"api-key", b"x-api-key", b"apikey", b"ocp-apim-subscription-region")
_LONGEST_TOKEN = 4096
_QUOTES = "\"'`“”‘’"


_OF_A_SESSION = "This is the authToken of a liveness session, which opens that session's channel for its client only:"


def is_session_token(token: str) -> bool:
    """Return whether a text claims to be the token of a liveness session; the token is not verified."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _LONGEST_TOKEN:
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(claims, dict) and claims.get("iss") == SESSIONS


def key_of(request: Request) -> str | None:
    """Return the key in the header, else in the query; None if there is none."""
    key = request.header(_KEY_HEADER)
    return request.query_value(KEY_QUERY) if key is None else key


def missing_key_hint(request: Request) -> str:
    """Return a hint for a request without a key."""
    authorization = request.header(b"authorization")
    if authorization is not None and authorization.lower().startswith("bearer"):
        if is_session_token(authorization[len("bearer") :].strip()):
            return f"{_OF_A_SESSION} send a key of the resource in the header {KEY_HEADER}, from your own server."
        return (
            "A bearer token was sent, but not one that this server issued, and no other issuer is trusted here: "
            f"send a key of the resource in the header {KEY_HEADER}."
        )
    if authorization is not None:
        return f"The key belongs in the header {KEY_HEADER}, not in Authorization."
    for name in _MISSPELT:
        if request.header(name) is not None:
            return f"The header {name.decode()} was sent; the key belongs in the header {KEY_HEADER}."
    return f"No key was sent: add the header {KEY_HEADER} with one of the resource's two keys."


_ODDITIES: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda key: not key.strip(), f"The header {KEY_HEADER} is empty: was the variable that holds the key set?"),
    (lambda key: key != key.strip(), "The key has blanks or a line break before or after it."),
    (lambda key: key[0] in _QUOTES or key[-1] in _QUOTES, "The key is wrapped in quotes: send it without them."),
    (
        lambda key: key.lower().startswith("bearer "),
        f'The header {KEY_HEADER} takes the key alone, without the word "Bearer".',
    ),
    (
        is_session_token,
        f"{_OF_A_SESSION} {KEY_HEADER} takes one of the resource's two keys, on your own server.",
    ),
    (
        lambda key: key.startswith("eyJ") and key.count(".") == 2,
        f"This is a token (JWT), not a key: {KEY_HEADER} takes one of the resource's two keys.",
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


def wrong_key_hint(key: str) -> str | None:
    """Return a hint for an unknown key; None if it looks like a key."""
    return next((text for odd, text in _ODDITIES if odd(key)), None)
