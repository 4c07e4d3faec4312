"""Tables for data subjects: consents, erasures with receipts, retention rules."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import AnyText, Base, Owned


class ConsentRow(Owned, Base):
    """A consent of a person, or of who stands behind a face of a face list; it goes with them.

    One of `person_id` and `face_id` is null.
    """

    __tablename__ = "consents"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "consent_id"),
        CheckConstraint("(person_id IS NULL) <> (face_id IS NULL)", name="whose"),
        ForeignKeyConstraint(
            ["resource_id", "collection", "person_id"],
            ["persons.resource_id", "persons.collection", "persons.person_id"],
            name="fk_consents_person",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["resource_id", "collection", "face_id"],
            ["persisted_faces.resource_id", "persisted_faces.collection", "persisted_faces.face_id"],
            name="fk_consents_face",
            ondelete="CASCADE",
        ),
        Index("ix_consents_person", "resource_id", "collection", "person_id"),
        Index("ix_consents_face", "resource_id", "collection", "face_id"),
    )

    consent_id: Mapped[UUID]
    collection: Mapped[UUID] = mapped_column(Uuid)
    person_id: Mapped[UUID | None]
    face_id: Mapped[UUID | None]
    given_by: Mapped[str] = mapped_column(AnyText)
    purpose: Mapped[str] = mapped_column(AnyText)
    evidence: Mapped[str | None] = mapped_column(AnyText)
    given_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(AnyText)
    recorded_by: Mapped[str] = mapped_column(String(200))
    recorded_at: Mapped[datetime]


class ErasureRow(Owned, Base):
    """An erasure: what it is to delete until that is done, its receipt afterwards.

    `plan` and `progress` are JSON with ids and counts, nothing else.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "erasure_id"),
        Index("ix_erasures_finished_at", "finished_at"),
    )

    erasure_id: Mapped[UUID]
    actor: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime]
    touched_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    plan: Mapped[str | None] = mapped_column(Text)
    progress: Mapped[str | None] = mapped_column(Text)
    receipt: Mapped[str | None] = mapped_column(Text)


class ReceiptKeyRow(Base):
    """The key that signs receipts, for all servers on this database; never deleted, so that old ones can be checked.

    `public` is its public half as a JSON Web Key, `sealed` the private one.
    """

    __tablename__ = "receipt_keys"

    key_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime]
    public: Mapped[str] = mapped_column(Text)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class RetentionRuleRow(Owned, Base):
    """A rule of what is deleted by itself after so many days, in a collection or in all of a resource."""

    __tablename__ = "retention_rules"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "rule_id"),
        ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_retention_rules_collection",
            ondelete="CASCADE",
        ),
    )

    rule_id: Mapped[UUID]
    what: Mapped[str] = mapped_column(String(20))
    collection: Mapped[UUID | None] = mapped_column(Uuid)
    days: Mapped[int]
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class DossierRow(Owned, Base):
    """A dossier: drafts of papers about a resource, as a signed document."""

    __tablename__ = "dossiers"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "dossier_id"),
        Index("ix_dossiers_created_at", "resource_id", "created_at"),
    )

    dossier_id: Mapped[UUID]
    language: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(200))
    document: Mapped[str] = mapped_column(Text)
