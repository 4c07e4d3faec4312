"""Display names of the contract's values, such as low, medium, high."""

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
"""Names of the levels of blur, noise and quality for recognition, by the contract's values."""
