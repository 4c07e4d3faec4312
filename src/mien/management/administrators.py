"""Counts the people who may approve limited access; if there is only one, they may approve their own requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from sqlalchemy import select

from mien.clock import Clock
from mien.management.roles import Grant, Permission, Role, roles_with
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import AdminTokenRow

SEVERAL: Final = 2


def approvers(database: Database, clock: Clock, *, has_issuer: bool) -> Callable[[UUID], int]:
    """Return a function that counts the people who may approve a resource's requests.

    Each name of a valid token counts as a person. An issuer's people cannot be counted and count as several.

    Args:
        database: the database with the tokens.
        clock: the clock.
        has_issuer: whether the control plane accepts tokens of an OpenID Connect issuer.
    """
    roles = [role.value for role in roles_with(Permission.APPROVE)]

    def count(resource_id: UUID) -> int:
        if has_issuer:
            return SEVERAL
        now = clock.now()
        query = select(AdminTokenRow).where(AdminTokenRow.role.in_(roles), AdminTokenRow.revoked_at.is_(None))
        with database.read(EVERY_RESOURCE) as session:
            return len(
                {
                    row.name
                    for row in session.scalars(query)
                    if (row.expires_at is None or now < row.expires_at)
                    and Grant(Role(row.role), row.resource_id).covers(resource_id)
                }
            )

    return count
