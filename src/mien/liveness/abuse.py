"""Protection against guessing: waiting times that double with every failure, and detection of repeated frames.

Devices, users and addresses are stored as keyed hashes only. These records outlive their session: otherwise an attacker
could start over by deleting the session.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session as DatabaseSession

from mien.clock import Clock
from mien.liveness.errors import LockedOutError
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import LivenessFrameRow, LivenessStrikeRow

WINDOW: Final = timedelta(hours=24)
"""How long a failed attempt counts against a device, a user or an address."""

FIRST_WAIT: Final = 15.0
"""Seconds to wait after the first failure beyond the free ones; every further one doubles it."""

ADDRESS_FACTOR: Final = 10
"""An address may fail this many times more often than a device: many people share one."""

SAMPLE: Final = 12
"""Frames of an attempt that are remembered: those of the smallest hashes, so that two showings of a video sample the
same ones (min-wise sampling, Broder 1997)."""

REPEATED: Final = 3
"""Number of frames in common with an earlier attempt that count as a replay. Because of a camera's noise, no two live
frames are equal byte for byte; frames of a covered camera may be."""


@dataclass(frozen=True, slots=True)
class AbusePolicy:
    """The operator's settings.

    Attributes:
        free_failures: failures of a device within a day before it has to wait; ten times as many for an address.
        longest_wait: seconds; the wait does not double beyond it. 0 switches waiting off.
        frame_days: how long frames are remembered.
    """

    free_failures: int = 3
    longest_wait: float = 3600.0
    frame_days: float = 30.0


@dataclass(frozen=True, slots=True)
class Subject:
    """The devices, users and addresses that failures count against.

    Attributes:
        digest: keyed hash.
        factor: how many times more often than a device it may fail.
    """

    digest: bytes
    factor: int = 1


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier attempt that is related to this one."""

    session_id: UUID
    attempt: int


class AbuseWatch:
    """Failures and frames of the attempts of all resources.

    Args:
        database: the database.
        vault: computes the keyed hashes.
        clock: the clock.
        policy: the operator's policy against abuse.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, policy: AbusePolicy) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self.policy = policy

    def subjects(self, *, device: str | None, user: str | None, address: str) -> tuple[Subject, ...]:
        """Return the device, user and address that the failures of an attempt count against."""
        found = []
        if device:
            found.append(Subject(self._vault.keyed_hash(f"liveness device/{device}")))
        if user:
            found.append(Subject(self._vault.keyed_hash(f"liveness user/{user}")))
        if address:
            found.append(Subject(self._vault.keyed_hash(f"liveness address/{address}"), ADDRESS_FACTOR))
        return tuple(found)

    def check(self, session: DatabaseSession, subjects: Iterable[Subject]) -> None:
        """Refuse devices, users and addresses that have failed too often.

        Raises:
            LockedOutError: the wait after their last failure is not over.
        """
        if self.policy.longest_wait <= 0:
            return
        now = self._clock.now()
        for subject in subjects:
            times = self._times(session, subject)
            wait = self._wait(len(times), subject)
            if wait and (left := (times[0] + timedelta(seconds=wait) - now).total_seconds()) > 0:
                raise LockedOutError(math.ceil(left))

    def strike(
        self, session: DatabaseSession, resource_id: UUID, session_id: UUID, attempt: int, subjects: Iterable[Subject]
    ) -> None:
        """Record a failed attempt for its subjects."""
        now = self._clock.now()
        session.add_all(
            LivenessStrikeRow(
                resource_id=resource_id, subject=subject.digest, session_id=session_id, attempt=attempt, at=now
            )
            for subject in subjects
        )

    def clear(self, session: DatabaseSession, subjects: Iterable[Subject]) -> None:
        """Forget the failures of a device or user after a success; an address keeps its own."""
        own = [subject.digest for subject in subjects if subject.factor == 1]
        session.execute(delete(LivenessStrikeRow).where(LivenessStrikeRow.subject.in_(own)))

    def suspects(self, session: DatabaseSession, subjects: Iterable[Subject]) -> list[Earlier]:
        """Return the earlier failures of subjects that have no free failures left and fail again; newest first."""
        found: dict[Earlier, None] = {}
        for subject in subjects:
            rows = session.execute(
                select(LivenessStrikeRow.session_id, LivenessStrikeRow.attempt)
                .where(*self._recent(subject))
                .order_by(LivenessStrikeRow.at.desc())
            ).all()
            if len(rows) >= self.policy.free_failures * subject.factor:
                found |= dict.fromkeys(Earlier(row.session_id, row.attempt) for row in rows)
        return list(found)

    def digests(self, images: Iterable[bytes]) -> list[bytes]:
        """Return the keyed hashes by which an attempt's frames are remembered: a sample of at most `SAMPLE`.

        Args:
            images: SHA-256 of each JPEG.
        """
        distinct = {self._vault.keyed_hash(f"liveness frame/{image.hex()}")[:16] for image in images}
        return heapq.nsmallest(SAMPLE, distinct)

    def seen(self, session: DatabaseSession, digests: Sequence[bytes]) -> list[Earlier]:
        """Return the earlier attempts that showed the same frames."""
        rows = session.execute(
            select(LivenessFrameRow.session_id, LivenessFrameRow.attempt).where(LivenessFrameRow.digest.in_(digests))
        ).all()
        shared: dict[Earlier, int] = {}
        for row in rows:
            earlier = Earlier(row.session_id, row.attempt)
            shared[earlier] = shared.get(earlier, 0) + 1
        enough = min(REPEATED, len(digests))
        return [earlier for earlier, count in shared.items() if count >= enough]

    def remember(
        self, session: DatabaseSession, resource_id: UUID, session_id: UUID, attempt: int, digests: Iterable[bytes]
    ) -> None:
        """Remember the frames of an attempt."""
        now = self._clock.now()
        session.add_all(
            LivenessFrameRow(resource_id=resource_id, digest=digest, session_id=session_id, attempt=attempt, at=now)
            for digest in digests
        )

    def purge(self) -> int:
        """Delete notes that are too old to count; return how many rows."""
        now = self._clock.now()
        old_frames = now - timedelta(days=self.policy.frame_days)
        with self._database.write(EVERY_RESOURCE) as session:
            strikes = session.execute(
                delete(LivenessStrikeRow).where(LivenessStrikeRow.at <= now - WINDOW).returning(LivenessStrikeRow.at)
            ).all()
            frames = session.execute(
                delete(LivenessFrameRow).where(LivenessFrameRow.at <= old_frames).returning(LivenessFrameRow.at)
            ).all()
        return len(strikes) + len(frames)

    def _recent(self, subject: Subject) -> tuple[ColumnElement[bool], ...]:
        since = self._clock.now() - WINDOW
        return LivenessStrikeRow.subject == subject.digest, LivenessStrikeRow.at > since

    def _times(self, session: DatabaseSession, subject: Subject) -> Sequence[datetime]:
        """Return when a subject failed, newest first."""
        statement = select(LivenessStrikeRow.at).where(*self._recent(subject)).order_by(LivenessStrikeRow.at.desc())
        return session.scalars(statement).all()

    def _wait(self, failures: int, subject: Subject) -> float:
        beyond = failures - self.policy.free_failures * subject.factor
        if beyond <= 0:
            return 0.0
        doublings = min((beyond - 1) // subject.factor, 40)
        return min(math.ldexp(FIRST_WAIT, doublings), self.policy.longest_wait)
