"""Liveness sessions, their attempts and images, strikes, frames seen, and the keys that sign tokens."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def _owner(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name=f"fk_{table}_resource_id", ondelete="CASCADE"),
    ]


def _of_session(table: str) -> sa.schema.SchemaItem:
    return sa.ForeignKeyConstraint(
        ["resource_id", "session_id"],
        ["liveness_sessions.resource_id", "liveness_sessions.session_id"],
        name=f"fk_{table}_resource_id_session_id",
        ondelete="CASCADE",
    )


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "liveness_sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("with_verify", sa.Boolean(), nullable=False),
        sa.Column("attempts_allowed", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_owner("liveness_sessions"),
        sa.PrimaryKeyConstraint("resource_id", "session_id", name="pk_liveness_sessions"),
    )
    op.create_index("uq_liveness_sessions_token", "liveness_sessions", ["token_id"], unique=True)
    op.create_index("ix_liveness_sessions_expires_at", "liveness_sessions", ["expires_at"])
    op.create_table(
        "liveness_attempts",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("real", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_owner("liveness_attempts"),
        _of_session("liveness_attempts"),
        sa.PrimaryKeyConstraint("resource_id", "session_id", "attempt", name="pk_liveness_attempts"),
    )
    op.create_index("ix_liveness_attempts_deadline", "liveness_attempts", ["status", "deadline"])
    op.create_table(
        "liveness_images",
        sa.Column("image_id", sa.String(length=44), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_owner("liveness_images"),
        _of_session("liveness_images"),
        sa.PrimaryKeyConstraint("resource_id", "image_id", name="pk_liveness_images"),
    )
    op.create_table(
        "liveness_strikes",
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *_owner("liveness_strikes"),
        sa.PrimaryKeyConstraint("resource_id", "subject", "session_id", "attempt", name="pk_liveness_strikes"),
    )
    op.create_index("ix_liveness_strikes_at", "liveness_strikes", ["at"])
    op.create_table(
        "liveness_frames",
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *_owner("liveness_frames"),
        sa.PrimaryKeyConstraint("resource_id", "digest", "session_id", "attempt", name="pk_liveness_frames"),
    )
    op.create_index("ix_liveness_frames_at", "liveness_frames", ["at"])
    op.create_table(
        "liveness_settings",
        sa.Column("abuse_monitoring", sa.Boolean(), nullable=False),
        *_owner("liveness_settings"),
        sa.PrimaryKeyConstraint("resource_id", name="pk_liveness_settings"),
    )
    op.create_table(
        "liveness_signing_keys",
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_liveness_signing_keys"),
    )
