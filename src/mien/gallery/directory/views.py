"""Operators' views of a person directory: persons with face counts, groups with sizes.

They contain more than the contract's own lists (`DirectoryPersons`, `DynamicGroups`). Each view takes a few queries,
whatever its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy import func, select

from mien.gallery.checks import check_page
from mien.gallery.directory.dynamic_groups import find_group
from mien.gallery.directory.persons import ascii_start, check_person_page
from mien.gallery.directory.rows import DirectoryRows, face_collections, find_person
from mien.gallery.kinds import parse_id, persons_ref
from mien.gallery.people import person_matches
from mien.gallery.rows import find_collection
from mien.gallery.types import DynamicGroup, PersistedFace
from mien.storage.tables import DynamicGroupMemberRow, DynamicGroupRow, PersistedFaceRow, PersonRow

_T = TypeVar("_T")
_ROWS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class DirectorySizes:
    """Size of a directory.

    Attributes:
        persons: number of persons.
        faces: number of faces by recognition model, sorted by name; models without faces are left out.
    """

    persons: int
    faces: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A person of a directory.

    Attributes:
        person_id: lower-case hyphenated GUID.
        name: 1 to 128 characters.
        user_data: None if there is none.
        faces: number of enrolled faces of all recognition models.
    """

    person_id: str
    name: str
    user_data: str | None
    faces: int


@dataclass(frozen=True, slots=True)
class ListedFace:
    """An enrolled face of a person and its recognition model."""

    face: PersistedFace
    recognition_model: str


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """A dynamic group and its number of persons."""

    group: DynamicGroup
    persons: int


class DirectoryViews:
    """Reads person directories for operators.

    Its calls raise, where applicable: `PersonNotFoundError`, `DynamicGroupNotFoundError`, `StartTooLongError`,
    `InvalidStartError`, `InvalidTopError`.

    Args:
        rows: opens sessions on directories.
    """

    def __init__(self, rows: DirectoryRows) -> None:
        self._rows = rows

    def sizes(self, resource_id: UUID) -> DirectorySizes:
        """Return the numbers of persons and faces."""
        with self._rows.reading(resource_id) as session:
            home = find_collection(session, persons_ref(resource_id))
            faces = {one.recognition_model: one.faces for one in face_collections(session) if one.faces}
            return DirectorySizes(home.persons if home is not None else 0, faces)

    def persons(self, resource_id: UUID, start: str = "", top: int = 1000, text: str = "") -> list[ListedPerson]:
        """Return persons after `start` by ascending id.

        Args:
            resource_id: id of the directory's resource.
            start: id of the last person of the previous page; empty for the first page.
            top: most persons to return, 1 to 1000.
            text: search text, as in `People.page`.
        """
        after = check_person_page(start, top)
        with self._rows.reading(resource_id) as session:
            home = find_collection(session, persons_ref(resource_id))
            if home is None:
                return []
            query = select(PersonRow).where(PersonRow.collection == home.uid, person_matches(session, home.uid, text))
            if after is not None:
                query = query.where(PersonRow.person_id > after)
            return [_listed(row) for row in session.scalars(query.order_by(PersonRow.person_id).limit(top))]

    def named(self, resource_id: UUID, person_ids: Iterable[str]) -> dict[str, ListedPerson]:
        """Return persons by their ids; unknown or deleted persons are left out."""
        wanted = [one for one in dict.fromkeys(map(parse_id, person_ids)) if one is not None]
        found: dict[str, ListedPerson] = {}
        with self._rows.reading(resource_id) as session:
            home = find_collection(session, persons_ref(resource_id))
            for some in _portions(wanted if home is not None else []):
                assert home is not None
                query = select(PersonRow).where(PersonRow.collection == home.uid, PersonRow.person_id.in_(some))
                found.update((str(row.person_id), _listed(row)) for row in session.scalars(query))
        return found

    def faces(self, resource_id: UUID, person_id: str) -> list[ListedFace]:
        """Return a person's faces by recognition model and ascending id."""
        with self._rows.reading(resource_id) as session:
            person = find_person(session, resource_id, person_id)
            models = {one.uid: one.recognition_model for one in face_collections(session)}
            query = select(PersistedFaceRow.collection, PersistedFaceRow.face_id, PersistedFaceRow.user_data)
            query = query.where(PersistedFaceRow.person_id == person.person_id)
            query = query.where(PersistedFaceRow.collection.in_(models))
            found = [
                ListedFace(PersistedFace(str(face_id), user_data), models[collection])
                for collection, face_id, user_data in session.execute(query)
            ]
        return sorted(found, key=lambda one: (one.recognition_model, one.face.persisted_face_id))

    def groups(self, resource_id: UUID, start: str = "", top: int = 1000) -> list[ListedGroup]:
        """Return dynamic groups after `start` by ascending id."""
        check_page(start, top)
        with self._rows.reading(resource_id) as session:
            query = select(DynamicGroupRow)
            if start:
                query = query.where(DynamicGroupRow.group_id > ascii_start(start))
            rows = session.scalars(query.order_by(DynamicGroupRow.group_id).limit(top)).all()
            counts: dict[str, int] = {}
            for some in _portions([row.group_id for row in rows]):
                members = select(DynamicGroupMemberRow.group_id, func.count())
                members = members.where(DynamicGroupMemberRow.group_id.in_(some))
                members = members.group_by(DynamicGroupMemberRow.group_id)
                counts.update((group_id, count) for group_id, count in session.execute(members))
            return [
                ListedGroup(DynamicGroup(row.group_id, row.name, row.user_data), counts.get(row.group_id, 0))
                for row in rows
            ]

    def group(self, resource_id: UUID, group_id: str) -> ListedGroup:
        """Return a dynamic group."""
        with self._rows.reading(resource_id) as session:
            row = find_group(session, group_id)
            query = select(func.count()).select_from(DynamicGroupMemberRow)
            count = session.scalar(query.where(DynamicGroupMemberRow.group_id == group_id))
            return ListedGroup(DynamicGroup(row.group_id, row.name, row.user_data), count or 0)

    def groups_of(self, resource_id: UUID, person_id: str) -> list[DynamicGroup]:
        """Return the dynamic groups that a person is in, by ascending id."""
        with self._rows.reading(resource_id) as session:
            person = find_person(session, resource_id, person_id)
            query = select(DynamicGroupRow).join(
                DynamicGroupMemberRow, DynamicGroupMemberRow.group_id == DynamicGroupRow.group_id
            )
            query = query.where(DynamicGroupMemberRow.person_id == person.person_id)
            rows = session.scalars(query.order_by(DynamicGroupRow.group_id))
            return [DynamicGroup(row.group_id, row.name, row.user_data) for row in rows]


def _portions(of: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (of[start : start + _ROWS_AT_ONCE] for start in range(0, len(of), _ROWS_AT_ONCE))


def _listed(row: PersonRow) -> ListedPerson:
    return ListedPerson(str(row.person_id), row.name, row.user_data, row.faces)
