"""Whether a resource's people may ask for liveness detection without flashing colours."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    column = sa.Column("without_flashes", sa.String(16), server_default="server", nullable=False)
    op.add_column("resources", column)
