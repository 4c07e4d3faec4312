"""Every text of the portal goes through its catalogues, and numbers and dates through the language."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.portal.untranslated import untranslated

from mien.portal import texts
from mien.portal.texts import (
    SOURCE,
    Dated,
    day,
    figure,
    moment,
    preferred,
    set_language,
    set_time_zone,
    start_of,
    t,
    tn,
)

PORTAL = Path(texts.__file__).parent
MODULES = sorted(path.relative_to(PORTAL).as_posix() for path in PORTAL.rglob("*.py"))
ADVICE = """
Texts of the portal are translated. Write
    t("Delete {name}?", name=one.name)                          for a text that is shown now,
    tn("{count} face", "{count} faces", len(faces))             for one with a number,
    mark("Doors")                                               for a module's constant, and t(...) where it is drawn,
with `from mien.portal.texts import mark, t, tn`; hints of fields are `.props(hint(t("…"), "outlined"))`. Then run
`make texts`, which adds the new texts to src/mien/portal/languages/*.po, and translate them there.
A line whose text is for no reader of a page ends in `# not translated: why`; words that are the same in every language
(formats, products) belong into NAMES of tests/portal/untranslated.py.
"""


@pytest.fixture(autouse=True)
def english() -> None:
    set_language(SOURCE)


@pytest.mark.parametrize("module", MODULES)
def test_no_text_reaches_a_page_untranslated(module: str) -> None:
    found = untranslated((PORTAL / module).read_text(encoding="utf-8"))
    lines = "\n".join(f"  src/mien/portal/{module}:{line}: {text[:90]!r}" for line, text in found)
    assert not found, f"{ADVICE}\nNot translated:\n{lines}"


def test_the_finder_finds() -> None:
    code = """
def draw(visitor, name):
    section("Doors", t("All of them"))
    banner("bad", f"{name} is gone", "")
    about = "This is shown further down"
    with Tag("div", classes="stack two"), Tag("p", t("Fine")):
        partial(badge, "open", "good")
        visitor.note("door.open", reason="a note for the log")
    table("Doors", [t("Name"), "State"], [])
"""
    assert [text.strip("\N{SYMBOL FOR NULL} ") for _, text in untranslated(code)] == [
        "Doors", "is gone", "This is shown further down", "open", "Doors", "State",
    ]  # fmt: skip


def test_values_keep_their_place_and_numbers_their_form() -> None:
    assert t("Delete {name}?", name="a {b}") == "Delete a {b}?"
    assert t("URL; {seconds} is replaced") == "URL; {seconds} is replaced"
    assert t("{used:,.0f} of {limit:,.0f}", used=1234.4, limit=10_000) == "1,234 of 10,000"
    assert tn("{count:,} change", "{count:,} changes", 1) == "1 change"
    assert tn("{count:,} change", "{count:,} changes", 1200) == "1,200 changes"


@pytest.mark.parametrize(
    ("code", "number", "share", "at"),
    [
        ("en", "12,345.68", "12.5%", "2026-01-09 03:08 UTC"),
        ("de", "12.345,68", "12,5\N{NO-BREAK SPACE}%", "09.01.2026 03:08 UTC"),
        ("es", "12.345,68", "12,5\N{NO-BREAK SPACE}%", "9/1/2026 03:08 UTC"),
        ("fr", "12\N{NARROW NO-BREAK SPACE}345,68", "12,5\N{NO-BREAK SPACE}%", "09/01/2026 03:08 UTC"),
    ],
)
def test_numbers_and_dates_are_of_the_language(code: str, number: str, share: str, at: str) -> None:
    set_language(code)
    assert figure(12345.678, ",.2f") == number
    assert figure(0.125, ".1%") == share
    assert moment(datetime(2026, 1, 9, 3, 8, tzinfo=UTC)) == at


@pytest.mark.parametrize(
    ("cookie", "local"),
    [
        ("Asia/Kathmandu", "2026-01-10 05:08"),
        ("America/New_York", "2026-01-09 18:23"),
        ("Etc/GMT+12", "2026-01-09 11:23"),
    ],
)
def test_times_are_those_of_the_browsers_zone_with_utc_as_hint(cookie: str, local: str) -> None:
    at = datetime(2026, 1, 9, 23, 23, tzinfo=UTC)
    set_time_zone(f"a=b; mien_zone={cookie}; c=d")
    try:
        said = moment(at)
        assert isinstance(said, Dated)
        assert (said, said.utc) == (local, "2026-01-09 23:23 UTC")
        assert day(at) == local.split(maxsplit=1)[0]
        text = t("{at} by {actor}", at=said, actor="anna")
        assert isinstance(text, Dated)
        assert (text, text.utc) == (f"{local} by anna", "2026-01-09 23:23 UTC")
        begin = start_of(at.date())
        assert (begin.hour, begin.utcoffset()) == (0, at.astimezone(ZoneInfo(cookie)).utcoffset())
    finally:
        set_time_zone("")
    assert moment(at) == "2026-01-09 23:23 UTC"


@pytest.mark.parametrize(
    "cookie", ["", "mien_zone=UTC", "mien_zone=Mars/Olympus", "mien_zone=../../etc/passwd", "mien_zone=a"]
)
def test_a_browser_without_a_zone_is_in_utc(cookie: str) -> None:
    set_time_zone(cookie)
    assert moment(datetime(2026, 1, 9, 3, 8, tzinfo=UTC)) == "2026-01-09 03:08 UTC"


@pytest.mark.parametrize(
    ("cookies", "accepted", "code"),
    [
        ("", "", "en"),
        ("", "de-CH, de;q=0.9, en;q=0.8", "de"),
        ("", "nl, fr;q=0.5, es;q=0.7", "es"),
        ("", "nl, *;q=0.5", "en"),
        ("", "fr;q=x, de;q=0, es;q=0.1", "es"),
        ("mien_session=1; mien_language=fr", "de", "fr"),
        ("mien_language=xx", "de", "de"),
    ],
)
def test_a_choice_counts_before_the_browsers_languages(cookies: str, accepted: str, code: str) -> None:
    assert preferred(cookies, accepted) == code
