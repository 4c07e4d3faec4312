"""Rows that belong to a person and follow them in a merge or a move to another group."""

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
"""The tables of these rows and their id columns, by their names in records of corrections."""

_NOW: Final = {"synchronize_session": False}


def following(session: Session, collection: UUID, person: UUID) -> dict[str, list[str]]:
    """Return the ids of the rows that follow a person, by kind."""
    return {
        kind: [
            str(one)
            for one in session.scalars(select(key).where(table.collection == collection, table.person_id == person))
        ]
        for kind, (table, key) in _FOLLOWING.items()
    }


def give_to(session: Session, collection: UUID, person: UUID, other: UUID) -> None:
    """Give all rows of a person to another person of the group; presences in an area are merged."""
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
    """Give rows back from one person of the group to another.

    Args:
        session: writing session that has locked the collection.
        collection: the group.
        person: id of the person who has the rows.
        other: id of the person who had them.
        ids: ids of the rows by kind, from `following`; records of older versions have fewer kinds.
    """
    for kind, (table, key) in _FOLLOWING.items():
        theirs = update(table).where(
            table.collection == collection, table.person_id == person, key.in_([UUID(one) for one in ids.get(kind, ())])
        )
        session.execute(theirs.values(person_id=other).execution_options(**_NOW))


def take_along(session: Session, collection: UUID, person: UUID, to: UUID) -> None:
    """Move all rows of a person to another group, in which the person already exists under the same id."""
    tables: list[type[Any]] = [*(table for table, _ in _FOLLOWING.values()), DoorPresenceRow]
    for table in tables:
        mine = update(table).where(table.collection == collection, table.person_id == person)
        session.execute(mine.values(collection=to).execution_options(**_NOW))
