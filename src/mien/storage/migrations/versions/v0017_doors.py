"""Cameras, doors, rules, visitors, badges, holidays, kiosks, events of doors, and who is inside."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "cameras",
        sa.Column("camera_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name="fk_cameras_resource_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("resource_id", "camera_id", name="pk_cameras"),
    )
    op.create_index("ix_cameras_resource_id_name", "cameras", ["resource_id", "name"], unique=True)

    op.create_table(
        "door_acceptances",
        sa.Column("acceptance_id", sa.Uuid(), nullable=False),
        sa.Column("kiosk_id", sa.Uuid(), nullable=False),
        sa.Column("notice", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("collection", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_door_acceptances_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "acceptance_id", name="pk_door_acceptances"),
    )
    op.create_index("ix_door_acceptances_at", "door_acceptances", ["at"], unique=False)
    op.create_index(
        "ix_door_acceptances_resource_id_person_id", "door_acceptances", ["resource_id", "person_id"], unique=False
    )

    op.create_table(
        "door_events",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("duress", sa.Boolean(), nullable=False),
        sa.Column("door_id", sa.Uuid(), nullable=True),
        sa.Column("camera", sa.String(length=64), nullable=True),
        sa.Column("track", sa.String(length=64), nullable=True),
        sa.Column("direction", sa.String(length=5), nullable=True),
        sa.Column("rule_id", sa.Uuid(), nullable=True),
        sa.Column("collection", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("act", sa.String(length=8), nullable=True),
        sa.Column("acted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("act_note", sa.String(length=300), nullable=True),
        sa.Column("picture", sa.LargeBinary(), nullable=True),
        sa.Column("picture_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review", sa.String(length=20), nullable=True),
        sa.Column("reviewed_by", sa.String(length=200), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_door_events_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "number", name="pk_door_events"),
    )
    op.create_index("ix_door_events_act_expires_at", "door_events", ["act", "expires_at"], unique=False)
    op.create_index("ix_door_events_event_id", "door_events", ["event_id"], unique=True)
    op.create_index("ix_door_events_picture_until", "door_events", ["picture_until"], unique=False)
    op.create_index(
        "ix_door_events_resource_id_door_id_at", "door_events", ["resource_id", "door_id", "at"], unique=False
    )
    op.create_index(
        "ix_door_events_resource_id_person_id_at", "door_events", ["resource_id", "person_id", "at"], unique=False
    )

    op.create_table(
        "door_holidays",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_door_holidays_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "day", name="pk_door_holidays"),
    )
    op.create_table(
        "door_kiosks",
        sa.Column("kiosk_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_door_kiosks_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "kiosk_id", name="pk_door_kiosks"),
    )
    op.create_index("ix_door_kiosks_digest", "door_kiosks", ["digest"], unique=True)
    op.create_index("ix_door_kiosks_resource_id_name", "door_kiosks", ["resource_id", "name"], unique=True)

    op.create_table(
        "door_rules",
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_door_rules_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "rule_id", name="pk_door_rules"),
    )
    op.create_table(
        "doors",
        sa.Column("door_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("actuator", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name="fk_doors_resource_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("resource_id", "door_id", name="pk_doors"),
    )
    op.create_index("ix_doors_resource_id_name", "doors", ["resource_id", "name"], unique=True)

    op.create_table(
        "door_badges",
        sa.Column("badge_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("duress", sa.Boolean(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection", "person_id"],
            ["persons.resource_id", "persons.collection", "persons.person_id"],
            name="fk_door_badges_person",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_door_badges_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "badge_id", name="pk_door_badges"),
    )
    op.create_index("ix_door_badges_person", "door_badges", ["resource_id", "collection", "person_id"], unique=False)
    op.create_index("ix_door_badges_resource_id_digest", "door_badges", ["resource_id", "digest"], unique=True)

    op.create_table(
        "door_presence",
        sa.Column("area", sa.String(length=64), nullable=False),
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection", "person_id"],
            ["persons.resource_id", "persons.collection", "persons.person_id"],
            name="fk_door_presence_person",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_door_presence_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "area", "collection", "person_id", name="pk_door_presence"),
    )
    op.create_index(
        "ix_door_presence_person", "door_presence", ["resource_id", "collection", "person_id"], unique=False
    )

    op.create_table(
        "door_visitors",
        sa.Column("visitor_id", sa.Uuid(), nullable=False),
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection", "person_id"],
            ["persons.resource_id", "persons.collection", "persons.person_id"],
            name="fk_door_visitors_person",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_door_visitors_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "visitor_id", name="pk_door_visitors"),
    )
    op.create_index(
        "ix_door_visitors_person", "door_visitors", ["resource_id", "collection", "person_id"], unique=False
    )
