"""Admin tokens, which are shown once and stored as keyed hashes."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import select, update

from mien.clock import Clock
from mien.management.roles import Grant, Role
from mien.messages import MessageError
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import AdminTokenRow, ResourceRow

PREFIX: Final = "mien_admin_"
"""Prefix of admin tokens, by which secret scanners and our log redaction recognise them."""

LIFE: Final = timedelta(days=90)
"""Default validity of a token."""

_NAME_LENGTH: Final = 100


class TokenError(MessageError):
    """A token cannot be created or does not exist; the message is for the administrator."""


@dataclass(frozen=True, slots=True)
class AdminToken:
    """A token's metadata, without the token itself.

    Attributes:
        id: id of the token.
        name: its owner or purpose.
        role: its role.
        created_at: time of its creation.
        created_by: name of the creator.
        expires_at: time of expiry; None for never.
        revoked_at: time of revocation; None if it was not revoked.
        resource: id of the resource to which it is limited; None for the whole server.
    """

    id: UUID
    name: str
    role: Role
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    resource: UUID | None = None

    @property
    def grant(self) -> Grant:
        """The token's role and its scope."""
        return Grant(self.role, self.resource)

    def valid(self, now: datetime) -> bool:
        """Return whether the token is valid at a time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A new token with its secret, which is not stored."""

    token: AdminToken
    secret: str = field(repr=False)


class AdminTokens:
    """The admin tokens of a database.

    Args:
        database: the database.
        vault: computes the keyed hashes.
        clock: the clock.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def create(
        self, name: str, role: Role, *, created_by: str, life: timedelta | None = LIFE, resource: UUID | None = None
    ) -> NewToken:
        """Create a token.

        Args:
            name: its owner or purpose; 1 to 100 printable characters.
            role: its role.
            created_by: name of the actor, for the audit log.
            life: validity; None for no expiry.
            resource: id of the resource to which it is limited; None for the whole server.

        Raises:
            TokenError: the name is not valid, or there is no such resource.
        """
        if not 1 <= len(name) <= _NAME_LENGTH or not name.isprintable():
            raise TokenError("a token needs a name of 1 to {most} printable characters", most=_NAME_LENGTH)
        secret = PREFIX + secrets.token_urlsafe(32)
        now = self._clock.now()
        token = AdminToken(uuid4(), name, role, now, created_by[:200], now + life if life else None, None, resource)
        with self._database.write(EVERY_RESOURCE) as session:
            owner = None if resource is None else session.get(ResourceRow, resource)
            if resource is not None and (owner is None or owner.deleted_at is not None):
                raise TokenError("there is no resource {resource}", resource=resource)
            session.add(
                AdminTokenRow(
                    id=token.id,
                    name=name,
                    role=role.value,
                    lookup=self._vault.keyed_hash(secret),
                    created_at=now,
                    created_by=token.created_by,
                    expires_at=token.expires_at,
                    revoked_at=None,
                    resource_id=resource,
                )
            )
        return NewToken(token, secret)

    def find(self, secret: str) -> AdminToken | None:
        """Return the valid token with a secret, or None. Reads the database, so that revocation is immediate."""
        if not secret.startswith(PREFIX):
            return None
        lookup = self._vault.keyed_hash(secret)
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.scalar(select(AdminTokenRow).where(AdminTokenRow.lookup == lookup))
        if row is None or not hmac.compare_digest(row.lookup, lookup):
            return None
        token = _token(row)
        return token if token.valid(self._clock.now()) else None

    def list(self) -> list[AdminToken]:
        """Return all tokens, including revoked and expired ones, oldest first."""
        with self._database.read(EVERY_RESOURCE) as session:
            return [_token(row) for row in session.scalars(select(AdminTokenRow).order_by(AdminTokenRow.created_at))]

    def any_valid(self) -> bool:
        """Return whether any token is valid."""
        now = self._clock.now()
        return any(token.valid(now) for token in self.list())

    def revoke(self, token_id: UUID) -> AdminToken:
        """Revoke a token; a revoked token is not changed.

        Raises:
            TokenError: there is no such token.
        """
        with self._database.write(EVERY_RESOURCE) as session:
            session.execute(
                update(AdminTokenRow)
                .where(AdminTokenRow.id == token_id, AdminTokenRow.revoked_at.is_(None))
                .values(revoked_at=self._clock.now())
            )
            row = session.get(AdminTokenRow, token_id)
            if row is None:
                raise TokenError("there is no admin token {token_id}", token_id=token_id)
            return _token(row)


def _token(row: AdminTokenRow) -> AdminToken:
    return AdminToken(
        row.id,
        row.name,
        Role(row.role),
        row.created_at,
        row.created_by,
        row.expires_at,
        row.revoked_at,
        row.resource_id,
    )
