"""The texts of the portal: English in the code, other languages from gettext catalogues in `languages/`.

`t("Delete {name}?", name=one.name)` translates a text, `tn("{count} face", "{count} faces", count)` one with a number.
`mark("Doors")` marks a text outside of a request, which `t` translates later. `make texts` collects all texts in the
catalogues.

`Portal` sets the language and the time zone of a request from cookies or `Accept-Language`, for pages and for their
WebSockets. Tasks and threads inherit them.
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
"""The languages of the portal, by code, with their own names."""

COOKIE: Final = "mien_language"
"""Cookie with the chosen language; without it, the browser's languages apply."""

ZONE_COOKIE: Final = "mien_zone"
"""Cookie with the browser's time zone, such as `Europe/Berlin`, which `STORE_ZONE` sets."""

STORE_ZONE: Final = (
    f'document.cookie = "{ZONE_COOKIE}=" + Intl.DateTimeFormat().resolvedOptions().timeZone'
    ' + "; path=/; max-age=31536000; samesite=strict";'
)
"""Script that stores the browser's time zone in a cookie, for the next page."""

CATALOGUES: Final = Path(__file__).parent / "languages"

_Key = TypeVar("_Key")
_MOST_WANTED: Final = 20
_current: ContextVar[str] = ContextVar("mien_language", default=SOURCE)
_zone: ContextVar[tzinfo] = ContextVar("mien_zone", default=UTC)
_ZONE: Final = re.compile(rf"(?:^|;\s*){ZONE_COOKIE}=([A-Za-z0-9_+/-]{{1,64}})(?:;|$)")


class Dated(str):
    """A text with times in the visitor's time zone.

    Attributes:
        utc: the same times in UTC, for a hint.
    """

    utc: str

    def __new__(cls, text: str, utc: str) -> Self:
        """Return a text with its hint."""
        made = super().__new__(cls, text)
        made.utc = utc
        return made


def mark(message: str) -> str:
    """Return a text unchanged; `make texts` adds it to the catalogues, and `t` translates it later."""
    return message


def t(message: str, /, **values: object) -> str:
    """Translate a text into the visitor's language.

    Args:
        message: the English text, with a named placeholder per value; without values, braces are literal.
        values: values of the placeholders; numbers with a format (`{share:.1%}`) are localised, messages and errors
            translated.
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
    """Translate a text of a service, such as that of an error or a stored one.

    Args:
        text: a `Message`, with its values; any other text is returned unchanged.
    """
    if not isinstance(text, Message):
        return text
    if text.whole is not None:
        return as_sentence(said(text.whole))
    if text.parts:
        return text.separator.join(said(one) for one in text.parts)
    return t(text.template, **text.values)


def tn(one: str, many: str, count: int, /, **values: object) -> str:
    """Translate a text with a number, as with `t`; the number is the placeholder `{count}`.

    Args:
        one: the English text for 1.
        many: the English text for other numbers.
        count: the number.
        values: values of the other placeholders.
    """
    said = _catalogue(_current.get()).ngettext(one, many, count)
    return _FORMATTER.vformat(said, (), {"count": count, **values})


def translated(words: Mapping[_Key, str]) -> dict[_Key, str]:
    """Translate the values of a mapping of marked texts, such as the options of a list."""
    return {key: t(message) for key, message in words.items()}


def language() -> str:
    """Return the code of the visitor's language."""
    return _current.get()


def set_language(code: str) -> None:
    """Set the language of this task and of tasks that it starts."""
    _current.set(code if code in LANGUAGES else SOURCE)


def set_time_zone(cookies: str) -> None:
    """Set the time zone of this task and of tasks that it starts; UTC if the browser has not sent it.

    Args:
        cookies: value of the request's `Cookie` header.
    """
    found = _ZONE.search(cookies)
    try:
        _zone.set(ZoneInfo(found[1]) if found else UTC)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        _zone.set(UTC)


def start_of(day: date) -> datetime:
    """Return the start of a day in the visitor's time zone."""
    return datetime.combine(day, time(), _zone.get())


def time_zone() -> tzinfo:
    """Return the visitor's time zone."""
    return _zone.get()


def preferred(cookies: str, accepted: str) -> str:
    """Return the language of a request.

    Args:
        cookies: value of its `Cookie` header.
        accepted: value of its `Accept-Language` header.
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
    """Format a number for the visitor's language.

    Args:
        value: the number.
        form: format specification, such as `,.1f` or `.0%`; a whole number without one may be a name and stays.
    """
    said, code = format(value, form), _current.get()
    if code == SOURCE or not (form or isinstance(value, float)):
        return said
    marks = {",": get_group_symbol(code), ".": get_decimal_symbol(code), "%": "\N{NO-BREAK SPACE}%"}
    return "".join(marks.get(one, one) for one in said)


def decimal_mark() -> str:
    """Return the mark between units and tenths in the visitor's language."""
    return get_decimal_symbol(_current.get())


def moment(at: datetime | None, *, seconds: bool = False) -> str:
    """Format a time as date and time of day in the visitor's time zone, with UTC as its hint; a dash for None."""
    if at is None:
        return "–"
    form = "%H:%M:%S" if seconds else "%H:%M"
    utc = f"{_day(at.astimezone(UTC))} {at.astimezone(UTC):{form}} UTC"
    local = at.astimezone(_zone.get())
    if local.utcoffset() == at.astimezone(UTC).utcoffset():
        return utc
    return Dated(f"{_day(local)} {local:{form}}", utc)


def day(at: date) -> str:
    """Format a date, or the date of a time in the visitor's time zone."""
    return _day(at.astimezone(_zone.get()) if isinstance(at, datetime) else at)


def _day(at: date) -> str:
    if _current.get() == SOURCE:
        return f"{at:%Y-%m-%d}"
    return format_skeleton("yMMdd", at, locale=_current.get())


def yes_or_no(given: bool) -> str:
    """Return yes or no in the visitor's language."""
    return t("yes") if given else t("no")


def listed(parts: Iterable[str]) -> str:
    """Join parts with commas, which all languages of the portal use for short lists."""
    return ", ".join(parts)


class _Formatter(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, BaseException):
            value = message_of(value)
        if isinstance(value, Message):
            value = said(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return figure(value, format_spec)
        return str(super().format_field(value, format_spec))


_FORMATTER: Final = _Formatter()


@cache
def _catalogue(code: str) -> gettext.NullTranslations:
    """Read a catalogue and compile it in memory, so that it cannot be older than its source."""
    if code == SOURCE:
        return gettext.NullTranslations()
    with (CATALOGUES / f"{code}.po").open("rb") as file:
        texts = read_po(file, locale=Locale.parse(code))
    compiled = BytesIO()
    write_mo(compiled, texts)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
