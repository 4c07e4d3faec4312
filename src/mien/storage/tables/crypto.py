"""Data keys of the envelope encryption, each wrapped by the master key."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base


class DataKeyRow(Base):
    """A data key; the newest of a resource encrypts, all of them decrypt.

    A resource's data keys are deleted with it, so that its encrypted data stays unreadable, in backups too. A key
    without a resource belongs to the service.
    """

    __tablename__ = "data_keys"
    __table_args__ = (Index(None, "resource_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    resource_id: Mapped[UUID | None] = mapped_column(ForeignKey("resources.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(16))
    master: Mapped[str] = mapped_column(String(16))
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
