"""Roles and permissions of administrators."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """A permission that a route requires."""

    READ = "read"
    """See everything but keys."""
    REQUEST = "request"
    """Ask for limited access on behalf of a resource."""
    APPROVE = "approve"
    """Review, approve, reject, revoke and renew limited access."""
    MANAGE = "manage"
    """Change resources, rules and terms; see keys."""
    TOKENS = "tokens"
    """Create and revoke admin tokens."""


class Role(StrEnum):
    """The authority of an admin token, or of a role in an OpenID Connect token."""

    ADMIN = "admin"
    APPROVER = "approver"
    READER = "reader"

    def may(self, permission: Permission) -> bool:
        """Whether the role includes a permission."""
        return permission in _GRANTS[self]


_GRANTS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.ADMIN: frozenset(Permission),
    Role.APPROVER: frozenset({Permission.READ, Permission.REQUEST, Permission.APPROVE}),
    Role.READER: frozenset({Permission.READ}),
}
