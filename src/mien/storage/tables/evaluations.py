"""Tables for error rates on an operator's own people: results, and the calibrations that were applied."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import AnyText, Base, Owned


class EvaluationRow(Owned, Base):
    """A stored result: numbers only, as JSON; no template, no name and no path of a photo."""

    __tablename__ = "evaluations"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "evaluation_id"),
        Index("uq_evaluations_name", "resource_id", "name", unique=True),
    )

    evaluation_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(32))
    pack: Mapped[str] = mapped_column(String(128))
    fingerprint: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(AnyText)
    note: Mapped[str | None] = mapped_column(AnyText)
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    result: Mapped[str] = mapped_column(Text)


class AppliedCalibrationRow(Owned, Base):
    """A version of the calibration of a resource, or of one of its collections; the newest per fingerprint applies.

    `curve` is JSON, null for the calibration of the model pack. `undoes` is the version that this one took back.
    """

    __tablename__ = "applied_calibrations"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "applied_id"),
        ForeignKeyConstraint(
            ["resource_id", "collection"],
            ["collections.resource_id", "collections.uid"],
            name="fk_applied_calibrations_collection",
            ondelete="CASCADE",
        ),
        Index("ix_applied_calibrations_scope", "resource_id", "collection", "fingerprint", "version"),
    )

    applied_id: Mapped[UUID]
    collection: Mapped[UUID | None] = mapped_column(Uuid)
    fingerprint: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    name: Mapped[str | None] = mapped_column(String(64))
    curve: Mapped[str | None] = mapped_column(Text)
    undoes: Mapped[int | None]
    applied_by: Mapped[str] = mapped_column(String(200))
    applied_at: Mapped[datetime]
