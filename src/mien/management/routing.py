"""Building blocks of routes: caller, required permission, response, audit entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from mien.events import AuditLog
from mien.events.audit import MAX_TEXT
from mien.management.guard import ACTOR
from mien.management.login import Actor
from mien.management.roles import Permission

Detail = str | int | float | bool | None


class Strict(BaseModel):
    """Base of the bodies of `/mien/v1`: a name that nobody knows is a mistake, not something to pass over."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", str_strip_whitespace=True, validate_by_name=False
    )


class Shown(BaseModel):
    """Base of the answers of `/mien/v1`: filled from our dataclasses, in JSON's spelling of names."""

    model_config = ConfigDict(alias_generator=to_camel, from_attributes=True, validate_by_name=True)


class Allow:
    """A dependency that admits only callers with a permission, and passes the actor to the handler.

    Args:
        permission: what the caller must have.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Actor:
        """Return who calls.

        Raises:
            ManagementError: 403.
        """
        actor: Actor = request.scope[ACTOR]
        actor.require(self.permission, f"{request.method} {request.url.path}")
        return actor


Reader = Annotated[Actor, Depends(Allow(Permission.READ))]
Requester = Annotated[Actor, Depends(Allow(Permission.REQUEST))]
Approver = Annotated[Actor, Depends(Allow(Permission.APPROVE))]
Manager = Annotated[Actor, Depends(Allow(Permission.MANAGE))]
TokenKeeper = Annotated[Actor, Depends(Allow(Permission.TOKENS))]

READERS: Final = [Depends(Allow(Permission.READ))]
"""Dependencies of a route that does not care who reads."""
MANAGERS: Final = [Depends(Allow(Permission.MANAGE))]


class Journal:
    """Writes what administrators did into the audit log.

    Args:
        audit: the log.
    """

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    def did(self, actor: Actor, action: str, resource_id: UUID | None = None, **details: Detail) -> None:
        """Record an action; texts that are too long for the log are cut."""
        self.record(actor, action, resource_id, details)

    def record(self, actor: Actor, action: str, resource_id: UUID | None, details: Mapping[str, Detail]) -> None:
        """As `did`, with the details in a mapping."""
        cut = {name: _cut(value) if isinstance(value, str) else value for name, value in details.items()}
        self._audit.record(actor=actor.name, action=action, resource_id=resource_id, details=cut)


def _cut(text: str) -> str:
    """Return values fit for the audit log: no long texts, and no long words, which could be a template."""
    words = (word if len(word) < 100 else word[:60] + "…" for word in text.split())
    joined = " ".join(words)
    return joined if len(joined) <= MAX_TEXT else joined[: MAX_TEXT - 1] + "…"
