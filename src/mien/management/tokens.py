"""Admin tokens: made, shown once, kept as keyed hashes, revoked."""

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
"""Prefix of every admin token, so that secret scanners (and our log) recognise it."""

LIFE: Final = timedelta(days=90)
"""How long a token is valid unless its creator says otherwise."""

_NAME_LENGTH: Final = 100


class TokenError(MessageError):
    """A token cannot be made, or is not there; the message is for the administrator."""


@dataclass(frozen=True, slots=True)
class AdminToken:
    """A token's metadata, without the token itself.

    Attributes:
        id: names it, for revoking.
        name: its owner or purpose.
        role: its role.
        created_at: time of its creation.
        created_by: name of the creator.
        expires_at: from when on it is refused; None for never.
        revoked_at: time of revocation; None if it was not revoked.
        resource: id of the only resource that it is for; None for the whole server.
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
        """The token's role and where it holds."""
        return Grant(self.role, self.resource)

    def valid(self, now: datetime) -> bool:
        """Whether it opens anything at a moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made; the only time that its secret is known."""

    token: AdminToken
    secret: str = field(repr=False)


class AdminTokens:
    """The admin tokens of a database.

    Args:
        database: the database.
        vault: makes the keyed hashes.
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
            life: how long it is valid; None for no expiry.
            resource: id of the only resource that it is for; None for the whole server.

        Raises:
            TokenError: the name is none, or there is no such resource.
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
        """Return the valid token that a secret is, or None. Asks the database, so that revoking works at once."""
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
        """Return all tokens, revoked and expired ones too, oldest first."""
        with self._database.read(EVERY_RESOURCE) as session:
            return [_token(row) for row in session.scalars(select(AdminTokenRow).order_by(AdminTokenRow.created_at))]

    def any_valid(self) -> bool:
        """Whether somebody can log in with a token."""
        now = self._clock.now()
        return any(token.valid(now) for token in self.list())

    def revoke(self, token_id: UUID) -> AdminToken:
        """Refuse a token from now on; a token that is revoked already stays as it is.

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
