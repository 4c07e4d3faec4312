"""Dossiers: signed drafts of the papers that an operator owes."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0028"
down_revision: str | None = "0027"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "dossiers",
        sa.Column("dossier_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name="fk_dossiers_resource_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("resource_id", "dossier_id", name="pk_dossiers"),
    )
    op.create_index("ix_dossiers_created_at", "dossiers", ["resource_id", "created_at"])
