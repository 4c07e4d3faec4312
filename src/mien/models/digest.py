"""Hashes of JSON values."""

from __future__ import annotations

import hashlib
import json


def sha256_of_json(value: object) -> str:
    """Return the SHA-256 (hex) of a value as canonical JSON: sorted keys, no spaces."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
