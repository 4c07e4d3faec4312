"""Lists of a group's people for operators: searchable, sortable, with pages in both directions.

The contract's own list (`Persons.page`) is ordered by id only. Pages here use keyset pagination (after or before a row,
not an offset), so that every page takes the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from mien.gallery.kinds import CollectionRef, parse_id
from mien.gallery.rows import Rows, ref_of
from mien.storage.names import name_key
from mien.storage.tables import CollectionRow, PersistedFaceRow, PersonRow

PAGE: Final = 50
"""Default number of persons on a page."""
_SHORTEST_ID: Final = 6
_AT_ONCE: Final = 500
_HEXADECIMAL: Final = frozenset("0123456789abcdef")


class PeopleOrder(Enum):
    """Sort orders of a list of people."""

    NAME = "name"
    NEWEST = "newest"
    OLDEST = "oldest"
    MOST_FACES = "most faces"
    FEWEST_FACES = "fewest faces"


_COLUMNS: Final[dict[PeopleOrder, tuple[InstrumentedAttribute[Any], bool]]] = {
    PeopleOrder.NAME: (PersonRow.name_key, False),
    PeopleOrder.NEWEST: (PersonRow.created_at, True),
    PeopleOrder.OLDEST: (PersonRow.created_at, False),
    PeopleOrder.MOST_FACES: (PersonRow.faces, True),
    PeopleOrder.FEWEST_FACES: (PersonRow.faces, False),
}


@dataclass(frozen=True, slots=True)
class Edge:
    """The first or last row of a page: the value that the list is ordered by, and the person's id."""

    value: Any
    person_id: UUID


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A person in a list.

    Attributes:
        person_id: lower-case hyphenated GUID.
        name: 1 to 128 characters.
        faces: number of enrolled faces.
        created_at: time of creation.
        seen_at: day of the last recognition; None if there was none.
    """

    person_id: str
    name: str
    faces: int
    created_at: datetime | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """A page of a list.

    Attributes:
        people: the people, in the list's order.
        total: length of the whole list.
        first: edge of the first row; None on an empty page.
        last: edge of the last row; None on an empty page.
        has_previous: whether there is a previous page.
        has_next: whether there is a next page.
    """

    people: tuple[PersonLine, ...]
    total: int
    first: Edge | None
    last: Edge | None
    has_previous: bool
    has_next: bool


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """A person found by a search of a whole resource.

    Attributes:
        ref: the group, or the person directory.
        group: name of the group.
        person_id: lower-case hyphenated GUID.
        name: 1 to 128 characters.
        faces: number of enrolled faces.
    """

    ref: CollectionRef
    group: str
    person_id: str
    name: str
    faces: int


class People:
    """Finds and lists the persons of groups.

    Args:
        rows: opens sessions on collections.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def page(
        self,
        ref: CollectionRef,
        text: str = "",
        order: PeopleOrder = PeopleOrder.NAME,
        *,
        after: Edge | None = None,
        before: Edge | None = None,
        top: int = PAGE,
    ) -> PeoplePage:
        """Return a page of the people of a group.

        Args:
            ref: the group.
            text: only people whose name contains all of its words (case and accents do not matter), whose id begins
                with it (`_SHORTEST_ID` hexadecimal digits or more), or who have a face of that id; empty for all.
            order: sort order of the list.
            after: start after this row.
            before: end before this row; not together with `after`.
            top: most people to return, >= 1.

        Raises:
            CollectionNotFoundError: there is no such group.
        """
        column, descending = _COLUMNS[order]
        backwards = before is not None
        edge = before or after
        with self._rows.reading(ref) as (session, row):
            wanted = and_(PersonRow.collection == row.uid, person_matches(session, row.uid, text))
            query = select(PersonRow).where(wanted)
            if edge is not None:
                query = query.where(_beyond(column, edge, larger=descending == backwards))
            falling = descending != backwards
            ordered = (column.desc(), PersonRow.person_id.desc()) if falling else (column, PersonRow.person_id)
            found: Sequence[PersonRow] = session.scalars(query.order_by(*ordered).limit(top + 1)).all()
            more, found = len(found) > top, found[:top]
            if backwards:
                found = found[::-1]
            total = row.persons
            if text.strip():
                total = session.scalar(select(func.count()).select_from(PersonRow).where(wanted)) or 0
            edges = [Edge(getattr(one, column.key), one.person_id) for one in (*found[:1], *found[-1:])]
            first, last = (edges[0], edges[-1]) if edges else (None, None)
            return PeoplePage(
                tuple(_line(one) for one in found),
                total,
                first,
                last,
                has_previous=more if backwards else edge is not None,
                has_next=edge is not None if backwards else more,
            )

    def anywhere(self, resource_id: UUID, text: str = "", top: int = PAGE) -> list[FoundPerson]:
        """Return persons of all groups and of the person directory, by name.

        Args:
            resource_id: id of the resource.
            text: as in `page`.
            top: most people to return, >= 1.
        """
        with self._rows.database.read(resource_id) as session:
            query = select(PersonRow, CollectionRow).join(CollectionRow, CollectionRow.uid == PersonRow.collection)
            query = query.where(person_matches(session, None, text)).order_by(PersonRow.name_key, PersonRow.person_id)
            return [
                FoundPerson(ref_of(row), row.name, str(person.person_id), person.name, person.faces)
                for person, row in session.execute(query.limit(top))
            ]

    def named(self, resource_id: UUID, person_ids: Iterable[UUID]) -> dict[UUID, str]:
        """Return the names of persons by their ids, in all collections; deleted persons are left out."""
        wanted, found = list(set(person_ids)), dict[UUID, str]()
        with self._rows.database.read(resource_id) as session:
            for start in range(0, len(wanted), _AT_ONCE):
                query = select(PersonRow.person_id, PersonRow.name)
                query = query.where(
                    PersonRow.collection.in_(select(CollectionRow.uid)),  # first column of the primary key
                    PersonRow.person_id.in_(wanted[start : start + _AT_ONCE]),
                )
                found.update((person_id, name) for person_id, name in session.execute(query))
        return found

    def namesakes(self, ref: CollectionRef, name: str, top: int = 5) -> list[PersonLine]:
        """Return the persons with the same name, apart from case, accents and spaces.

        Raises:
            CollectionNotFoundError: there is no such group.
        """
        with self._rows.reading(ref) as (session, row):
            query = select(PersonRow).where(PersonRow.collection == row.uid, PersonRow.name_key == name_key(name))
            return [_line(one) for one in session.scalars(query.order_by(PersonRow.person_id).limit(top))]


def _beyond(column: InstrumentedAttribute[Any], edge: Edge, *, larger: bool) -> ColumnElement[bool]:
    """Return the condition that a row comes after an edge, in the direction of larger or smaller values."""
    row = tuple_(column, PersonRow.person_id)
    at = tuple_(literal(edge.value, column.type), literal(edge.person_id, PersonRow.person_id.type))
    return row > at if larger else row < at


def person_matches(session: Session, collection: UUID | None, text: str) -> ColumnElement[bool]:
    """Return the condition that a person matches a search text; faces are searched in one collection, or in all."""
    words = name_key(text).split()
    if not words:
        return true()
    if (named := parse_id(text.strip())) is not None:
        within = select(CollectionRow.uid) if collection is None else [collection]
        whose = select(PersistedFaceRow.person_id).where(
            PersistedFaceRow.collection.in_(within), PersistedFaceRow.face_id == named
        )
        return PersonRow.person_id.in_([named, *session.scalars(whose)])
    found = and_(*(PersonRow.name_key.contains(word, autoescape=True) for word in words))
    digits = text.strip().lower().replace("-", "")
    if _SHORTEST_ID <= len(digits) < 32 and _HEXADECIMAL.issuperset(digits):
        lowest, highest = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
        return or_(found, PersonRow.person_id.between(lowest, highest))
    return found


def _line(row: PersonRow) -> PersonLine:
    return PersonLine(str(row.person_id), row.name, row.faces, row.created_at, row.seen_at)
