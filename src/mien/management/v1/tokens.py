"""Routes for admin tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from mien.accounts import Accounts
from mien.management.errors import invalid, not_found
from mien.management.roles import Role
from mien.management.routing import Journal, Shown, Strict, TokenKeeper
from mien.management.tokens import LIFE, AdminTokens, TokenError
from mien.management.v1.fields import ResourceName, find


class TokenWanted(Strict):
    """A token to be made."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: Role
    days: Annotated[int, Field(ge=1, le=3650)] = LIFE.days
    no_expiry: bool = False
    resource: ResourceName | None = None


class TokenSeen(Shown):
    """A token, without its secret."""

    id: UUID
    name: str
    role: Role
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    resource: UUID | None


class TokenMade(TokenSeen):
    """A token that was just made, with its secret, which is shown only now."""

    token: str


class TokenList(Shown):
    """All tokens."""

    value: list[TokenSeen]


def routes(tokens: AdminTokens, journal: Journal, accounts: Accounts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/admin-tokens", tags=["admin tokens"])

    @router.get("", response_model=TokenList)
    def list_tokens(_actor: TokenKeeper) -> TokenList:
        """List all admin tokens, without their secrets."""
        return TokenList(value=[TokenSeen.model_validate(token) for token in tokens.list()])

    @router.post("", response_model=TokenMade, status_code=201)
    def create_token(wanted: TokenWanted, actor: TokenKeeper) -> TokenMade:
        """Create an admin token; its secret is shown only in this answer."""
        if wanted.no_expiry and "days" in wanted.model_fields_set:
            raise invalid("Give either days or noExpiry.", "noExpiry")
        life = None if wanted.no_expiry else timedelta(days=wanted.days)
        resource = None if wanted.resource is None else find(accounts, wanted.resource).id
        made = tokens.create(wanted.name, wanted.role, created_by=actor.name, life=life, resource=resource)
        about = {"name": wanted.name, "role": wanted.role.value, "expires": life is not None}
        journal.did(actor, "admin.token.create", resource, token_id=str(made.token.id), **about)
        return TokenMade(**TokenSeen.model_validate(made.token).model_dump(), token=made.secret)

    @router.delete("/{token_id}", response_model=TokenSeen)
    def revoke_token(token_id: UUID, actor: TokenKeeper) -> TokenSeen:
        """Revoke an admin token; it is refused from now on."""
        try:
            token = tokens.revoke(token_id)
        except TokenError:
            raise not_found(f"The admin token {token_id}") from None
        journal.did(actor, "admin.token.revoke", token_id=str(token_id), name=token.name)
        return TokenSeen.model_validate(token)

    return router
