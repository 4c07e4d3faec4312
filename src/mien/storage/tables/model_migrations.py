"""Templates of other recognisers than a collection's, and how its migration between recognisers stands."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, LargeBinary, PrimaryKeyConstraint, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base, Owned


class OtherTemplateRow(Owned, Base):
    """The sealed template of an enrolled face by another recogniser than the one that its collection is of now.

    A migration makes it from the kept crop before it switches, and keeps the old one here, so that it can be rolled
    back.
    """

    __tablename__ = "other_templates"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "collection", "face_id", "fingerprint"),
        ForeignKeyConstraint(
            ["resource_id", "collection", "face_id"],
            ["persisted_faces.resource_id", "persisted_faces.collection", "persisted_faces.face_id"],
            name="fk_other_templates_face",
            ondelete="CASCADE",
        ),
    )

    collection: Mapped[UUID] = mapped_column(Uuid)
    face_id: Mapped[UUID]
    fingerprint: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class ModelMigrationRow(Owned, Base):
    """The last migration of a collection; `switched_at` is null as long as the old templates serve."""

    __tablename__ = "model_migrations"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "collection"),
        ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_model_migrations_collection",
            ondelete="CASCADE",
        ),
    )

    collection: Mapped[UUID] = mapped_column(Uuid)
    from_model: Mapped[str] = mapped_column(String(32))
    from_fingerprint: Mapped[str] = mapped_column(String(64))
    to_model: Mapped[str] = mapped_column(String(32))
    to_fingerprint: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    switched_at: Mapped[datetime | None]
