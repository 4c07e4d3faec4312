"""Fields to choose groups, persons and time zones by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from functools import cache
from typing import Final
from uuid import UUID
from zoneinfo import available_timezones

from mien.clock import YEARS
from mien.doors.errors import InvalidDoorError
from mien.doors.places import Place
from mien.doors.service import DoorServices
from mien.doors.types import DIRECTORY, DYNAMIC_GROUP
from mien.gallery.kinds import place_name
from mien.gallery.people import FoundPerson
from mien.portal.pages.people_places import NAMES, faces_and_id
from mien.portal.search_select import SHOWN, Choice, SearchSelect, plain_find
from mien.portal.texts import mark, t, tn
from mien.portal.visitor import Visitor

_KINDS: Final = {kind.value: words for kind, words in NAMES.items()} | {DYNAMIC_GROUP: mark("Dynamic group")}
_EVERYBODY: Final = mark("Whole person directory")


def group_field(
    visitor: Visitor,
    label: str,
    chosen: Sequence[str] = (),
    named: Mapping[str, Place] | None = None,
    *,
    several: bool = False,
) -> SearchSelect:
    """Draw a field to choose groups or the person directory; its values are places.

    Args:
        visitor: the signed-in person.
        label: label of the field.
        chosen: initial places.
        named: names and details of places (`Places.named`).
        several: whether several can be chosen.
    """
    owner, places = visitor.resource.id, _doors(visitor).places

    def find(text: str) -> list[Choice]:
        found = [_group(one) for one in places.find(owner, text, SHOWN + 1)]
        everybody = _everybody()
        return [everybody, *found] if text.casefold() in f"{everybody.label} {DIRECTORY}".casefold() else found

    first = [_everybody() if one == DIRECTORY else _chosen(one, (named or {}).get(one)) for one in chosen]
    return SearchSelect(visitor, label, find, chosen=first, several=several, about=t("Type a part of the name or id"))


def person_field(
    visitor: Visitor, label: str, chosen: Mapping[UUID, str] | None = None, *, several: bool = False
) -> SearchSelect:
    """Draw a field to choose persons of all groups and of the directory; `person_of` parses its values.

    Args:
        visitor: the signed-in person.
        label: label of the field.
        chosen: names of the initial persons by id; their places are unknown.
        several: whether several can be chosen.
    """
    people, owner = visitor.parts.gallery.people, visitor.resource.id

    def find(text: str) -> list[Choice]:
        return [_person(one) for one in people.anywhere(owner, text, SHOWN + 1)]

    first = [Choice(f"/{person_id}", name) for person_id, name in (chosen or {}).items()]
    return SearchSelect(
        visitor, label, find, chosen=first, several=several, about=t("Type a part of the name, or an id")
    )


def person_of(value: str) -> tuple[str, UUID]:
    """Return the place and the id of a chosen person.

    Raises:
        InvalidDoorError: nobody was chosen.
    """
    place, _, person_id = value.rpartition("/")
    try:
        return place, UUID(person_id)
    except ValueError:
        raise InvalidDoorError(t("choose a person")) from None


def zone_field(visitor: Visitor, label: str, chosen: str = "UTC") -> SearchSelect:
    """Draw a field to choose a time zone."""
    return SearchSelect(
        visitor, label, plain_find(_zones()), chosen=[Choice(chosen, chosen)], about=t("Type a city, such as Berlin")
    )


def typed_moment(text: str, zone: tzinfo) -> datetime:
    """Parse a typed time, which is in a time zone unless it names its own.

    Raises:
        InvalidDoorError: it is no time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidDoorError(t("the time is not of the form 2026-12-24T18:30")) from None
    check_year(moment)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def check_year(at: date) -> None:
    """Check that every database can store a day or a time.

    Raises:
        InvalidDoorError: it is in another year.
    """
    if at.year not in YEARS:
        raise InvalidDoorError(
            t("the time is not between the years {first} and {last}", first=YEARS[0], last=YEARS[-1])
        )


@cache
def _zones() -> tuple[Choice, ...]:
    return tuple(Choice(one, one) for one in sorted(available_timezones()))


def group_name(named: Mapping[str, Place], place: str) -> str:
    """Return the name of a place with its name in the API."""
    if place == DIRECTORY:
        return t(_EVERYBODY)
    return f"{named[place].name} ({place})" if place in named else t("{place}, deleted", place=place)


def _doors(visitor: Visitor) -> DoorServices:
    doors = visitor.parts.doors
    assert doors is not None
    return doors


def _everybody() -> Choice:
    return Choice(DIRECTORY, t(_EVERYBODY), DIRECTORY)


def _group(one: Place) -> Choice:
    kind = t(_KINDS[one.place.partition("/")[0]])
    parts = [kind, one.place.partition("/")[2]]
    if one.persons is not None:
        parts.append(tn("{count:,} person", "{count:,} persons", one.persons))
    return Choice(one.place, one.name, " · ".join(parts))


def _chosen(place: str, one: Place | None) -> Choice:
    return Choice(place, t("{place}, deleted", place=place)) if one is None else _group(one)


def _person(one: FoundPerson) -> Choice:
    place = place_name(one.ref.kind.value, one.ref.collection_id)
    where = t("Person directory") if place == DIRECTORY else one.group
    return Choice(f"{place}/{one.person_id}", one.name, f"{where} · {faces_and_id(one.faces, one.person_id)}")
