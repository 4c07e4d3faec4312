"""Signed values of cookies, which every server of a database can verify without stored state."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from typing import Any, Final

from mien.storage import Vault

_LONGEST: Final = 4096


class ValueSigner:
    """Writes and reads signed values, which are not encrypted.

    Args:
        vault: its key signs the values.
        purpose: purpose of the values; values of other purposes are refused.
    """

    def __init__(self, vault: Vault, purpose: str) -> None:
        self._vault = vault
        self._purpose = purpose

    def write(self, content: dict[str, Any]) -> str:
        """Return a value for a cookie."""
        payload = pack(content)
        return f"{payload}.{self._sign(payload)}"

    def read(self, value: str) -> dict[str, Any] | None:
        """Return the content of a value; None if the signature is not valid."""
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
    """Encode as base64url without padding, which would need quotes in a cookie."""
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def unpack(text: str) -> dict[str, Any]:
    """Decode the output of `pack`, or a part of a JSON Web Token.

    Raises:
        ValueError: it is not base64 or not JSON.
        binascii.Error: it is not base64 or not JSON.
    """
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found
