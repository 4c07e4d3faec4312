"""Reasons of doors' decisions as sentences, in the language of the page."""

from __future__ import annotations

from mien.doors.reasons import WORDS, Code, Number, plain
from mien.portal.texts import t


def reason(code: str, have: Number = None, wanted: Number = None) -> str:
    """Return the reason of a decision as a sentence, or its code if it is unknown."""
    try:
        words = WORDS[Code(code)]
    except ValueError:
        return code
    return t(words, have=plain(have), wanted=plain(wanted))
