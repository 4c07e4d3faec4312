"""Low, medium, high and other values of the contract, in words for the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mien.portal.texts import mark

LEVELS: Final[Mapping[str, str]] = {
    "low": mark("low"),
    "medium": mark("medium"),
    "high": mark("high"),
    "unknown": mark("unknown"),
}
"""Of blur, noise and quality for recognition, by their values in the contract."""
