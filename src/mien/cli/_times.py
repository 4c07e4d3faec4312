"""Times as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

from mien.clock import YEARS

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def checked(moment: datetime) -> datetime:
    """Return a moment that every database can store and compare.

    Raises:
        typer.BadParameter: it is in another year.
    """
    if moment.year not in YEARS:
        raise typer.BadParameter(f"{moment:%Y-%m-%d} is not between the years {YEARS.start} and {YEARS.stop}")
    return moment


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
    return checked(parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed)
