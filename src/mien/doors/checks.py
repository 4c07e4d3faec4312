"""Checks of what people configure: names, numbers and time zones."""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mien.doors.errors import InvalidDoorError

_NAME: Final = re.compile(r"[^\W_][\w .:()/-]{0,62}[\w.)]|[^\W_]")


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        InvalidDoorError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidDoorError(
            "there is no time zone {name!r}; use a name such as Europe/Berlin", name=name[:60]
        ) from None


def check_zone(name: str) -> None:
    """Check a time zone that is to be stored: it must be the same on every machine.

    Raises:
        InvalidDoorError: it is that of the machine, none, or one with leap seconds, which clocks do not have.
    """
    if name in {"localtime", "posixrules", "Factory"} or name.startswith(("right/", "posix/")):
        raise InvalidDoorError(
            "the time zone {name!r} is not the same on every machine; use a name such as Europe/Berlin", name=name[:60]
        )


def check_name(what: str, name: str) -> str:
    """Return a name without spaces around it.

    Raises:
        InvalidDoorError: it is empty, too long, or has odd characters.
    """
    text = name.strip()
    if _NAME.fullmatch(text) is None:
        raise InvalidDoorError(
            "{what}: 1 to 64 letters, digits, blanks and _.:()/-, starting with a letter or digit", what=what
        )
    return text


def between(what: str, value: float, low: float, high: float) -> None:
    """Check a number.

    Raises:
        InvalidDoorError: it is out of range, or not a number.
    """
    if not low <= value <= high:
        raise InvalidDoorError("{what}: {low} to {high}", what=what, low=_written(low), high=_written(high))


def _written(value: float) -> str:
    """Return a number as people write it, without rounding."""
    text = f"{value:g}"
    return text if float(text) == value else str(value)
