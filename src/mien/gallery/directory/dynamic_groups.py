"""Dynamic person groups: sets of persons of the directory, without training or recognition model."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.orm import Session

from mien.gallery.checks import check_name, check_page, check_update, check_user_data
from mien.gallery.directory.persons import ascii_start, check_person_page
from mien.gallery.directory.rows import DirectoryRows, check_persons
from mien.gallery.errors import (
    DynamicGroupExistsError,
    DynamicGroupNotFoundError,
    NothingToUpdateError,
    PersonNotFoundError,
    Quota,
    QuotaExceededError,
)
from mien.gallery.kinds import COLLECTION_ID, Kind, parse_id
from mien.gallery.operations import Operations
from mien.gallery.types import UNSET, DynamicGroup, Started, Unset
from mien.storage.tables import DynamicGroupMemberRow, DynamicGroupRow

_ROWS_AT_ONCE = 500


class DynamicGroups:
    """The dynamic person groups of a resource.

    Its calls raise, where applicable: `DynamicGroupNotFoundError` (`malformed` also when creating a group under an
    invalid id, as the contract requires), `DynamicGroupExistsError`, `PersonNotFoundError` (for an added id that is not
    in the directory), `NameEmptyError`, `NameTooLongError`, `UserDataTooLongError`, `NothingToUpdateError`,
    `StartTooLongError`, `InvalidStartError` (persons), `InvalidTopError`, `QuotaExceededError`, `ConflictError`.

    Args:
        rows: opens sessions on the directory, whose lock keeps persons from being deleted while they are added.
        operations: records the operations.
    """

    def __init__(self, rows: DirectoryRows, operations: Operations) -> None:
        self._rows = rows
        self._operations = operations

    def create(
        self, resource_id: UUID, group_id: str, name: str, user_data: str | None = None, add: Sequence[str] = ()
    ) -> Started:
        """Create a group with these persons; `Started.id` is the group id."""
        if not COLLECTION_ID.fullmatch(group_id):
            raise DynamicGroupNotFoundError(group_id, malformed=True)
        check_name(name)
        check_user_data(user_data)
        with self._rows.writing(resource_id) as (session, _):
            if session.scalar(_named(group_id)) is not None:
                raise DynamicGroupExistsError(group_id)
            limit = self._rows.rows.quotas.dynamic_groups
            if (session.scalar(select(func.count()).select_from(DynamicGroupRow)) or 0) >= limit:
                raise QuotaExceededError(Quota.DYNAMIC_GROUPS, Kind.DIRECTORY, limit)
            members = check_persons(session, resource_id, list(add))
            session.add(
                DynamicGroupRow(
                    resource_id=resource_id, group_id=group_id, name=name, user_data=user_data, version=uuid4()
                )
            )
            session.flush()
            _add(session, resource_id, group_id, members)
            return Started(group_id, self._operations.succeeded(session, resource_id))

    def get(self, resource_id: UUID, group_id: str) -> DynamicGroup:
        """Return a group."""
        with self._rows.reading(resource_id) as session:
            return _group(find_group(session, group_id))

    def page(self, resource_id: UUID, start: str = "", top: int = 1000) -> list[DynamicGroup]:
        """Return groups after `start` by ascending id."""
        check_page(start, top)
        with self._rows.reading(resource_id) as session:
            query = select(DynamicGroupRow)
            if start:
                query = query.where(DynamicGroupRow.group_id > ascii_start(start))
            return [_group(row) for row in session.scalars(query.order_by(DynamicGroupRow.group_id).limit(top))]

    def update(
        self,
        resource_id: UUID,
        group_id: str,
        *,
        name: str | Unset | None = UNSET,
        user_data: str | Unset | None = UNSET,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> Started:
        """Change name, user data or persons.

        A person both added and removed is removed. Removing a person who is not in the group has no effect.
        """
        try:
            values = check_update(name, user_data)
        except NothingToUpdateError:
            if not (add or remove):
                raise
            values = {}
        leaving = []
        for person_id in remove:
            parsed = parse_id(person_id)
            if parsed is None:
                raise PersonNotFoundError(Kind.DIRECTORY, person_id)
            leaving.append(parsed)
        with self._rows.writing(resource_id) as (session, _):
            row = find_group(session, group_id)
            for column, value in values.items():
                setattr(row, column, value)
            if add or remove:
                members = check_persons(session, resource_id, list(add))
                _remove(session, group_id, [*members, *leaving])
                gone = set(leaving)
                _add(session, resource_id, group_id, [one for one in members if one not in gone])
                row.version = uuid4()
            return Started(group_id, self._operations.succeeded(session, resource_id))

    def delete(self, resource_id: UUID, group_id: str) -> Started:
        """Delete a group; its persons stay."""
        with self._rows.writing(resource_id) as (session, _):
            session.delete(find_group(session, group_id))
            return Started(None, self._operations.succeeded(session, resource_id))

    def persons(self, resource_id: UUID, group_id: str, start: str = "", top: int = 1000) -> list[str]:
        """Return ids of a group's persons after `start`, ascending."""
        after = check_person_page(start, top)
        with self._rows.reading(resource_id) as session:
            find_group(session, group_id)
            query = select(DynamicGroupMemberRow.person_id).where(DynamicGroupMemberRow.group_id == group_id)
            if after is not None:
                query = query.where(DynamicGroupMemberRow.person_id > after)
            found = session.scalars(query.order_by(DynamicGroupMemberRow.person_id).limit(top))
            return [str(person_id) for person_id in found]


def find_group(session: Session, group_id: str) -> DynamicGroupRow:
    """Return the row of a dynamic group.

    Raises:
        DynamicGroupNotFoundError: there is none.
    """
    if not COLLECTION_ID.fullmatch(group_id):
        raise DynamicGroupNotFoundError(group_id, malformed=True)
    row = session.scalar(_named(group_id))
    if row is None:
        raise DynamicGroupNotFoundError(group_id)
    return row


def members_of(session: Session, group_id: str) -> frozenset[UUID]:
    """Return the ids of a group's persons."""
    query = select(DynamicGroupMemberRow.person_id).where(DynamicGroupMemberRow.group_id == group_id)
    return frozenset(session.scalars(query))


def _named(group_id: str) -> Select[DynamicGroupRow]:
    return select(DynamicGroupRow).where(DynamicGroupRow.group_id == group_id)


def _add(session: Session, resource_id: UUID, group_id: str, persons: Sequence[UUID]) -> None:
    if persons:
        rows = [{"resource_id": resource_id, "group_id": group_id, "person_id": person} for person in persons]
        session.execute(insert(DynamicGroupMemberRow), rows)


def _remove(session: Session, group_id: str, persons: Sequence[UUID]) -> None:
    for start in range(0, len(persons), _ROWS_AT_ONCE):
        some = DynamicGroupMemberRow.person_id.in_(persons[start : start + _ROWS_AT_ONCE])
        session.execute(delete(DynamicGroupMemberRow).where(DynamicGroupMemberRow.group_id == group_id, some))


def _group(row: DynamicGroupRow) -> DynamicGroup:
    return DynamicGroup(row.group_id, row.name, row.user_data)
