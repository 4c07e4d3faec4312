"""When persons and faces were enrolled and seen; consents, erasures, receipts, rules of retention."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from mien.storage.base import UtcDateTime

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def _owner(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name=f"fk_{table}_resource_id", ondelete="CASCADE"),
    ]


def upgrade() -> None:
    """Apply."""
    for table in ("persons", "persisted_faces"):
        op.add_column(table, sa.Column("created_at", sa.DateTime(timezone=True), nullable=True))
        op.add_column(table, sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
        # What is older is taken to be of today: rules of retention must not delete it before its time.
        enrolled = sa.table(table, sa.column("created_at", UtcDateTime()))
        op.execute(sa.update(enrolled).values(created_at=datetime.now(UTC)))
    op.create_table(
        "consents",
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("face_id", sa.Uuid(), nullable=True),
        sa.Column("given_by", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.LargeBinary(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        *_owner("consents"),
        sa.CheckConstraint("(person_id IS NULL) <> (face_id IS NULL)", name="ck_consents_whose"),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection", "person_id"],
            ["persons.resource_id", "persons.collection", "persons.person_id"],
            name="fk_consents_person",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection", "face_id"],
            ["persisted_faces.resource_id", "persisted_faces.collection", "persisted_faces.face_id"],
            name="fk_consents_face",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("resource_id", "consent_id", name="pk_consents"),
    )
    op.create_index("ix_consents_person", "consents", ["resource_id", "collection", "person_id"])
    op.create_index("ix_consents_face", "consents", ["resource_id", "collection", "face_id"])
    op.create_table(
        "erasures",
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("progress", sa.Text(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        *_owner("erasures"),
        sa.PrimaryKeyConstraint("resource_id", "erasure_id", name="pk_erasures"),
    )
    op.create_index("ix_erasures_finished_at", "erasures", ["finished_at"])
    op.create_table(
        "receipt_keys",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_receipt_keys"),
    )
    op.create_table(
        "retention_rules",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("collection", sa.Uuid(), nullable=True),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *_owner("retention_rules"),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_retention_rules_collection",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("resource_id", "rule_id", name="pk_retention_rules"),
    )
