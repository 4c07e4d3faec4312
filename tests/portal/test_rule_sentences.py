"""Sentences of rules and reasons in other languages have their own order; they tell the same as the English ones."""

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
from mien.portal.rule_sentences import reason, rule_sentence
from mien.portal.texts import LANGUAGES, SOURCE, set_language

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
        assert "; Mo-Fr 07:00-19:00; " in rule_sentence(weekdays, NAMES)
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
        assert rule_sentence(one, NAMES) != rule_sentence(other, NAMES), f"{code} does not tell {field}"


def test_a_name_of_the_unsaid_changes_no_sentence(code: str) -> None:
    renamed = replace(RULE, name="Cleaners")
    assert sentence(RULE, NAMES) == sentence(renamed, NAMES)
    assert rule_sentence(RULE, NAMES) == rule_sentence(renamed, NAMES), code


@pytest.mark.parametrize("one", Code)
def test_a_reason_has_the_same_figures_in_every_language(code: str, one: Code) -> None:
    said, source = reason(one.value, "HAVE", "WANTED"), english_reason(one.value, "HAVE", "WANTED")
    assert said not in {source, one.value}, f"{code} does not translate {one}"
    assert [place in said for place in ("HAVE", "WANTED")] == [place in source for place in ("HAVE", "WANTED")]


def test_english_pages_say_what_the_api_says() -> None:
    set_language(SOURCE)
    assert rule_sentence(RULE, NAMES) == sentence(RULE, NAMES)
    assert all(reason(one.value, 1, 2) == english_reason(one.value, 1, 2) for one in Code)
    assert reason("of_a_later_version") == english_reason("of_a_later_version") == "of_a_later_version"
