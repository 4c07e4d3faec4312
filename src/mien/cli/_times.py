"""Times as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def span(text: str) -> timedelta:
    """Read a length of time: `90m`, `6h`, `30d`.

    Raises:
        typer.BadParameter: it is anything else.
    """
    found = re.fullmatch(r"(\d{1,6})([mhd])", text.strip())
    if found is None or int(found[1]) == 0:
        raise typer.BadParameter(f"{text!r} is not a length of time such as 90m, 6h or 30d")
    return int(found[1]) * _UNITS[found[2]]


def moment_of(text: str, now: datetime) -> datetime:
    """Read a moment: so long ago (`6h`), or a date with or without a time, UTC unless it names a zone.

    Raises:
        typer.BadParameter: it is anything else.
    """
    if re.fullmatch(r"\d+[mhd]", text.strip()):
        return now - span(text)
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a time ago such as 6h nor a date such as 2026-01-31") from None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed
