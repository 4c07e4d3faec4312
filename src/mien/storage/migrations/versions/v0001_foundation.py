"""Resources and their keys, data keys, short-lived face ids."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "resources",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("location", sa.String(64), nullable=False),
        sa.Column("sku", sa.String(8), nullable=False),
        sa.Column("custom_subdomain", sa.String(64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_resources"),
        sa.UniqueConstraint("name", name="uq_resources_name"),
        sa.UniqueConstraint("custom_subdomain", name="uq_resources_custom_subdomain"),
    )
    op.create_table(
        "keys",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lookup", sa.LargeBinary(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("slot IN (1, 2)", name=op.f("ck_keys_slot")),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name="fk_keys_resource_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("resource_id", "slot", name="pk_keys"),
        sa.UniqueConstraint("lookup", name="uq_keys_lookup"),
    )
    op.create_table(
        "data_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=True),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("master", sa.String(16), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name="fk_data_keys_resource_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_data_keys"),
    )
    op.create_index("ix_data_keys_resource_id", "data_keys", ["resource_id"])
    op.create_table(
        "detected_faces",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("face_id", sa.Uuid(), nullable=False),
        sa.Column("recognition_model", sa.String(32), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_detected_faces_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "face_id", name="pk_detected_faces"),
    )
    op.create_index("ix_detected_faces_expires_at", "detected_faces", ["expires_at"])
