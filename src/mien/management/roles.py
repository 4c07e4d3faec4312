"""Roles of administrators, and the table of their permissions.

Routes and pages name the permission that they need; `Actor` checks it against this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID


class Permission(StrEnum):
    """A permission that a route or a page requires."""

    SEE = "see"
    """See resources, their settings, approvals and rules; no keys, no people."""
    AUDIT = "audit"
    """Search, verify and export the audit log."""
    METRICS = "metrics"
    """Read metrics and usage."""
    LOOK_UP = "look-up"
    """See who is enrolled, and try photos in the portal."""
    PEOPLE = "people"
    """Enrol, change, export and erase people; their consents, badges and visits."""
    REQUEST = "request"
    """Request limited access for a resource."""
    APPROVE = "approve"
    """Review, approve, reject, revoke and renew limited access."""
    CONFIRM = "confirm"
    """See pictures of matches under review, and decide them."""
    MANAGE = "manage"
    """Create, change and delete resources, rules, doors, evaluations; accept terms."""
    KEYS = "keys"
    """See and replace the keys of resources."""
    TOKENS = "tokens"
    """Create and revoke admin tokens; assign roles."""


class Role(StrEnum):
    """The authority of an admin token, or of a role in an OpenID Connect token; strongest first."""

    OWNER = "owner"
    ADMIN = "admin"
    """The former name of `owner`, still valid in existing tokens."""
    OPERATOR = "operator"
    APPROVER = "approver"
    REVIEWER = "reviewer"
    READER = "reader"
    """Sees everything except keys; changes nothing."""
    ENROLLER = "enroller"
    AUDITOR = "auditor"

    def may(self, permission: Permission) -> bool:
        """Return whether the role includes a permission."""
        return permission in PERMISSIONS[self]


_READING: Final = frozenset({Permission.SEE, Permission.AUDIT, Permission.METRICS, Permission.LOOK_UP})
PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission),
    # Listed, so that a new permission is the owner's alone until somebody grants it.
    Role.OPERATOR: _READING | {Permission.PEOPLE, Permission.REQUEST, Permission.MANAGE, Permission.KEYS},
    Role.APPROVER: _READING | {Permission.REQUEST, Permission.APPROVE, Permission.CONFIRM},
    Role.REVIEWER: frozenset({Permission.SEE, Permission.LOOK_UP, Permission.CONFIRM}),
    Role.READER: _READING,
    Role.ENROLLER: frozenset({Permission.SEE, Permission.LOOK_UP, Permission.PEOPLE}),
    Role.AUDITOR: frozenset({Permission.AUDIT, Permission.METRICS}),
}
"""The permissions of each role; a test compares them with the table in `docs/identity.md`."""

ABOUT: Final[Mapping[Role, str]] = {
    Role.OWNER: "does everything",
    Role.ADMIN: "does everything; the former name of owner",
    Role.OPERATOR: "runs everything but approvals, tokens and role assignments",
    Role.APPROVER: "reviews limited access and confirms matches; sees everything but keys",
    Role.REVIEWER: "confirms matches; no keys, no approvals, no changes",
    Role.READER: "sees everything but keys; changes nothing",
    Role.ENROLLER: "enrols and looks after people; no keys, no approvals",
    Role.AUDITOR: "reads the audit log and the metrics",
}
"""A description of each role, without its subject."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on one resource or on the whole server.

    Attributes:
        role: the role.
        resource: id of the resource to which it is limited; None for the whole server.
    """

    role: Role
    resource: UUID | None = None

    def covers(self, resource: UUID | None) -> bool:
        """Return whether it applies to a resource, or with None to the whole server."""
        return self.resource is None or self.resource == resource


def roles_with(permission: Permission) -> frozenset[Role]:
    """Return the roles that include a permission."""
    return frozenset(role for role, allowed in PERMISSIONS.items() if permission in allowed)
