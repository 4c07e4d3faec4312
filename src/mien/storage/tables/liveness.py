"""Liveness sessions: their options, attempts and images, and the records against abuse."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base, Owned


def _of_session() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["resource_id", "session_id"],
        ["liveness_sessions.resource_id", "liveness_sessions.session_id"],
        ondelete="CASCADE",
    )


class LivenessSessionRow(Owned, Base):
    """A session. `sealed` contains its encrypted options, token and the template of its verify image."""

    __tablename__ = "liveness_sessions"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "session_id"),
        Index("uq_liveness_sessions_token", "token_id", unique=True),
        Index("ix_liveness_sessions_expires_at", "expires_at"),
    )

    session_id: Mapped[UUID]
    token_id: Mapped[UUID]
    with_verify: Mapped[bool]
    attempts_allowed: Mapped[int]
    created_at: Mapped[datetime]
    token_expires_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class LivenessAttemptRow(Owned, Base):
    """An attempt; if it still runs at its `deadline`, its server was lost. `sealed` contains its encrypted results."""

    __tablename__ = "liveness_attempts"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "session_id", "attempt"),
        _of_session(),
        Index("ix_liveness_attempts_deadline", "status", "deadline"),
    )

    session_id: Mapped[UUID]
    attempt: Mapped[int] = mapped_column(autoincrement=False)
    request_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(String(12))
    real: Mapped[bool]
    started_at: Mapped[datetime]
    deadline: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class LivenessImageRow(Owned, Base):
    """The encrypted session image of an attempt."""

    __tablename__ = "liveness_images"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "image_id"), _of_session())

    image_id: Mapped[str] = mapped_column(String(44))
    session_id: Mapped[UUID]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class LivenessStrikeRow(Owned, Base):
    """A failed attempt, recorded for a device, a user or an address (a keyed hash); it outlives its session."""

    __tablename__ = "liveness_strikes"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "subject", "session_id", "attempt"),
        Index("ix_liveness_strikes_at", "at"),
    )

    subject: Mapped[bytes] = mapped_column(LargeBinary(32))
    session_id: Mapped[UUID]
    attempt: Mapped[int] = mapped_column(autoincrement=False)
    at: Mapped[datetime]


class LivenessFrameRow(Owned, Base):
    """A keyed hash of a frame that was judged, by which a video that is shown again is known; outlives its session."""

    __tablename__ = "liveness_frames"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "digest", "session_id", "attempt"),
        Index("ix_liveness_frames_at", "at"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary(16))
    session_id: Mapped[UUID]
    attempt: Mapped[int] = mapped_column(autoincrement=False)
    at: Mapped[datetime]


class LivenessSettingsRow(Owned, Base):
    """A resource's settings for its liveness sessions."""

    __tablename__ = "liveness_settings"
    __table_args__ = (PrimaryKeyConstraint("resource_id"),)

    abuse_monitoring: Mapped[bool]


class SigningKeyRow(Base):
    """A key that signs session tokens, for all servers on this database; `sealed` is its encrypted private half."""

    __tablename__ = "liveness_signing_keys"

    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    created_at: Mapped[datetime]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
