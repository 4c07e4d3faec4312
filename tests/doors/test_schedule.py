"""Schedules against a plain oracle that walks through the minutes of local time."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.doors.situations import ZONES, moments, windows

from mien.doors.errors import InvalidDoorError
from mien.doors.schedule import describe, is_open, parse
from mien.doors.types import ALWAYS, Holidays, Window

BERLIN = ZoneInfo("Europe/Berlin")


def walls(window: Window, monday: date) -> set[tuple[date, int]]:
    """All minutes of the wall's clock, by date, that a window of the week from `monday` covers."""
    found = set()
    for day in window.days:
        length = (window.end - window.start) if window.end > window.start else window.end - window.start + 1440
        for step in range(length):
            offset, minute = divmod(window.start + step, 1440)
            found.add((monday + timedelta(days=day + offset), minute))
    return found


@given(st.lists(windows, max_size=3), moments, st.sampled_from(ZONES))
def test_a_moment_is_open_when_the_wall_shows_a_minute_of_the_schedule(
    schedule: list[Window], at: datetime, zone: str
) -> None:
    local = at.astimezone(ZoneInfo(zone))
    monday = local.date() - timedelta(days=local.weekday())
    covered = set()
    for window in schedule:
        covered |= walls(window, monday) | walls(window, monday - timedelta(days=7))
    assert is_open(schedule, at, ZoneInfo(zone)) == ((local.date(), local.hour * 60 + local.minute) in covered)


@given(st.lists(windows, max_size=3), moments, st.sampled_from(ZONES))
def test_holidays_split_a_schedule_in_two(schedule: list[Window], at: datetime, zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    local = at.astimezone(zone).date()
    days = {local, local - timedelta(days=1)}
    usual = is_open(schedule, at, zone, use=Holidays.AS_USUAL, holidays=days)
    assert usual == is_open(schedule, at, zone)
    assert not is_open(schedule, at, zone, use=Holidays.CLOSED, holidays=days)
    assert is_open(schedule, at, zone, use=Holidays.ONLY, holidays=days) == usual
    assert not is_open(schedule, at, zone, use=Holidays.ONLY, holidays=())


def test_an_hour_that_is_skipped_is_missing_and_one_that_is_repeated_counts_twice() -> None:
    window = (Window(days=(6,), start=120, end=180),)  # Sunday 02:00-03:00
    spring = [datetime(2026, 3, 29, 0, 0, tzinfo=UTC) + timedelta(minutes=step) for step in range(180)]
    assert not any(is_open(window, at, BERLIN) for at in spring), "02:00 to 03:00 does not exist on 29 March 2026"
    autumn = [datetime(2026, 10, 24, 23, 0, tzinfo=UTC) + timedelta(minutes=step) for step in range(240)]
    assert sum(is_open(window, at, BERLIN) for at in autumn) == 120, "it comes twice on 25 October 2026"


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    night = (Window(days=(4,), start=22 * 60, end=6 * 60),)  # Friday night
    friday, saturday = datetime(2026, 11, 27, 23, tzinfo=UTC), datetime(2026, 11, 28, 5, 59, tzinfo=UTC)
    zone = ZoneInfo("UTC")
    assert is_open(night, friday, zone)
    assert is_open(night, saturday, zone)
    assert not is_open(night, saturday + timedelta(minutes=1), zone)
    assert not is_open(night, friday - timedelta(days=1), zone)
    assert not is_open(night, saturday, zone, holidays={date(2026, 11, 27)})
    assert is_open(night, saturday, zone, holidays={date(2026, 11, 28)})
    assert is_open(night, saturday, zone, last_day=date(2026, 11, 27))
    assert not is_open(night, saturday, zone, first_day=date(2026, 11, 28))


@given(st.lists(windows, max_size=3).map(tuple))
def test_schedules_in_words_can_be_read_back(schedule: tuple[Window, ...]) -> None:
    assert parse(describe(schedule)) == schedule


def test_words() -> None:
    assert describe(()) == "never"
    assert describe(ALWAYS) == "always"
    assert parse("always") == ALWAYS
    assert parse("Mon-Fri 07:00-19:00, Sat 08:00-12:30") == (
        Window(days=(0, 1, 2, 3, 4), start=420, end=1140),
        Window(days=(5,), start=480, end=750),
    )
    assert describe(parse("Mon+Wed 07:00-08:00")) == "Mon+Wed 07:00-08:00"
    assert describe(parse("fri-mon 22:00-06:00")) == "Fri-Mon 22:00-06:00"
    assert describe(parse("Fri 22:00-00:00, Sat 8:00-9:30")) == "Fri 22:00-24:00, Sat 08:00-09:30"
    for wrong in (
        "Mon",
        "Mon 7-9",
        "Mon +7:00-09:00",
        "Mon 007:00-09:00",
        "Mon 00:00-24:30",
        "Mon-Foo 07:00-08:00",
        "Mon 07:00-25:00",
        "Mon 07:60-08:00",
    ):
        with pytest.raises(InvalidDoorError, match="is not a time"):
            parse(wrong)


def test_time_zones_do_not_depend_on_the_machine() -> None:
    """A slim image or Windows has no files of time zones: they come with Mien."""
    asked = "from mien.doors.checks import zone_of; print(zone_of('Europe/Berlin'))"
    environment = {**os.environ, "PYTHONTZPATH": ""}
    told = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == "Europe/Berlin\n"
