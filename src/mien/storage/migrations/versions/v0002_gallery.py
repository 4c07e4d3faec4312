"""Collections, persons, enrolled faces and their training."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def _ordered() -> sa.types.TypeEngine[str]:
    return sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "collections",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("collection_id", _ordered(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("user_data", sa.LargeBinary(), nullable=True),
        sa.Column("recognition_model", sa.String(length=32), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("policy", sa.String(length=2000), nullable=True),
        sa.Column("persons", sa.BigInteger(), nullable=False),
        sa.Column("faces", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("trained_revision", sa.BigInteger(), nullable=False),
        sa.Column("snapshot", sa.String(length=64), nullable=True),
        sa.Column("snapshot_key", sa.LargeBinary(), nullable=False),
        sa.Column("training_status", sa.String(length=12), nullable=True),
        sa.Column("training_created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("training_action_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("training_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("training_message", sa.String(length=1000), nullable=True),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_collections_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "kind", "collection_id", name="pk_collections"),
    )
    op.create_index("ix_collections_training_status", "collections", ["training_status"])
    op.create_index("uq_collections_uid", "collections", ["resource_id", "uid"], unique=True)
    op.create_table(
        "enrolment_policies",
        sa.Column("policy", sa.String(length=2000), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_enrolment_policies_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", name="pk_enrolment_policies"),
    )
    op.create_table(
        "duplicates",
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("face_id", sa.Uuid(), nullable=False),
        sa.Column("other_face_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_duplicates_resource_id_collection",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_duplicates_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "collection", "face_id", "other_face_id", name="pk_duplicates"),
    )
    op.create_index("ix_duplicates_other", "duplicates", ["resource_id", "collection", "other_face_id"])
    op.create_table(
        "persisted_faces",
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("face_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("user_data", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("photo", sa.LargeBinary(length=32), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_persisted_faces_resource_id_collection",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_persisted_faces_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "collection", "face_id", name="pk_persisted_faces"),
    )
    op.create_index("ix_persisted_faces_person", "persisted_faces", ["resource_id", "collection", "person_id"])
    op.create_index("ix_persisted_faces_photo", "persisted_faces", ["resource_id", "collection", "photo"])
    op.create_index("ix_persisted_faces_revision", "persisted_faces", ["resource_id", "collection", "revision"])
    op.create_table(
        "persons",
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("user_data", sa.LargeBinary(), nullable=True),
        sa.Column("faces", sa.Integer(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_persons_resource_id_collection",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name="fk_persons_resource_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("resource_id", "collection", "person_id", name="pk_persons"),
    )
    op.create_table(
        "removals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("face_id", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_removals_resource_id_collection",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["resource_id"], ["resources.id"], name="fk_removals_resource_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_removals"),
    )
    op.create_index("ix_removals_collection", "removals", ["resource_id", "collection", "revision"])
    op.create_index("ix_removals_removed_at", "removals", ["removed_at"])
    op.create_table(
        "enrolment_crops",
        sa.Column("collection", sa.Uuid(), nullable=False),
        sa.Column("face_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id", "collection", "face_id"],
            ["persisted_faces.resource_id", "persisted_faces.collection", "persisted_faces.face_id"],
            name="fk_enrolment_crops_face",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resources.id"], name="fk_enrolment_crops_resource_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_id", "collection", "face_id", name="pk_enrolment_crops"),
    )
