"""Creating, reading, listing and erasing sessions."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session as DatabaseSession

from mien.clock import Clock
from mien.liveness.errors import InvalidSessionStartError, SessionImageNotFoundError, SessionNotFoundError
from mien.liveness.records import (
    Attempt,
    AttemptResult,
    ClientRequest,
    Session,
    SessionOptions,
    SessionStatus,
    VerifyReference,
    pack_reference,
    unpack_options,
    unpack_outcome,
    unpack_reference,
)
from mien.liveness.tokens import Tokens
from mien.liveness.types import LivenessError
from mien.storage import Database, Vault
from mien.storage.retention import delete_expired
from mien.storage.tables import LivenessAttemptRow, LivenessImageRow, LivenessSessionRow, LivenessSettingsRow

KEPT_FOR: Final = timedelta(hours=48)
"""Lifetime of a session and all its data, from its creation on (contract, section 8)."""

_PURGE_ROWS: Final = 200
_LOST: Final = "The server that judged the attempt stopped before it came to an end."


ClientClaims = Callable[[UUID], Mapping[str, bool]]
"""Returns the claims about the policy for the tokens of a resource."""


def no_claims(resource_id: UUID) -> Mapping[str, bool]:
    """Return no claims."""
    del resource_id
    return {}


class Sessions:
    """The liveness sessions of all resources.

    Args:
        database: the database.
        vault: encrypts their data.
        clock: the clock.
        tokens: signs the tokens of clients.
        client_claims: returns the claims about the policy for the tokens of a resource.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        tokens: Tokens,
        client_claims: ClientClaims = no_claims,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._tokens = tokens
        self._client_claims = client_claims

    def create(self, resource_id: UUID, options: SessionOptions, reference: VerifyReference | None = None) -> Session:
        """Create a session; it is committed when this returns.

        Args:
            resource_id: id of the resource that owns it.
            options: the options of the session; the caller has checked them.
            reference: the face to compare with, or None.
        """
        now = self._clock.now()
        session_id, token_id = uuid4(), uuid4()
        token_expires_at = now + timedelta(seconds=options.token_seconds)
        claims = {
            "jti": str(token_id),
            "sid": str(session_id),
            "endpoint": options.endpoint,
            "route": options.route,
            "mode": options.mode.value,
            "nonce": secrets.token_urlsafe(24),
            "dcs": options.device_set_in_client,
            "ucs": options.user_set_in_client,
            **self._client_claims(resource_id),
        }
        token = self._tokens.issue(claims, token_expires_at)
        monitored = self.abuse_monitoring(resource_id)
        content = {
            "options": asdict(options),
            "token": token,
            "nonce": claims["nonce"],
            "reference": pack_reference(reference),
            "monitored": monitored,
        }
        row = LivenessSessionRow(
            resource_id=resource_id,
            session_id=session_id,
            token_id=token_id,
            with_verify=options.with_verify,
            attempts_allowed=options.attempts_allowed,
            created_at=now,
            token_expires_at=token_expires_at,
            expires_at=now + KEPT_FOR,
            started_at=None,
            sealed=self.seal(resource_id, session_what(session_id), content),
        )
        with self._database.write(resource_id) as session:
            session.add(row)
        return Session(str(session_id), options, token, now, token_expires_at, None, False, reference, monitored)

    def get(self, resource_id: UUID, session_id: str, *, with_verify: bool) -> Session:
        """Return a session with its attempts.

        Raises:
            SessionNotFoundError: there is none of that id and kind.
        """
        parsed = _parse(session_id)
        with self._database.read(resource_id) as session:
            row = None if parsed is None else self._live(session, parsed, with_verify)
            attempts = [] if row is None else self._attempt_rows(session, row.session_id)
        if row is None:
            raise SessionNotFoundError("there is no such session, or it is older than 48 hours")
        return self.session(row, attempts)

    def page(self, resource_id: UUID, *, with_verify: bool, start: str = "", top: int = 1000) -> list[Session]:
        """Return sessions without their attempts, by ascending id, after `start`.

        Raises:
            InvalidStartError: `start` is not a session id.
        """
        after = _parse(start) if start else None
        if start and after is None:
            raise InvalidSessionStartError("start is the id of the last session of the page before: a GUID")
        statement = (
            select(LivenessSessionRow)
            .where(LivenessSessionRow.with_verify == with_verify, LivenessSessionRow.expires_at > self._clock.now())
            .order_by(LivenessSessionRow.session_id)
            .limit(top)
        )
        if after is not None:
            statement = statement.where(LivenessSessionRow.session_id > after)
        with self._database.read(resource_id) as session:
            rows = session.scalars(statement).all()
        return [self.session(row, ()) for row in rows]

    def delete(self, resource_id: UUID, session_id: str, *, with_verify: bool) -> None:
        """Erase a session with its attempts and images; its token is refused from now on.

        Raises:
            SessionNotFoundError: there is none of that id and kind.
        """
        parsed = _parse(session_id)
        with self._database.write(resource_id) as session:
            row = None if parsed is None else self._live(session, parsed, with_verify)
            if row is None:
                raise SessionNotFoundError("there is no such session, or it is older than 48 hours")
            session.execute(delete(LivenessSessionRow).where(LivenessSessionRow.session_id == row.session_id))
        self._database.empty_log()

    def image(self, resource_id: UUID, image_id: str) -> bytes:
        """Return the kept image of an attempt, a JPEG.

        Raises:
            SessionImageNotFoundError: there is none with that id, or its session was deleted.
        """
        found = self.find(resource_id, image_id)
        if found is None:
            raise SessionImageNotFoundError("there is no such session image, or its session is older than 48 hours")
        return found

    def find(self, resource_id: UUID, session_image_id: str) -> bytes | None:
        """Return the stored image of an attempt, a JPEG, or None if there is none with that id."""
        if len(session_image_id) != 44:
            return None
        with self._database.read(resource_id) as session:
            row = session.execute(
                select(LivenessImageRow.sealed, LivenessSessionRow.expires_at)
                .join(LivenessSessionRow, LivenessSessionRow.session_id == LivenessImageRow.session_id)
                .where(LivenessImageRow.image_id == session_image_id)
            ).first()
        if row is None or self._clock.now() >= row.expires_at:
            return None
        return self._vault.open(row.sealed, resource_id=resource_id, what=image_what(session_image_id))

    def abuse_monitoring(self, resource_id: UUID) -> bool:
        """Return whether a resource's sessions report abuse; they do unless it was switched off."""
        with self._database.read(resource_id) as session:
            chosen = session.scalar(select(LivenessSettingsRow.abuse_monitoring))
        return True if chosen is None else chosen

    def set_abuse_monitoring(self, resource_id: UUID, *, enabled: bool) -> None:
        """Choose whether new sessions report abuse."""
        with self._database.write(resource_id) as session:
            session.merge(LivenessSettingsRow(resource_id=resource_id, abuse_monitoring=enabled))

    def purge(self) -> int:
        """Delete sessions that are older than 48 hours with their attempts and images; return how many."""
        row = LivenessSessionRow
        deleted = delete_expired(self._database, row.session_id, row.expires_at, self._clock.now(), _PURGE_ROWS)
        if deleted:
            self._database.empty_log()
        return deleted

    # What attempts share

    def session(self, row: LivenessSessionRow, attempts: Sequence[LivenessAttemptRow]) -> Session:
        """Return a session from its rows."""
        content = self.content(row)
        return Session(
            id=str(row.session_id),
            options=unpack_options(content["options"]),
            token=content["token"],
            created_at=row.created_at,
            token_expires_at=row.token_expires_at,
            started_at=row.started_at,
            expired=self._clock.now() >= row.token_expires_at,
            reference=unpack_reference(content["reference"]),
            abuse_monitoring=content["monitored"],
            attempts=tuple(self.attempt(entry) for entry in attempts),
        )

    def attempt(self, row: LivenessAttemptRow) -> Attempt:
        """Return an attempt from its row; one that was not finished in time has failed."""
        content = self.open(row.resource_id, attempt_what(row.session_id, row.attempt), row.sealed)
        status, outcome, finished = SessionStatus(row.status), unpack_outcome(content["outcome"]), row.finished_at
        if status is SessionStatus.RUNNING and self._clock.now() >= row.deadline:
            status, finished = SessionStatus.FAILED, row.deadline
        if status is SessionStatus.FAILED and outcome is None:
            outcome = AttemptResult(error_code=LivenessError.TIMED_OUT.value, error_message=_LOST)
        request = ClientRequest(**content["request"])
        return Attempt(row.attempt, status, row.request_id, row.started_at, finished, request, outcome)

    def content(self, row: LivenessSessionRow) -> dict[str, Any]:
        """Return the content of a session's row."""
        return self.open(row.resource_id, session_what(row.session_id), row.sealed)

    def seal(self, resource_id: UUID, what: str, content: Any) -> bytes:
        """Seal JSON."""
        plain = json.dumps(content, separators=(",", ":"), default=_plain).encode()
        return self._vault.seal(plain, resource_id=resource_id, what=what)

    def open(self, resource_id: UUID, what: str, sealed: bytes) -> dict[str, Any]:
        """Decrypt JSON."""
        opened: dict[str, Any] = json.loads(self._vault.open(sealed, resource_id=resource_id, what=what))
        return opened

    def _live(self, session: DatabaseSession, session_id: UUID, with_verify: bool) -> LivenessSessionRow | None:
        return session.scalar(
            select(LivenessSessionRow).where(
                LivenessSessionRow.session_id == session_id,
                LivenessSessionRow.with_verify == with_verify,
                LivenessSessionRow.expires_at > self._clock.now(),
            )
        )

    @staticmethod
    def _attempt_rows(session: DatabaseSession, session_id: UUID) -> Sequence[LivenessAttemptRow]:
        return session.scalars(
            select(LivenessAttemptRow)
            .where(LivenessAttemptRow.session_id == session_id)
            .order_by(LivenessAttemptRow.attempt.desc())
        ).all()


def session_what(session_id: UUID) -> str:
    """Return the name under which a session's content is encrypted."""
    return f"liveness_sessions/{session_id}"


def attempt_what(session_id: UUID, attempt: int) -> str:
    """Return the name under which an attempt's content is encrypted."""
    return f"liveness_attempts/{session_id}/{attempt}"


def image_what(image_id: str) -> str:
    """Return the name under which an image is encrypted."""
    return f"liveness_images/{image_id}"


def _plain(value: object) -> object:
    if isinstance(value, UUID | datetime):
        return str(value)
    raise TypeError(f"{type(value)} is not kept")


def _parse(session_id: str) -> UUID | None:
    try:
        parsed = UUID(session_id)
    except ValueError:
        return None
    return parsed if str(parsed) == session_id.lower() else None
