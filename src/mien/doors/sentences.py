"""Rules as sentences, for review by people; the portal translates them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from mien.doors.schedule import describe
from mien.doors.types import Direction, Holidays, How, Lack, RuleSpec
from mien.messages import Message

_HOW: Final = {
    How.FACE: Message("by their face alone"),
    How.FACE_AND_BADGE: Message("by their face and their own badge"),
    How.TWO_PERSONS: Message("two at a time, by their faces"),
}
_WAYS: Final[Mapping[tuple[Direction, ...], Message]] = {
    (Direction.ENTRY,): Message("enter by"),
    (Direction.EXIT,): Message("leave by"),
}
_BOTH: Final = Message("enter and leave by")
_HOLIDAYS: Final = {
    Holidays.CLOSED: Message("except on holidays"),
    Holidays.AS_USUAL: Message("also on holidays"),
    Holidays.ONLY: Message("on holidays only"),
}
_LACKS: Final = {
    Lack.WHO: Message("Allows nothing: the rule names nobody."),
    Lack.WHERE: Message("Allows nothing: the rule names no door."),
    Lack.WHEN: Message("Allows nothing: the rule names no time."),
}


def sentence(spec: RuleSpec, doors: Mapping[UUID, str], persons: Mapping[UUID, str] | None = None) -> Message:
    """Return a rule as a sentence.

    Args:
        spec: the rule.
        doors: names of doors.
        persons: names of persons; missing ones are shown by their ids.
    """
    names = persons or {}
    who: list[str] = [Message("everyone of {group}", group=group) for group in spec.groups]
    who += [names.get(person) or Message("person {id}", id=person) for person in spec.persons]
    who += [Message("visitors")] if spec.visitors else []
    where = [doors.get(door, str(door)) for door in spec.doors]
    if spec.lacks is not None:
        return _LACKS[spec.lacks]
    days = _HOLIDAYS[spec.holidays]
    if spec.first_day is not None:
        days = Message("{days} from {day}", days=days, day=spec.first_day.isoformat())
    if spec.last_day is not None:
        days = Message("{days} until {day}", days=days, day=spec.last_day.isoformat())
    text = Message(
        "{who} may {way} {doors} {how}, {hours}, {days}; {liveness}",
        who=_listed(who),
        way=_WAYS.get(spec.directions, _BOTH),
        doors=_listed(where),
        how=_HOW[spec.how],
        hours=describe(spec.schedule),
        days=days,
        liveness=Message("the face must be live") if spec.liveness else Message("liveness is not checked"),
    )
    rule = Message.sentence(text)
    return rule if spec.enabled else Message("Switched off: {rule}", rule=rule)


def _listed(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return Message("{several} and {last}", several=Message.listed(parts[:-1], ", "), last=parts[-1])
