"""Dynamic person groups, operations, v1.0 snapshots."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def _ordered() -> sa.types.TypeEngine[str]:
    return sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")


def _owner(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name=f"fk_{table}_resource_id", ondelete="CASCADE"),
    ]


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "dynamic_groups",
        sa.Column("group_id", _ordered(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("user_data", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Uuid(), nullable=False),
        *_owner("dynamic_groups"),
        sa.PrimaryKeyConstraint("resource_id", "group_id", name="pk_dynamic_groups"),
    )
    op.create_table(
        "dynamic_group_members",
        sa.Column("group_id", _ordered(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        *_owner("dynamic_group_members"),
        sa.ForeignKeyConstraint(
            ["resource_id", "group_id"],
            ["dynamic_groups.resource_id", "dynamic_groups.group_id"],
            name="fk_dynamic_group_members_group",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("resource_id", "group_id", "person_id", name="pk_dynamic_group_members"),
    )
    op.create_index(
        "ix_dynamic_group_members_person", "dynamic_group_members", ["resource_id", "person_id", "group_id"]
    )

    op.create_table(
        "operations",
        sa.Column("operation_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.String(length=1000), nullable=True),
        sa.Column("resource_location", sa.String(length=200), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        *_owner("operations"),
        sa.PrimaryKeyConstraint("resource_id", "operation_id", name="pk_operations"),
    )
    op.create_index("ix_operations_expires_at", "operations", ["expires_at"])

    op.create_table(
        "transfers",
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("apply_scope", sa.Text(), nullable=False),
        sa.Column("user_data", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        *_owner("transfers"),
        sa.PrimaryKeyConstraint("resource_id", "transfer_id", name="pk_transfers"),
    )
    op.create_index("ix_transfers_expires_at", "transfers", ["expires_at"])
    op.create_index("ix_transfers_id", "transfers", ["transfer_id"])
    op.create_table(
        "transfer_uses",
        sa.Column("use_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(length=8), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        *_owner("transfer_uses"),
        sa.PrimaryKeyConstraint("resource_id", "use_id", name="pk_transfer_uses"),
    )
    op.create_index("ix_transfer_uses_used_at", "transfer_uses", ["used_at"])
