"""Short-lived face ids: returned by detect, used by verify, identify, find similar and group."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base, Owned


class DetectedFaceRow(Owned, Base):
    """A detected face until it expires; `sealed` is its encrypted template."""

    __tablename__ = "detected_faces"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "face_id"),)

    face_id: Mapped[UUID]
    recognition_model: Mapped[str] = mapped_column(String(32))
    fingerprint: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(index=True)
