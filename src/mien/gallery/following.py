"""Rows that belong to a person and go with them when they are merged or moved to another group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from mien.storage.tables import ConsentRow, DoorBadgeRow, DoorPresenceRow, DoorVisitorRow, PersonNegativeRow

_FOLLOWING: Final[dict[str, tuple[type[Any], InstrumentedAttribute[UUID]]]] = {
    "consents": (ConsentRow, ConsentRow.consent_id),
    "negatives": (PersonNegativeRow, PersonNegativeRow.negative_id),
    "badges": (DoorBadgeRow, DoorBadgeRow.badge_id),
    "visits": (DoorVisitorRow, DoorVisitorRow.visitor_id),
}
"""Tables with a row for each thing of a person, by the word for these in records of corrections, and their ids."""

_NOW: Final = {"synchronize_session": False}


def following(session: Session, collection: UUID, person: UUID) -> dict[str, list[str]]:
    """Return the ids of what goes with a person, by kind."""
    return {
        kind: [
            str(one)
            for one in session.scalars(select(key).where(table.collection == collection, table.person_id == person))
        ]
        for kind, (table, key) in _FOLLOWING.items()
    }


def give_to(session: Session, collection: UUID, person: UUID, other: UUID) -> None:
    """Give all that goes with a person to another person of the group; who is inside an area is so once."""
    for table, _ in _FOLLOWING.values():
        mine = update(table).where(table.collection == collection, table.person_id == person)
        session.execute(mine.values(person_id=other).execution_options(**_NOW))
    there = select(DoorPresenceRow.area).where(
        DoorPresenceRow.collection == collection, DoorPresenceRow.person_id == other
    )
    inside = update(DoorPresenceRow).where(
        DoorPresenceRow.collection == collection,
        DoorPresenceRow.person_id == person,
        DoorPresenceRow.area.not_in(session.scalars(there).all()),
    )
    session.execute(inside.values(person_id=other).execution_options(**_NOW))


def give_back(session: Session, collection: UUID, person: UUID, other: UUID, ids: Mapping[str, Sequence[str]]) -> None:
    """Give a person what another person of the group has of them; `following` told what that was.

    Args:
        session: writes; has locked the collection.
        collection: the group.
        person: id of the person who has it.
        other: id of the person who had it.
        ids: by kind; records of older versions have fewer kinds.
    """
    for kind, (table, key) in _FOLLOWING.items():
        theirs = update(table).where(
            table.collection == collection, table.person_id == person, key.in_([UUID(one) for one in ids.get(kind, ())])
        )
        session.execute(theirs.values(person_id=other).execution_options(**_NOW))


def take_along(session: Session, collection: UUID, person: UUID, to: UUID) -> None:
    """Move all data of a person to another group, in which they already are, under the same id."""
    tables: list[type[Any]] = [*(table for table, _ in _FOLLOWING.values()), DoorPresenceRow]
    for table in tables:
        mine = update(table).where(table.collection == collection, table.person_id == person)
        session.execute(mine.values(collection=to).execution_options(**_NOW))
