"""Check that the groups, persons and doors of a configuration exist, in the transaction that stores it.

Only new references are checked: a group can be deleted after a rule refers to it, and the rule must stay editable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.doors.errors import InvalidDoorError
from mien.doors.types import DEFAULT_LABEL, DIRECTORY, DYNAMIC_GROUP
from mien.gallery.kinds import STORED_PERSON_GROUPS
from mien.messages import Message
from mien.storage.tables import CollectionRow, DoorRow, DynamicGroupRow, PersonRow

T = TypeVar("T", str, UUID)

_AT_ONCE: Final = 500


def check_places(session: Session, places: Iterable[str], before: Iterable[str] = ()) -> None:
    """Check that places exist; the directory always does.

    Args:
        session: session of the resource.
        places: as a configuration names them.
        before: the references before the change; these are not checked.

    Raises:
        InvalidDoorError: there is no such group.
    """
    place = _missing(
        places, (DIRECTORY, *before), lambda some: {one for one in some if model_of(session, one) is not None}
    )
    if place is not None:
        raise InvalidDoorError(
            "there is no group {place}{elsewhere}", place=place, elsewhere=_elsewhere(session, place)
        )


def check_one_model(session: Session, places: Iterable[str]) -> None:
    """Check that groups can be searched together; deleted ones are ignored.

    Raises:
        InvalidDoorError: they have different recognition models.
    """
    labels = {label for place in places if (label := model_of(session, place)) is not None}
    if len(labels) > 1:
        raise InvalidDoorError(
            "the groups have different recognition models: {labels}", labels=", ".join(sorted(labels))
        )


def model_of(session: Session, place: str) -> str | None:
    """Return the recognition model of a group; None if it does not exist."""
    kind, _, group_id = place.partition("/")
    if place == DIRECTORY:
        return DEFAULT_LABEL
    if kind == DYNAMIC_GROUP:
        found = session.scalar(select(DynamicGroupRow.group_id).where(DynamicGroupRow.group_id == group_id))
        return None if found is None else DEFAULT_LABEL
    query = select(CollectionRow.recognition_model)
    return session.scalar(query.where(CollectionRow.kind == kind, CollectionRow.collection_id == group_id))


def check_persons(session: Session, persons: Iterable[UUID], before: Iterable[UUID] = ()) -> None:
    """Check that persons are enrolled somewhere in the resource.

    Args:
        session: session of the resource.
        persons: as a configuration names them.
        before: the references before the change; these are not checked.

    Raises:
        InvalidDoorError: there is no such person.
    """
    inside = PersonRow.collection.in_(select(CollectionRow.uid))  # the primary key starts with it
    query = select(PersonRow.person_id).where(inside)
    missing = _missing(persons, before, lambda some: set(session.scalars(query.where(PersonRow.person_id.in_(some)))))
    if missing is not None:
        raise InvalidDoorError("there is no person {missing} in this resource", missing=missing)


def check_doors(session: Session, doors: Iterable[UUID]) -> None:
    """Check that doors exist.

    Raises:
        InvalidDoorError: there is no such door.
    """
    query = select(DoorRow.door_id)
    missing = _missing(doors, (), lambda some: set(session.scalars(query.where(DoorRow.door_id.in_(some)))))
    if missing is not None:
        raise InvalidDoorError("there is no door {door}", door=missing)


def _missing(wanted: Iterable[T], before: Iterable[T], there: Callable[[Sequence[T]], Set[T]]) -> T | None:
    """Return the first new reference that does not exist; None if all exist."""
    known = set(before)
    new = [one for one in dict.fromkeys(wanted) if one not in known]
    for start in range(0, len(new), _AT_ONCE):
        some = new[start : start + _AT_ONCE]
        found = there(some)
        for one in some:
            if one not in found:
                return one
    return None


def _elsewhere(session: Session, place: str) -> str:
    """Describe where a group of that id is, if the kind is wrong."""
    group_id = place.partition("/")[2]
    query = select(CollectionRow.kind).where(
        CollectionRow.collection_id == group_id, CollectionRow.kind.in_(STORED_PERSON_GROUPS)
    )
    kinds = list(session.scalars(query.order_by(CollectionRow.kind)))
    if model_of(session, f"{DYNAMIC_GROUP}/{group_id}") is not None:
        kinds.append(DYNAMIC_GROUP)
    if not kinds:
        return ""
    return Message("; there is {places}", places=" and ".join(f"{kind}/{group_id}" for kind in kinds))
