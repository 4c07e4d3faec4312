"""Weekly schedules in local time. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from mien.doors.errors import InvalidDoorError
from mien.doors.types import ALWAYS, DAY, Holidays, Window
from mien.messages import Message

DAY_NAMES: Final = (
    Message("Mon"), Message("Tue"), Message("Wed"), Message("Thu"), Message("Fri"), Message("Sat"), Message("Sun"),
)  # fmt: skip


def is_open(
    windows: Sequence[Window],
    at: datetime,
    zone: ZoneInfo,
    *,
    use: Holidays = Holidays.CLOSED,
    holidays: Collection[date] = (),
    first_day: date | None = None,
    last_day: date | None = None,
) -> bool:
    """Return whether a moment is within a schedule.

    Hours are local time: an hour that is skipped in spring does not occur in its window, and an hour that is repeated
    in autumn counts twice. A window over midnight belongs to the day on which it begins, with that day's holiday and
    limits.

    Args:
        windows: hours of the week; none is never.
        at: the moment, with a time zone.
        zone: zone of the wall.
        use: the effect of holidays.
        holidays: which local days are holidays.
        first_day: not on earlier days.
        last_day: not on later days.
    """
    local = at.astimezone(zone)
    minute, today = local.hour * 60 + local.minute, local.date()
    days = [(today, minute)]
    if today > date.min:
        days.append((today - timedelta(days=1), minute + DAY))
    for day, since in days:
        if (first_day is not None and day < first_day) or (last_day is not None and day > last_day):
            continue
        if not _counts(day in holidays, use):
            continue
        for window in windows:
            end = window.end if window.end > window.start else window.end + DAY
            if day.weekday() in window.days and window.start <= since < end:
                return True
    return False


def _counts(holiday: bool, use: Holidays) -> bool:
    if use is Holidays.AS_USUAL:
        return True
    return holiday if use is Holidays.ONLY else not holiday


def describe(windows: Sequence[Window]) -> Message:
    """Return a schedule as text, such as `Mon-Fri 07:00-19:00`; "never" for none, "always" for all hours."""
    if not windows:
        return Message("never")
    text = Message.listed(
        [Message.listed((_days(one.days), f"{_clock(one.start)}-{_clock(one.end)}"), " ") for one in windows], ", "
    )
    return Message("always") if text == "Mon-Sun 00:00-24:00" else text


def parse(text: str) -> tuple[Window, ...]:
    """Parse the output of `describe`, or what a person wrote: hours may have one digit, and 00:00 ends a day.

    Raises:
        InvalidDoorError: it has another form; the message describes the expected one.
    """
    if text.strip().lower() in {"never", ""}:
        return ()
    if text.strip().lower() == "always":
        return ALWAYS
    return tuple(_window(part) for part in text.split(","))


def _window(text: str) -> Window:
    try:
        days, hours = text.split()
        start, end = hours.split("-")
        return Window(days=_parse_days(days), start=_minutes(start), end=_minutes(end) or DAY)
    except (ValueError, InvalidDoorError):
        raise InvalidDoorError("{text!r} is not a time such as Mon-Fri 07:00-19:00", text=text.strip()[:60]) from None


def _parse_days(text: str) -> tuple[int, ...]:
    if "+" in text:
        return tuple(sorted({day for part in text.split("+") for day in _parse_days(part)}))
    names = [name.lower() for name in DAY_NAMES]
    first, dash, last = text.lower().partition("-")
    start = names.index(first)
    if not dash:
        return (start,)
    end = names.index(last)
    return tuple(sorted((start + step) % 7 for step in range((end - start) % 7 + 1)))


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    digits = (hours + minutes).isascii() and hours.isdecimal() and minutes.isdecimal()
    if not digits or len(hours) > 2 or len(minutes) != 2 or int(minutes) > 59:
        raise ValueError(text)
    return int(hours) * 60 + int(minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _days(days: Sequence[int]) -> Message:
    """Format days as a range if possible, also over the end of the week; joined by + otherwise."""
    have = sorted(set(days))
    if len(have) == 1:
        return DAY_NAMES[have[0]]
    for start in have:
        run = have if len(have) == 7 else [(start + step) % 7 for step in range(len(have))]
        if sorted(run) == have:
            return Message.listed((DAY_NAMES[run[0]], DAY_NAMES[run[-1]]), "-")
    return Message.listed((DAY_NAMES[day] for day in have), "+")
