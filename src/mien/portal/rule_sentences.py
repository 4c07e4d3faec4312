"""Door rules and reasons of decisions as sentences, in the language of the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from mien.doors.reasons import WORDS, Code, Number, plain
from mien.doors.schedule import DAY_NAMES, describe
from mien.doors.sentences import sentence
from mien.doors.types import Direction, Holidays, How, Lack, RuleSpec
from mien.portal.texts import SOURCE, language, listed, mark, t, week_day

_WAYS: Final[Mapping[tuple[Direction, ...], str]] = {
    (Direction.ENTRY,): mark("enter by"),
    (Direction.EXIT,): mark("leave by"),
}
_BOTH: Final = mark("enter and leave by")
_HOW: Final = {
    How.FACE: mark("by the face alone"),
    How.FACE_AND_BADGE: mark("by the face and the person's own badge"),
    How.TWO_PERSONS: mark("two at a time, by their faces"),
}
_HOLIDAYS: Final = {
    Holidays.CLOSED: mark("except on holidays"),
    Holidays.AS_USUAL: mark("also on holidays"),
    Holidays.ONLY: mark("on holidays only"),
}
_LACKS: Final = {
    Lack.WHO: mark("Allows nothing: the rule names nobody."),
    Lack.WHERE: mark("Allows nothing: the rule names no door."),
    Lack.WHEN: mark("Allows nothing: the rule names no time."),
}
_WHEN: Final = {"always": mark("always"), "never": mark("never")}
_DAY: Final = re.compile("|".join(DAY_NAMES))


def rule_sentence(spec: RuleSpec, doors: Mapping[UUID, str], persons: Mapping[UUID, str] | None = None) -> str:
    """Return a rule as a sentence; the English text is that of the command line and the API.

    Args:
        spec: the rule.
        doors: names of doors by id.
        persons: names of persons by id; others are shown by id.
    """
    if language() == SOURCE:
        return sentence(spec, doors, persons)
    names = persons or {}
    who = [t("everyone of {group}", group=group) for group in spec.groups]
    who += [names.get(person) or t("person {id}", id=person) for person in spec.persons]
    who += [t("visitors")] if spec.visitors else []
    where = [doors.get(door, str(door)) for door in spec.doors]
    if spec.lacks is not None:
        return t(_LACKS[spec.lacks])
    when = describe(spec.schedule)
    times = t(_WHEN[when]) if when in _WHEN else _DAY.sub(lambda found: week_day(DAY_NAMES.index(found[0])), when)
    conditions = [t(_HOW[spec.how]), times, t(_HOLIDAYS[spec.holidays])]
    if spec.first_day is not None:
        conditions.append(t("from {day}", day=spec.first_day.isoformat()))
    if spec.last_day is not None:
        conditions.append(t("until {day}", day=spec.last_day.isoformat()))
    conditions.append(t("the face must be live") if spec.liveness else t("liveness is not checked"))
    said = t(
        "Who: {who}. May: {way} {doors}. Conditions: {conditions}.",
        who=listed(who),
        way=t(_WAYS.get(spec.directions, _BOTH)),
        doors=listed(where),
        conditions="; ".join(conditions),
    )
    return said if spec.enabled else t("Switched off: {rule}", rule=said)


def reason(code: str, have: Number = None, wanted: Number = None) -> str:
    """Return the reason of a decision as a sentence, or its code if it is unknown."""
    try:
        words = WORDS[Code(code)]
    except ValueError:
        return code
    return t(words, have=plain(have), wanted=plain(wanted))
