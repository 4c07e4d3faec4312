"""Rules as sentences, for review by people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from mien.doors.schedule import describe
from mien.doors.types import Direction, Holidays, How, RuleSpec

_HOW: Final = {
    How.FACE: "by their face alone",
    How.FACE_AND_BADGE: "by their face and their own badge",
    How.TWO_PERSONS: "two at a time, by their faces",
}
_VERBS: Final[Mapping[tuple[Direction, ...], str]] = {
    (Direction.ENTRY,): "enter by",
    (Direction.EXIT,): "leave by",
}
_HOLIDAYS: Final = {
    Holidays.CLOSED: ", except on holidays",
    Holidays.AS_USUAL: ", also on holidays",
    Holidays.ONLY: ", on holidays only",
}


def sentence(spec: RuleSpec, doors: Mapping[UUID, str], persons: Mapping[UUID, str] | None = None) -> str:
    """Return what a rule says.

    Args:
        spec: the rule.
        doors: names of doors.
        persons: names of persons; missing ones are shown by their ids.
    """
    names = persons or {}
    who = [f"everyone of {group}" for group in spec.groups]
    who += [names.get(person) or f"person {person}" for person in spec.persons]
    who += ["visitors"] if spec.visitors else []
    where = [doors.get(door, str(door)) for door in spec.doors]
    if spec.lacks is not None:
        return f"Allows nothing: the rule names {spec.lacks.value}."
    verb = _VERBS.get(spec.directions, "enter and leave by")
    when = describe(spec.schedule)
    days = ""
    if spec.first_day is not None:
        days += f" from {spec.first_day.isoformat()}"
    if spec.last_day is not None:
        days += f" until {spec.last_day.isoformat()}"
    text = f"{_listed(who)} may {verb} {_listed(where)} {_HOW[spec.how]}, {when}{_HOLIDAYS[spec.holidays]}{days}"
    text += "; the face must be live." if spec.liveness else "; liveness is not checked."
    return ("" if spec.enabled else "Switched off: ") + text[0].upper() + text[1:]


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
