"""Sessions: a signed cookie that names one, and a row that says that it goes on, for a working day at most."""

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
"""Key of the session in the ASGI scope of a page's request."""

UPLOAD_FRAME: Final = 64 * 1024
"""How much longer than a photo a form with it may be, in bytes."""

COOKIE: Final = "mien_session"
LIFE: Final = timedelta(hours=10)

_PURPOSE: Final = (
    "portal session 2 "  # not translated: so that no other keyed hash of the vault is a session's signature
)


@dataclass(frozen=True, slots=True)
class PortalSession:
    """A signed-in person.

    Attributes:
        id: id of the session.
        actor: the signed-in person and their permissions.
        until: time when they must sign in again.
        token: id of the admin token that they signed in with; None for one of another issuer.
        at_issuer: whether they signed in at the issuer itself, where they are still known when the session is over.
    """

    id: UUID
    actor: Actor
    until: datetime
    token: UUID | None
    at_issuer: bool = False


class PortalSessions:
    """Begins, reads and ends sessions, which every server of a database knows.

    Args:
        database: the database with the open sessions.
        vault: its secret signs.
        tokens: tell whether a session's token was revoked.
        clock: the clock.
        life: how long a session is at most.
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
            secret: the token that they did so with; None when they did so at the issuer, whose id token says who came,
                not for how long.

        Returns:
            The session, and the cookie's value.
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
        """Return the session of a cookie; None if it is forged, over, ended or its token revoked."""
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
        """End a session: its cookie opens nothing from now on, on no server."""
        with self._database.write(EVERY_RESOURCE) as writing:
            writing.execute(delete(PortalSessionRow).where(PortalSessionRow.id == session.id))

    def is_open(self, session: PortalSession) -> bool:
        """Whether a session goes on: not over, not ended, its token not revoked. Asks the database."""
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
    """Expiry of a JSON web token that was already verified."""
    try:
        return datetime.fromtimestamp(unpack(token.split(".")[1])["exp"], UTC)
    except (IndexError, ValueError, KeyError, TypeError, binascii.Error, OverflowError):
        return None
