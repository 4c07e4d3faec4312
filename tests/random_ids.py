"""Texts without the random ids in them, for tests that say what a text must not contain."""

from __future__ import annotations

import re

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,}", re.IGNORECASE)


def without_ids(text: str) -> str:
    """Return a text without its UUIDs and hashes.

    They contain any four digits now and then: the number 4711 is in one UUID of 2,000 (in one of 4,096 as the third
    group, which begins with 4), and in one SHA-256 of 1,100.
    """
    return _ID.sub("", text)
