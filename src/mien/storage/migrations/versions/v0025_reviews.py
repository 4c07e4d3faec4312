"""Review of matches: policies, cases, candidates, answers."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0025"
down_revision: str | None = "0024"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "review_cases",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reviewers", sa.Integer(), nullable=False),
        sa.Column("keep_days", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=True),
        sa.Column("filed_by", sa.String(length=200), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("chosen", sa.Integer(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("purpose", sa.LargeBinary(), nullable=True),
        sa.Column("input_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("probe", sa.LargeBinary(), nullable=True),
        sa.Column("probe_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_review_cases_collection",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_review_cases_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "case_id", name="pk_review_cases"),
    )
    op.create_index("ix_review_cases_probe_until", "review_cases", ["probe_until"])
    op.create_index("ix_review_cases_state", "review_cases", ["resource_id", "state", "filed_at"])

    op.create_table(
        "review_policies",
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("collection", sa.Uuid(), nullable=True),
        sa.Column("reviewers", sa.Integer(), nullable=False),
        sa.Column("identify", sa.Boolean(), nullable=False),
        sa.Column("keep_days", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=True),
        sa.Column("set_by", sa.String(length=200), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_review_policies_collection",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_review_policies_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "policy_id", name="pk_review_policies"),
    )
    op.create_index("ix_review_policies_collection", "review_policies", ["resource_id", "collection"])

    op.create_table(
        "review_answers",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("reviewer", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("chosen", sa.Integer(), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "case_id"],
            ["review_cases.resource_id", "review_cases.case_id"],
            name="fk_review_answers_case",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_review_answers_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "case_id", "reviewer", name="pk_review_answers"),
    )
    op.create_table(
        "review_candidates",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "case_id"],
            ["review_cases.resource_id", "review_cases.case_id"],
            name="fk_review_candidates_case",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection", "person_id"],
            ["persons.resource_id", "persons.collection", "persons.person_id"],
            name="fk_review_candidates_person",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_review_candidates_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "case_id", "number", name="pk_review_candidates"),
    )
    op.create_index("ix_review_candidates_person", "review_candidates", ["resource_id", "collection", "person_id"])
