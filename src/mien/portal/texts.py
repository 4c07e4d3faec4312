"""The texts of the portal: English in the code, other languages from gettext catalogues in `languages/`.

`t("Delete {name}?", name=one.name)` is a text, `tn("{count} face", "{count} faces", count)` one with a number, and
`mark("Doors")` marks a text that is translated later, by `t`, because it is written where nobody is being answered yet.
`make texts` gathers them all in the catalogues.

The language and the time zone belong to a request: the portal's door sets them by cookies or `Accept-Language`, for
pages and for the websocket that answers their events. Tasks and threads that start from there inherit them.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, tzinfo
from functools import cache
from io import BytesIO
from pathlib import Path
from string import Formatter
from typing import Any, Final, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol, get_group_symbol

from mien.messages import Message, as_sentence, message_of

SOURCE: Final = "en"
"""The language of the code."""

LANGUAGES: Final = {"en": "English", "de": "Deutsch", "es": "Español", "fr": "Français"}  # not translated: names
"""The languages of the portal, each by its own name."""

COOKIE: Final = "mien_language"
"""Cookie of the choice; without it the browser's languages count."""

ZONE_COOKIE: Final = "mien_zone"
"""Cookie of the browser's time zone, such as `Europe/Berlin`; pages write it by `STORE_ZONE`."""

STORE_ZONE: Final = (
    f'document.cookie = "{ZONE_COOKIE}=" + Intl.DateTimeFormat().resolvedOptions().timeZone'
    ' + "; path=/; max-age=31536000; samesite=strict";'
)
"""Script that tells the server the browser's time zone, for the next page."""

CATALOGUES: Final = Path(__file__).parent / "languages"

_Key = TypeVar("_Key")
_MOST_WANTED: Final = 20
_current: ContextVar[str] = ContextVar("mien_language", default=SOURCE)
_zone: ContextVar[tzinfo] = ContextVar("mien_zone", default=UTC)
_ZONE: Final = re.compile(rf"(?:^|;\s*){ZONE_COOKIE}=([A-Za-z0-9_+/-]{{1,64}})(?:;|$)")


class Dated(str):
    """A text with moments in it, in the visitor's time zone.

    Attributes:
        utc: the same moments in UTC, for a hint.
    """

    utc: str

    def __new__(cls, text: str, utc: str) -> Self:
        """Return a text with its hint."""
        made = super().__new__(cls, text)
        made.utc = utc
        return made


def mark(message: str) -> str:
    """Return a text as it is, for a later `t`; the catalogues have it."""
    return message


def t(message: str, /, **values: object) -> str:
    """Return a text in the language of who is answered.

    Args:
        message: in English, with a named place for each value; without values braces are plain characters.
        values: for the places; numbers are written as the language does where the place has a format (`{share:.1%}`).
    """
    if not message:
        return ""
    said = _catalogue(_current.get()).gettext(message)
    if not values:
        return said
    made = _FORMATTER.vformat(said, (), values)
    utc = ", ".join(one.utc for one in values.values() if isinstance(one, Dated))
    return Dated(made, utc) if utc else made


def said(text: str) -> str:
    """Return a text of a service in the language of who is answered, as its error or a stored text has it.

    Args:
        text: a `Message`, with its values; any other text stays what it is.
    """
    if not isinstance(text, Message):
        return text
    if text.whole is not None:
        return as_sentence(said(text.whole))
    if text.parts:
        return text.separator.join(said(one) for one in text.parts)
    return t(text.template, **{name: _value(one) for name, one in text.values.items()})


def _value(value: object) -> object:
    if isinstance(value, BaseException):
        return said(message_of(value))
    return said(value) if isinstance(value, str) else value


def tn(one: str, many: str, count: int, /, **values: object) -> str:
    """Return a text with a number, as `t`; the number is in the place `{count}`.

    Args:
        one: in English for 1.
        many: in English for other numbers.
        count: the number.
        values: for the other places.
    """
    said = _catalogue(_current.get()).ngettext(one, many, count)
    return _FORMATTER.vformat(said, (), {"count": count, **values})


def translated(words: Mapping[_Key, str]) -> dict[_Key, str]:
    """Return a table of marked texts in the language of who is answered, as for a list to choose from."""
    return {key: t(message) for key, message in words.items()}


def language() -> str:
    """Return the code of the language of who is answered."""
    return _current.get()


def speak(code: str) -> None:
    """Set the language for this task and those that start from it."""
    _current.set(code if code in LANGUAGES else SOURCE)


def live_in(cookies: str) -> None:
    """Set the time zone for this task and those that start from it; UTC for a browser that has not told its own.

    Args:
        cookies: the request's header `Cookie`.
    """
    found = _ZONE.search(cookies)
    try:
        _zone.set(ZoneInfo(found[1]) if found else UTC)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        _zone.set(UTC)


def begin_of(day: date) -> datetime:
    """Return when a day begins in the visitor's time zone."""
    return datetime.combine(day, time(), _zone.get())


def preferred(cookies: str, accepted: str) -> str:
    """Return the language of a request.

    Args:
        cookies: its header `Cookie`.
        accepted: its header `Accept-Language`.
    """
    for pair in cookies.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE and value in LANGUAGES:
            return value
    for code in _by_weight(accepted):
        if (base := code.partition("-")[0].lower()) in LANGUAGES:
            return base
    return SOURCE


def _by_weight(accepted: str) -> Iterable[str]:
    found: list[tuple[float, str]] = []
    for part in accepted.split(",")[:_MOST_WANTED]:
        code, _, weight = part.strip().partition(";q=")
        try:
            found.append((float(weight or 1), code))
        except ValueError:
            continue
    return [code for weight, code in sorted(found, key=lambda one: -one[0]) if weight > 0]


def figure(value: float, form: str = "") -> str:
    """Return a number as the language writes it.

    Args:
        value: the number.
        form: as of `format`, such as `,.1f` or `.0%`.
    """
    said, code = format(value, form), _current.get()
    if code == SOURCE or not form:
        return said
    marks = {",": get_group_symbol(code), ".": get_decimal_symbol(code), "%": "\N{NO-BREAK SPACE}%"}
    return "".join(marks.get(one, one) for one in said)


def moment(at: datetime | None, *, seconds: bool = False) -> str:
    """Return a moment for people: date and time of day in their time zone, with UTC as its hint; a dash for none."""
    if at is None:
        return "–"
    form = "%H:%M:%S" if seconds else "%H:%M"
    utc = f"{_day(at.astimezone(UTC))} {at.astimezone(UTC):{form}} UTC"
    local = at.astimezone(_zone.get())
    if local.utcoffset() == at.astimezone(UTC).utcoffset():
        return utc
    return Dated(f"{_day(local)} {local:{form}}", utc)


def day(at: date) -> str:
    """Return a date, or that of a moment in the visitor's time zone, for people."""
    return _day(at.astimezone(_zone.get()) if isinstance(at, datetime) else at)


def _day(at: date) -> str:
    if _current.get() == SOURCE:
        return f"{at:%Y-%m-%d}"
    return format_skeleton("yMMdd", at, locale=_current.get())


def yes_or_no(given: bool) -> str:
    """Return yes or no in the language of the page."""
    return t("yes") if given else t("no")


def listed(parts: Iterable[str]) -> str:
    """Return parts with commas between them, as every language of the portal writes a short list."""
    return ", ".join(parts)


class _Formatter(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return figure(value, format_spec)
        return str(super().format_field(value, format_spec))


_FORMATTER: Final = _Formatter()


@cache
def _catalogue(code: str) -> gettext.NullTranslations:
    """Read a catalogue; it is compiled in memory, so that none can be older than its source."""
    if code == SOURCE:
        return gettext.NullTranslations()
    with (CATALOGUES / f"{code}.po").open("rb") as file:
        texts = read_po(file, locale=Locale.parse(code))
    compiled = BytesIO()
    write_mo(compiled, texts)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
