"""What resources may be set to, requests for limited access, and a count of the changes of both."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    for column in (
        sa.Column("tags", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("state", sa.String(16), nullable=False, server_default="Succeeded"),
        sa.Column("public_network_access", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("default_action", sa.String(8), nullable=False, server_default="Allow"),
        sa.Column("ip_rules", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("local_auth", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("request_log", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("terms", sa.Text(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("resources", column)
    op.create_table(
        "access_requests",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("features", sa.String(200), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("use_case", sa.Text(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_access_requests_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "request_id", name="pk_access_requests"),
    )
    op.create_index("ix_access_requests_request_id", "access_requests", ["request_id"], unique=True)
    op.create_index("ix_access_requests_state", "access_requests", ["state"])
    version = op.create_table(
        "accounts_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts_version"),
    )
    op.bulk_insert(version, [{"id": 1, "version": 1}])
