"""Texts in CSV files that people open with a spreadsheet."""

from __future__ import annotations

from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def plain_cell(text: str) -> str:
    """Return a text for a cell, quoted if a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
