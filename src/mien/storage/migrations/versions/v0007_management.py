"""Admin tokens, terms that were accepted for subscriptions, and where ARM files resources."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "admin_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("lookup", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_admin_tokens"),
        sa.UniqueConstraint("lookup", name="uq_admin_tokens_lookup"),
    )
    op.create_table(
        "subscription_terms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription", sa.String(100), nullable=False),
        sa.Column("accepted_by", sa.String(200), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscription_terms"),
    )
    op.create_index("ix_subscription_terms_subscription", "subscription_terms", ["subscription"])
    op.create_table(
        "arm_accounts",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("subscription", sa.String(100), nullable=False),
        sa.Column("resource_group", sa.String(90), nullable=False),
        sa.Column("echo", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("changed_by", sa.String(200), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_arm_accounts_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", name="pk_arm_accounts"),
    )
