"""Templates of other recognisers, and migrations of collections between recognisers."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def _owner(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name=f"fk_{table}_resource_id", ondelete="CASCADE"),
    ]


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "other_templates",
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("face_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_owner("other_templates"),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection", "face_id"],
            ["persisted_faces.resource_id", "persisted_faces.collection", "persisted_faces.face_id"],
            name="fk_other_templates_face",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("resource_id", "collection", "face_id", "fingerprint", name="pk_other_templates"),
    )
    op.create_table(
        "model_migrations",
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("from_model", sa.String(length=32), nullable=False),
        sa.Column("from_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("to_model", sa.String(length=32), nullable=False),
        sa.Column("to_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("switched_at", sa.DateTime(timezone=True), nullable=True),
        *_owner("model_migrations"),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_model_migrations_collection",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("resource_id", "collection", name="pk_model_migrations"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("model_migrations")
    op.drop_table("other_templates")
