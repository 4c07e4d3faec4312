"""Values of cookies that only this service can write; nothing is kept: every server of a database reads them."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from typing import Any, Final

from mien.storage import Vault

_LONGEST: Final = 4096


class ValueSigner:
    """Writes and reads signed values, which people can read and not change.

    Args:
        vault: its secret signs.
        purpose: values of another purpose are not accepted.
    """

    def __init__(self, vault: Vault, purpose: str) -> None:
        self._vault = vault
        self._purpose = purpose

    def write(self, content: dict[str, Any]) -> str:
        """Return a value for a cookie."""
        payload = pack(content)
        return f"{payload}.{self._sign(payload)}"

    def read(self, value: str) -> dict[str, Any] | None:
        """Return what was written; None for what this service did not write."""
        payload, _, signature = value.partition(".")
        if len(value) > _LONGEST or not value.isascii() or not hmac.compare_digest(signature, self._sign(payload)):
            return None
        try:
            return unpack(payload)
        except (ValueError, binascii.Error):
            return None

    def _sign(self, payload: str) -> str:
        return self._vault.keyed_hash(self._purpose + payload).hex()


def pack(content: dict[str, Any]) -> str:
    """Write as base64url without its padding, whose sign would have to be quoted in a cookie."""
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def unpack(text: str) -> dict[str, Any]:
    """Read what `pack`, or the issuer of a JSON web token, wrote.

    Raises:
        ValueError: it is not base64 or not JSON.
        binascii.Error: it is not base64 or not JSON.
    """
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found
