"""Roles and permissions of administrators: the one table that says which role may do what, and where.

A route or page names the permission that it needs; `Actor` asks this table. Nothing else decides on permissions.
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
    """Ask for limited access on behalf of a resource."""
    APPROVE = "approve"
    """Review, approve, reject, revoke and renew limited access."""
    CONFIRM = "confirm"
    """See pictures of matches under review, and answer their cases."""
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
    """The name that `owner` had before; tokens that have it keep it."""
    OPERATOR = "operator"
    APPROVER = "approver"
    REVIEWER = "reviewer"
    READER = "reader"
    """Sees everything but keys and changes nothing."""
    ENROLLER = "enroller"
    AUDITOR = "auditor"

    def may(self, permission: Permission) -> bool:
        """Whether the role includes a permission."""
        return permission in PERMISSIONS[self]


_READING: Final = frozenset({Permission.SEE, Permission.AUDIT, Permission.METRICS, Permission.LOOK_UP})
PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission),
    Role.OPERATOR: frozenset(Permission) - {Permission.APPROVE, Permission.CONFIRM, Permission.TOKENS},
    Role.APPROVER: _READING | {Permission.REQUEST, Permission.APPROVE, Permission.CONFIRM},
    Role.REVIEWER: frozenset({Permission.SEE, Permission.LOOK_UP, Permission.CONFIRM}),
    Role.READER: _READING,
    Role.ENROLLER: frozenset({Permission.SEE, Permission.LOOK_UP, Permission.PEOPLE}),
    Role.AUDITOR: frozenset({Permission.AUDIT, Permission.METRICS}),
}
"""What each role may do; `docs/identity.md` shows this table, and a test compares them."""

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
"""A sentence for each role, without its subject."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on one resource or on the whole server.

    Attributes:
        role: the role.
        resource: id of the only resource that it holds for; None for the whole server.
    """

    role: Role
    resource: UUID | None = None

    def covers(self, resource: UUID | None) -> bool:
        """Whether it holds for a resource; for None, whether it holds for the whole server."""
        return self.resource is None or self.resource == resource


def roles_with(permission: Permission) -> frozenset[Role]:
    """Return the roles that include a permission."""
    return frozenset(role for role, allowed in PERMISSIONS.items() if permission in allowed)
