"""Texts of others for the terminal: names that clients gave must not steer it, nor turn a line around."""

from __future__ import annotations

import re
from typing import Final

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_BUT_LINES: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str, *, lines: bool = False) -> str:
    """Return a text with its control characters replaced.

    Args:
        text: a text of somebody else.
        lines: whether it may have several lines.
    """
    return (_BUT_LINES if lines else _CONTROLS).sub("\ufffd", text)
