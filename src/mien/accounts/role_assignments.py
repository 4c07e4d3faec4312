"""Role assignments: which role a token's group, application, principal or foreign role name has here.

Usual tokens of Entra ID for `https://cognitiveservices.azure.com` name no role: Azure keeps role assignments beside the
resource, and so does this table. A role holds for one resource or for all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import delete, select

from mien.accounts.errors import InvalidValueError, ResourceNotFoundError
from mien.accounts.records import READ_VERSION, bump
from mien.accounts.roles import ROLE_NAMES
from mien.clock import Clock
from mien.events import AuditLog
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import ResourceRow, RoleAssignmentRow
from mien.storage.watch import RowWatch

MAX_VALUE: Final = 300
"""Longest value of a claim that a role can be assigned to, in characters."""


_UUID_LENGTH: Final = 36


class Assignee(StrEnum):
    """The kind of assignee of a role."""

    ROLE = "role"
    """A role name of the issuer, in the claim `MIEN_OIDC_ROLES_CLAIM`."""
    GROUP = "group"
    """A group, in the claim `MIEN_OIDC_GROUPS_CLAIM`."""
    APPLICATION = "application"
    """A client, in the claim `appid` (Entra ID, v1) or `azp` (v2, Keycloak)."""
    PRINCIPAL = "principal"
    """A person or service principal, in the claim `oid`, else `sub`."""


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A role that the tokens with a claim have.

    Attributes:
        id: names it, for removal.
        assignee: which claim counts.
        value: required value of the claim, or a member of it; case-sensitive except for ids.
        role: one of `ROLE_NAMES`.
        resource: name of the resource that it holds for; None for all.
        created_at: when it was assigned.
        created_by: who assigned it.
    """

    id: UUID
    assignee: Assignee
    value: str
    role: str
    resource: str | None
    created_at: datetime
    created_by: str


class RoleAssignments:
    """The role assignments of a database.

    Args:
        database: the database.
        clock: dates them.
        audit: learns of every change.
    """

    def __init__(self, database: Database, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._watch = RowWatch(database, READ_VERSION)
        self._version = -1
        self._known: Mapping[tuple[Assignee, str], tuple[str, ...]] = {}

    def create(
        self, assignee: Assignee, value: str, role: str, *, resource_id: UUID | None = None, actor: str
    ) -> RoleAssignment:
        """Assign a role; return the assignment that exists if the same was assigned before.

        Raises:
            InvalidValueError: the value is empty, too long or not printable, or the role is unknown.
            ResourceNotFoundError: there is no such resource.
        """
        text = _normal(value.strip())
        if not 1 <= len(text) <= MAX_VALUE or not text.isprintable():
            raise InvalidValueError(
                "value", "the value of a claim has 1 to {most} printable characters", most=MAX_VALUE
            )
        name = next((one for one in ROLE_NAMES if one.lower() == role.strip().lower()), None)
        if name is None:
            raise InvalidValueError(
                "role", "there is no role {role!r}; the roles are {roles}", role=role[:100], roles=", ".join(ROLE_NAMES)
            )
        now = self._clock.now()
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            resource = session.get(ResourceRow, resource_id) if resource_id else None
            if resource_id is not None and (resource is None or resource.deleted_at is not None):
                raise ResourceNotFoundError(str(resource_id))
            query = select(RoleAssignmentRow).where(
                RoleAssignmentRow.assignee == assignee.value,
                RoleAssignmentRow.value == text,
                RoleAssignmentRow.role == name,
            )
            row = next((one for one in session.scalars(query) if one.resource_id == resource_id), None)
            if row is None:
                row = RoleAssignmentRow(
                    id=uuid4(),
                    assignee=assignee.value,
                    value=text,
                    role=name,
                    resource_id=resource_id,
                    created_at=now,
                    created_by=actor[:200],
                )
                session.add(row)
            made = _assignment(row, resource.name if resource else None)
        self._record("assign", made, resource_id, actor)
        return made

    def list(self) -> list[RoleAssignment]:
        """Return all assignments, oldest first."""
        query = (
            select(RoleAssignmentRow, ResourceRow.name)
            .outerjoin(ResourceRow, ResourceRow.id == RoleAssignmentRow.resource_id)
            .order_by(RoleAssignmentRow.created_at, RoleAssignmentRow.id)
        )
        with self._database.read(EVERY_RESOURCE) as session:
            return [_assignment(row, name) for row, name in session.execute(query)]

    def delete(self, assignment_id: UUID, *, actor: str) -> RoleAssignment | None:
        """Remove a role from the next call on; return the assignment, None if there is no such assignment."""
        with self._database.write(EVERY_RESOURCE) as session:
            bump(session)
            row = session.get(RoleAssignmentRow, assignment_id)
            if row is None:
                return None
            resource = session.get(ResourceRow, row.resource_id) if row.resource_id else None
            removed = _assignment(row, resource.name if resource else None)
            session.execute(delete(RoleAssignmentRow).where(RoleAssignmentRow.id == assignment_id))
        self._record("remove", removed, resource.id if resource else None, actor)
        return removed

    def roles_of(self, claims: Iterable[tuple[Assignee, str]]) -> tuple[str, ...]:
        """Return the roles that a token's claims have, as `ROLE` or `ROLE@RESOURCE`.

        Answers from memory unless somebody changed an assignment or account since; otherwise asks the database.
        """
        known = self._current()
        found = (known.get((assignee, _normal(value)), ()) for assignee, value in claims)
        return tuple(dict.fromkeys(role for roles in found for role in roles))

    def _record(self, verb: str, one: RoleAssignment, resource_id: UUID | None, actor: str) -> None:
        details = {"assignment": str(one.id), "assignee": one.assignee.value, "value": one.value, "role": one.role}
        self._audit.record(actor=actor, action=f"role.{verb}", resource_id=resource_id, details=details)

    def _current(self) -> Mapping[tuple[Assignee, str], tuple[str, ...]]:
        version = self._watch.value()
        if version != self._version:
            known: defaultdict[tuple[Assignee, str], tuple[str, ...]] = defaultdict(tuple)
            for one in self.list():
                role = f"{one.role}@{one.resource}" if one.resource else one.role
                known[one.assignee, one.value] += (role,)
            # Read after the version, so at least as new as it.
            self._known, self._version = dict(known), version
        return self._known


def _normal(value: str) -> str:
    """Write an id in lower case; any other name counts exactly."""
    try:
        return str(UUID(value)) if len(value) == _UUID_LENGTH else value
    except ValueError:
        return value


def _assignment(row: RoleAssignmentRow, resource: str | None) -> RoleAssignment:
    return RoleAssignment(row.id, Assignee(row.assignee), row.value, row.role, resource, row.created_at, row.created_by)
