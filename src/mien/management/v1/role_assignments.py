"""Routes for role assignments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from mien.accounts import Accounts
from mien.accounts.errors import ResourceNotFoundError
from mien.accounts.role_assignments import MAX_VALUE, Assignee, RoleAssignments
from mien.management.errors import not_found
from mien.management.routing import Shown, Strict, TokenKeeper


class AssignmentWanted(Strict):
    """A role to be assigned."""

    assignee: Assignee
    value: Annotated[str, Field(min_length=1, max_length=MAX_VALUE)]
    role: Annotated[str, Field(max_length=64)]
    resource: Annotated[str | None, Field(max_length=64)] = None


class AssignmentSeen(Shown):
    """A role assignment; without a resource it holds for all of them."""

    id: UUID
    assignee: Assignee
    value: str
    role: str
    resource: str | None
    created_at: datetime
    created_by: str


class AssignmentList(Shown):
    """All role assignments, oldest first."""

    value: list[AssignmentSeen]


def routes(assignments: RoleAssignments, accounts: Accounts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/role-assignments", tags=["role assignments"])

    @router.get("", response_model=AssignmentList)
    def list_assignments(_actor: TokenKeeper) -> AssignmentList:
        """List all role assignments."""
        return AssignmentList(value=[AssignmentSeen.model_validate(one) for one in assignments.list()])

    @router.post("", response_model=AssignmentSeen, status_code=201)
    def create_assignment(wanted: AssignmentWanted, actor: TokenKeeper) -> AssignmentSeen:
        """Assign a role to a claim of tokens; it holds from the next call on."""
        place = accounts.named(wanted.resource) if wanted.resource else None
        if wanted.resource and place is None:
            raise ResourceNotFoundError(wanted.resource)
        made = assignments.create(
            wanted.assignee, wanted.value, wanted.role, resource_id=place.id if place else None, actor=actor.name
        )
        return AssignmentSeen.model_validate(made)

    @router.delete("/{assignment_id}", response_model=AssignmentSeen)
    def delete_assignment(assignment_id: UUID, actor: TokenKeeper) -> AssignmentSeen:
        """Remove a role assignment; it stops to hold from the next call on."""
        removed = assignments.delete(assignment_id, actor=actor.name)
        if removed is None:
            raise not_found(f"The role assignment {assignment_id}")
        return AssignmentSeen.model_validate(removed)

    return router
