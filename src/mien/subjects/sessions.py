"""The liveness sessions of a person: found by id, by user correlation id, or by the reference face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session as DatabaseSession

from mien.liveness.errors import SessionNotFoundError
from mien.liveness.records import Session
from mien.liveness.sessions import Sessions
from mien.storage import Database, Vault
from mien.storage.tables import (
    LivenessFrameRow,
    LivenessImageRow,
    LivenessSessionRow,
    LivenessStrikeRow,
)
from mien.subjects.likeness import Likeness, Probe
from mien.subjects.types import Certainty, HeldSession, Whom

_AT_ONCE = 500


class HeldSessions:
    """Finds, returns and erases liveness sessions.

    Args:
        sessions: the sessions of all resources.
        database: the database.
        vault: computes the keyed hash of a user.
    """

    def __init__(self, sessions: Sessions, database: Database, vault: Vault) -> None:
        self._sessions = sessions
        self._database = database
        self._vault = vault

    def find(self, resource_id: UUID, whom: Whom, probe: Probe | None) -> list[HeldSession]:
        """Return the sessions of a person, ordered by time."""
        if not (whom.ids or whom.users or probe):
            return []
        by_client = self._named_by_client(resource_id, whom.users)
        found: list[tuple[HeldSession, Likeness | None]] = []
        for session in self._all(resource_id):
            made = session.reference.embedding if session.reference else None
            likeness = probe.compare(made.fingerprint, made.vector) if probe and made else None
            user = session.options.user_correlation_id
            named = UUID(session.id) in whom.ids | by_client or user in whom.users
            if named or likeness is not None:
                found.append(
                    (self._held(resource_id, session, Certainty.NAMED if named else Certainty.POSSIBLE), likeness)
                )
        judged = [self._judged(held, likeness, probe) for held, likeness in found]
        return sorted(judged, key=lambda one: (one.created_at, one.session_id))

    def whole(self, resource_id: UUID, held: HeldSession) -> tuple[Session, dict[str, bytes]] | None:
        """Return a session with its attempts, and its images by their ids; None if it was deleted."""
        try:
            session = self._sessions.get(resource_id, held.session_id, with_verify=held.with_verify)
        except SessionNotFoundError:
            return None
        ids = [entry.outcome.image_id for entry in session.attempts if entry.outcome and entry.outcome.image_id]
        images = {image_id: self._sessions.find(resource_id, image_id) for image_id in ids}
        return session, {image_id: image for image_id, image in images.items() if image is not None}

    def users_digest(self, user: str) -> bytes:
        """Return the keyed hash under which failed attempts of a user are stored."""
        return self._vault.keyed_hash(f"liveness user/{user}")

    @staticmethod
    def erase(session: DatabaseSession, ids: Sequence[UUID], users: Sequence[bytes]) -> tuple[list[UUID], int]:
        """Delete sessions with their attempts, images and stored frames, and the failed attempts of users.

        Returns:
            The ids of existing sessions, and their number of images.
        """
        gone: list[UUID] = []
        images = 0
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            for table in (LivenessFrameRow, LivenessStrikeRow):
                session.execute(delete(table).where(table.session_id.in_(some)))
            of_some = delete(LivenessImageRow).where(LivenessImageRow.session_id.in_(some))
            images += len(session.scalars(of_some.returning(LivenessImageRow.image_id)).all())
            query = delete(LivenessSessionRow).where(LivenessSessionRow.session_id.in_(some))
            gone += session.scalars(query.returning(LivenessSessionRow.session_id))
        if users:
            session.execute(delete(LivenessStrikeRow).where(LivenessStrikeRow.subject.in_(users)))
        return gone, images

    def _all(self, resource_id: UUID) -> Iterator[Session]:
        for with_verify in (False, True):
            start = ""
            while page := self._sessions.page(resource_id, with_verify=with_verify, start=start, top=_AT_ONCE):
                yield from (replace(one, options=replace(one.options, with_verify=with_verify)) for one in page)
                start = page[-1].id

    def _named_by_client(self, resource_id: UUID, users: Iterable[str]) -> set[UUID]:
        """Return sessions whose client sent the user's id, which only failed attempts record (as a keyed hash)."""
        digests = [self.users_digest(user) for user in users]
        if not digests:
            return set()
        with self._database.read(resource_id) as session:
            query = select(LivenessStrikeRow.session_id).where(LivenessStrikeRow.subject.in_(digests))
            return set(session.scalars(query))

    def _held(self, resource_id: UUID, session: Session, match: Certainty) -> HeldSession:
        with_verify = session.options.with_verify
        held = HeldSession(
            session.id, with_verify, session.options.user_correlation_id, session.created_at, 0, 0, match, None
        )
        whole = self.whole(resource_id, held)
        return held if whole is None else replace(held, attempts=len(whole[0].attempts), images=len(whole[1]))

    @staticmethod
    def _judged(held: HeldSession, likeness: Likeness | None, probe: Probe | None) -> HeldSession:
        if likeness is None or probe is None:
            return held
        match, sure = probe.judge(likeness)
        return replace(held, match=held.match if held.match is Certainty.NAMED else match, confidence=sure)
