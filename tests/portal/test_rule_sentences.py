"""Sentences of rules and reasons in other languages say the same as the English ones."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest

from mien.doors.reasons import Code
from mien.doors.reasons import sentence as english_reason
from mien.doors.sentences import sentence
from mien.doors.types import ALWAYS, Direction, Holidays, How, RuleSpec, Window
from mien.portal.door_reasons import reason
from mien.portal.texts import LANGUAGES, SOURCE, said, set_language

DOOR, OTHER, PERSON = UUID(int=1), UUID(int=2), UUID(int=3)
NAMES = {DOOR: "Entrance", OTHER: "Laboratory"}
RULE = RuleSpec(name="Staff", doors=(DOOR,), groups=("personGroup/staff",), schedule=ALWAYS)

UNSAID = {"name"}
"""Fields that a sentence leaves out: lists show the name beside it."""
VALUES: dict[str, tuple[Any, ...]] = {
    "doors": ((), (OTHER,), (DOOR, OTHER)),
    "directions": ((), (Direction.ENTRY,), (Direction.EXIT,)),
    "groups": ((), ("directory",), ("personGroup/staff", "directory")),
    "persons": ((PERSON,),),
    "visitors": (True,),
    "schedule": ((), (Window(days=(0, 1), start=480, end=1020),)),
    "holidays": tuple(one for one in Holidays if one is not RULE.holidays),
    "first_day": (date(2026, 12, 1),),
    "last_day": (date(2026, 12, 31),),
    "how": tuple(one for one in How if one is not RULE.how),
    "liveness": (False,),
    "enabled": (False,),
}
"""Other values of every other field, all members of an enumeration included."""


@pytest.fixture(params=[code for code in LANGUAGES if code != SOURCE])
def code(request: pytest.FixtureRequest) -> Iterator[str]:
    set_language(request.param)
    yield request.param
    set_language(SOURCE)


def test_times_and_numbers_are_of_the_language() -> None:
    set_language("de")
    try:
        weekdays = replace(RULE, schedule=(Window(days=(0, 1, 2, 3, 4), start=420, end=1140),))
        assert "; Mo-Fr 07:00-19:00; " in said(sentence(weekdays, NAMES))
        assert reason(Code.HOLD_OFF.value, 0.8, 5.0) == (
            "Die Person ist vor 0,8 s durchgegangen; die Sperrzeit beträgt 5 s."
        )
    finally:
        set_language(SOURCE)


def test_every_field_of_a_rule_is_tried_here() -> None:
    assert set(VALUES) | UNSAID == {one.name for one in fields(RuleSpec)}


@pytest.mark.parametrize("field", VALUES)
def test_a_field_changes_the_sentence_in_every_language_where_it_does_in_english(code: str, field: str) -> None:
    rules = [RULE, *(replace(RULE, **{field: value}) for value in VALUES[field])]
    for one, other in combinations(rules, 2):
        assert sentence(one, NAMES) != sentence(other, NAMES)
        assert said(sentence(one, NAMES)) != said(sentence(other, NAMES)), f"{code} does not tell {field}"


def test_a_name_of_the_unsaid_changes_no_sentence(code: str) -> None:
    renamed = replace(RULE, name="Cleaners")
    assert sentence(RULE, NAMES) == sentence(renamed, NAMES)
    assert said(sentence(RULE, NAMES)) == said(sentence(renamed, NAMES)), code


@pytest.mark.parametrize("one", Code)
def test_a_reason_has_the_same_figures_in_every_language(code: str, one: Code) -> None:
    told, source = reason(one.value, "HAVE", "WANTED"), english_reason(one.value, "HAVE", "WANTED")
    assert told not in {source, one.value}, f"{code} does not translate {one}"
    assert [place in told for place in ("HAVE", "WANTED")] == [place in source for place in ("HAVE", "WANTED")]


def test_english_pages_say_what_the_api_says() -> None:
    set_language(SOURCE)
    assert said(sentence(RULE, NAMES)) == sentence(RULE, NAMES)
    assert sentence(RULE, NAMES) == (
        "Everyone of personGroup/staff may enter and leave by Entrance by their face alone, always, except on "
        "holidays; the face must be live."
    )
    limited = replace(
        RULE, doors=(DOOR, OTHER), groups=("directory", "personGroup/staff", "personGroup/it"), persons=(PERSON,),
        first_day=date(2026, 12, 1), last_day=date(2026, 12, 31), liveness=False, enabled=False,
        schedule=(Window(days=(4, 5, 6, 0), start=0, end=60), Window(days=(1, 3), start=480, end=1020)),
    )  # fmt: skip
    assert sentence(limited, NAMES, {PERSON: "Anna {Weiss}"}) == (
        "Switched off: Everyone of directory, everyone of personGroup/staff, everyone of personGroup/it and "
        "Anna {Weiss} may enter and leave by Entrance and Laboratory by their face alone, Fri-Mon 00:00-01:00, "
        "Tue+Thu 08:00-17:00, except on holidays from 2026-12-01 until 2026-12-31; liveness is not checked."
    )
    assert all(reason(one.value, 1, 2) == english_reason(one.value, 1, 2) for one in Code)
    assert reason("of_a_later_version") == english_reason("of_a_later_version") == "of_a_later_version"
