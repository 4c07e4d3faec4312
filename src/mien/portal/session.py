"""Sessions: a signed cookie with the id, and a database row while the session is open."""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import delete

from mien.clock import Clock
from mien.management import AdminTokens, Role
from mien.management.login import Actor
from mien.management.roles import Grant
from mien.management.tokens import PREFIX
from mien.portal.signed import ValueSigner, unpack
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import PortalSessionRow

SESSION: Final = "mien.session"
"""Key of the session in the ASGI scope."""

UPLOAD_FRAME: Final = 64 * 1024
"""Maximum size of a form with a photo, besides the photo, in bytes."""

COOKIE: Final = "mien_session"
LIFE: Final = timedelta(hours=10)

_PURPOSE: Final = "portal session 2 "  # not translated: separates the signatures from other keyed hashes of the vault


@dataclass(frozen=True, slots=True)
class PortalSession:
    """A signed-in person.

    Attributes:
        id: id of the session.
        actor: the signed-in person and their permissions.
        until: time of expiry.
        token: id of the admin token used for sign-in; None for an issuer's token.
        at_issuer: whether the person signed in at the issuer, where they stay signed in after the session ends.
    """

    id: UUID
    actor: Actor
    until: datetime
    token: UUID | None
    at_issuer: bool = False


class PortalSessions:
    """The sessions in a database, shared by all its servers.

    Args:
        database: the database with the open sessions.
        vault: its key signs the cookies.
        tokens: the admin tokens, to check that a session's token is still valid.
        clock: the clock.
        life: maximum lifetime of a session.
    """

    def __init__(
        self, database: Database, vault: Vault, tokens: AdminTokens, clock: Clock, life: timedelta = LIFE
    ) -> None:
        self._database = database
        self._signer = ValueSigner(vault, _PURPOSE)
        self._tokens = tokens
        self._clock = clock
        self._life = life

    def begin(self, actor: Actor, secret: str | None) -> tuple[PortalSession, str]:
        """Start a session.

        Args:
            actor: the signed-in person.
            secret: the token used for sign-in, which may expire earlier; None for a sign-in at the issuer.

        Returns:
            The session, and the value of the cookie.
        """
        now = self._clock.now()
        token = self._tokens.find(secret) if secret and secret.startswith(PREFIX) else None
        ends = [now + self._life]
        if token is not None and token.expires_at is not None:
            ends.append(token.expires_at)
        if secret and token is None and (end := _end_of_jwt(secret)) is not None:
            ends.append(end)
        session = PortalSession(uuid4(), actor, min(ends), token.id if token else None, secret is None)
        with self._database.write(EVERY_RESOURCE) as writing:
            writing.execute(delete(PortalSessionRow).where(PortalSessionRow.until <= now))
            writing.add(PortalSessionRow(id=session.id, actor=actor.name[:200], until=session.until))
        content = {
            "id": str(session.id),
            "name": actor.name,
            "grants": [[one.role.value, one.resource and str(one.resource)] for one in actor.grants],
            "until": int(session.until.timestamp()),
            "token": str(session.token) if session.token else None,
            "at_issuer": session.at_issuer,
        }
        return session, self._signer.write(content)

    def read(self, cookie: str) -> PortalSession | None:
        """Return the session of a cookie; None if it is forged, expired or ended, or its token was revoked."""
        content = self._signer.read(cookie)
        if content is None:
            return None
        try:
            until = datetime.fromtimestamp(content["until"], UTC)
            token = UUID(content["token"]) if content["token"] else None
            grants = tuple(Grant(Role(role), UUID(place) if place else None) for role, place in content["grants"])
            session = PortalSession(
                UUID(content["id"]),
                Actor(content["name"], grants),
                until,
                token,
                content.get("at_issuer") is True,
            )
        except (ValueError, KeyError, TypeError):
            return None
        return session if grants and self.is_open(session) else None

    def end(self, session: PortalSession) -> None:
        """End a session on all servers."""
        with self._database.write(EVERY_RESOURCE) as writing:
            writing.execute(delete(PortalSessionRow).where(PortalSessionRow.id == session.id))

    def is_open(self, session: PortalSession) -> bool:
        """Return whether a session is open: not expired or ended, its token not revoked. Reads the database."""
        now = self._clock.now()
        if now >= session.until:
            return False
        with self._database.read(EVERY_RESOURCE) as reading:
            if reading.get(PortalSessionRow, session.id) is None:
                return False
        return session.token is None or any(
            one.id == session.token and (one.grant,) == session.actor.grants and one.valid(now)
            for one in self._tokens.list()
        )


def _end_of_jwt(token: str) -> datetime | None:
    """Return the expiry of a verified JSON Web Token."""
    try:
        return datetime.fromtimestamp(unpack(token.split(".")[1])["exp"], UTC)
    except (IndexError, ValueError, KeyError, TypeError, binascii.Error, OverflowError):
        return None
