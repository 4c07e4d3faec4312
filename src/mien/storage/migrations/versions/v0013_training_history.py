"""Results of trainings; suspicions of duplicates that somebody dismissed."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "training_runs",
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Boolean(), nullable=False),
        sa.Column("message", sa.String(length=1000), nullable=True),
        sa.Column("persons", sa.BigInteger(), nullable=True),
        sa.Column("faces", sa.BigInteger(), nullable=True),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_training_runs_resource_id_collection",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_training_runs_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "collection", "number", name="pk_training_runs"),
    )
    op.add_column("duplicates", sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True))
