"""Find groups by name, for the forms of cameras, kiosks and rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from mien.doors.types import DEFAULT_LABEL, DYNAMIC_GROUP
from mien.gallery.kinds import STORED_PERSON_GROUPS
from mien.storage import Database
from mien.storage.names import name_key
from mien.storage.tables import CollectionRow, DynamicGroupRow

_GROUPS: Final = select(
    CollectionRow.kind,
    CollectionRow.collection_id,
    CollectionRow.name,
    CollectionRow.persons,
    CollectionRow.recognition_model,
).where(CollectionRow.kind.in_(STORED_PERSON_GROUPS))
_DYNAMIC: Final = select(DynamicGroupRow.group_id, DynamicGroupRow.name)


@dataclass(frozen=True, slots=True)
class Place:
    """A group in which persons are enrolled.

    Attributes:
        place: its name in configurations: `personGroup/ID`, `largePersonGroup/ID` or `dynamicGroup/ID`.
        name: its display name.
        persons: number of persons; None if it is not counted.
        recognition_model: by which it is searched.
    """

    place: str
    name: str
    persons: int | None
    recognition_model: str


class Places:
    """Finds groups.

    Args:
        database: the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, resource_id: UUID, text: str = "", top: int = 50) -> list[Place]:
        """Return groups by a text, in the order of kinds and ids.

        Args:
            resource_id: id of the resource.
            text: only groups whose name or id contains all of its words; case and accents are ignored.
            top: how many at most, >= 1.
        """
        words, found = name_key(text).split(), list[Place]()
        with self._database.read(resource_id) as session:
            for place in _all(session):
                key = f"{name_key(place.name)} {place.place.lower()}"
                if all(word in key for word in words):
                    found.append(place)
                    if len(found) == top:
                        break
        return found

    def named(self, resource_id: UUID, places: Iterable[str]) -> dict[str, Place]:
        """Return groups by their names in configurations; deleted ones are left out."""
        wanted = set(places)
        ids = {place.partition("/")[2] for place in wanted}
        with self._database.read(resource_id) as session:
            groups = session.execute(_GROUPS.where(CollectionRow.collection_id.in_(ids)))
            dynamic = session.execute(_DYNAMIC.where(DynamicGroupRow.group_id.in_(ids)))
            found = [*map(_group, groups), *map(_dynamic, dynamic)]
        return {one.place: one for one in found if one.place in wanted}


def _all(session: Session) -> Iterator[Place]:
    """Yield all groups in the order of kinds and ids."""
    groups = _GROUPS.order_by(CollectionRow.kind, CollectionRow.collection_id)
    yield from map(_group, session.execute(groups))
    yield from map(_dynamic, session.execute(_DYNAMIC.order_by(DynamicGroupRow.group_id)))


def _group(row: Row[str, str, str, int, str]) -> Place:
    kind, group_id, name, persons, model = row
    return Place(f"{kind}/{group_id}", name, persons, model)


def _dynamic(row: Row[str, str]) -> Place:
    group_id, name = row
    return Place(f"{DYNAMIC_GROUP}/{group_id}", name, None, DEFAULT_LABEL)
