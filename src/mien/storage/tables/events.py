"""What happened: the audit log."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base


class AuditRow(Base):
    """One entry of the audit log; triggers of the database refuse to change or delete it.

    Not owned: entries outlive the resource that they are about, so its id is a plain value here.
    """

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "resource_id", "sequence"), Index(None, "at"))

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(100))
    resource_id: Mapped[UUID | None]
    details: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
