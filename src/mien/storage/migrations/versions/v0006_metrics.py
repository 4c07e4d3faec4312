"""Metrics by the minute."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_COUNTS = ("calls", "blocked", "data_in", "data_out", "transactions", "trained", "latency_sum", "latency_max")
_BUCKETS = tuple(f"b{number:02}" for number in range(17))


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "metric_calls",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("operation", sa.String(length=80), nullable=False),
        sa.Column("status", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in (*_COUNTS, *_BUCKETS)),
        sa.PrimaryKeyConstraint("resource_id", "minute", "operation", "status", "code", name="pk_metric_calls"),
    )
    op.create_index("ix_metric_calls_minute", "metric_calls", ["minute"])
    op.create_table(
        "metric_gauges",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("resource_id", "minute", "name", name="pk_metric_gauges"),
    )
    op.create_index("ix_metric_gauges_minute", "metric_gauges", ["minute"])
