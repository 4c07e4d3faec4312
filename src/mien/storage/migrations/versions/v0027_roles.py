"""Tokens for one resource, and approvals that nobody but the requester looked at."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0027"
down_revision: str | None = "0026"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("admin_tokens", sa.Column("resource_id", sa.Uuid(), nullable=True))
    op.add_column("access_requests", sa.Column("by_requester", sa.Boolean(), server_default=sa.false(), nullable=False))
