"""Persons of the gallery for rules: by group, with all the groups that they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.doors.errors import NoSuchPersonError
from mien.doors.roster_types import RosterPerson
from mien.doors.types import DIRECTORY, DYNAMIC_GROUP
from mien.gallery.kinds import PERSONS, STORED_PERSON_GROUPS, Kind, place_name
from mien.storage.tables import CollectionRow, DynamicGroupMemberRow, PersonRow

_WITH_PERSONS = (*STORED_PERSON_GROUPS, Kind.DIRECTORY.value)


@dataclass(frozen=True, slots=True)
class Known:
    """The current data of a person.

    Attributes:
        collection: the row of their collection.
        person: the person.
        groups: all groups that they belong to and that rules may name.
    """

    collection: UUID
    person: RosterPerson
    groups: frozenset[str]


def find_person(session: Session, place: str, person_id: UUID) -> Known:
    """Return a person of a group; members of dynamic groups are persons of the directory.

    Raises:
        NoSuchPersonError: there is none.
    """
    kind, _, collection_id = place.partition("/")
    if kind in {DIRECTORY, DYNAMIC_GROUP}:
        kind, collection_id = Kind.DIRECTORY.value, PERSONS
    found = _known(session, person_id, (kind,), collection_id)
    if not found or (place.startswith(DYNAMIC_GROUP) and place not in found[0].groups):
        raise NoSuchPersonError("there is no person {person_id} in {place}", person_id=person_id, place=place)
    return found[0]


def find_candidate(session: Session, collection: str, person_id: str) -> Known | None:
    """Return the person of a track by the ids of its evidence; None if they are no longer enrolled there.

    Args:
        session: on the resource.
        collection: id of a person group, large person group or dynamic group; "" for the directory.
        person_id: the person.
    """
    try:
        parsed = UUID(person_id)
    except ValueError:
        return None
    if collection:
        found = _known(session, parsed, STORED_PERSON_GROUPS, collection)
        if found:
            # If an id exists in a person group and in a large one, a rule cannot distinguish them: no person is
            # returned.
            return found[0] if len(found) == 1 else None
    members = _known(session, parsed, (Kind.DIRECTORY.value,), PERSONS)
    if not members or (collection and f"{DYNAMIC_GROUP}/{collection}" not in members[0].groups):
        return None
    return members[0]


def persons_of(session: Session, wanted: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], RosterPerson]:
    """Return persons by collection and id; those who are gone are missing."""
    pairs = set(wanted)
    found: dict[tuple[UUID, UUID], RosterPerson] = {}
    ids = sorted({person_id for _, person_id in pairs})
    for start in range(0, len(ids), 500):
        query = (
            select(PersonRow.collection, PersonRow.person_id, PersonRow.name, CollectionRow.kind)
            .add_columns(CollectionRow.collection_id)
            .join(CollectionRow, CollectionRow.uid == PersonRow.collection)
            .where(PersonRow.person_id.in_(ids[start : start + 500]))
        )
        for uid, person_id, name, kind, collection_id in session.execute(query):
            if (uid, person_id) in pairs:
                place = place_name(kind, collection_id)
                found[uid, person_id] = RosterPerson(place=place, person_id=person_id, name=name)
    return found


def _known(session: Session, person_id: UUID, kinds: tuple[str, ...], collection_id: str) -> list[Known]:
    query = (
        select(PersonRow.collection, PersonRow.name, CollectionRow.kind)
        .join(CollectionRow, CollectionRow.uid == PersonRow.collection)
        .where(
            PersonRow.person_id == person_id,
            CollectionRow.kind.in_([kind for kind in kinds if kind in _WITH_PERSONS]),
            CollectionRow.collection_id == collection_id,
        )
    )
    found = []
    for uid, name, kind in session.execute(query):
        place = place_name(kind, collection_id)
        groups = {place}
        if kind == Kind.DIRECTORY.value:
            mine = select(DynamicGroupMemberRow.group_id).where(DynamicGroupMemberRow.person_id == person_id)
            groups |= {f"{DYNAMIC_GROUP}/{group}" for group in session.scalars(mine)}
        found.append(Known(uid, RosterPerson(place=place, person_id=person_id, name=name), frozenset(groups)))
    return found
