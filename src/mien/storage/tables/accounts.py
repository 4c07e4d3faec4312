"""Resources (what Azure calls an account of kind Face) and their keys."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, LargeBinary, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base, Owned


class ResourceRow(Base):
    """One resource; everything a caller stores belongs to one."""

    __tablename__ = "resources"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    location: Mapped[str] = mapped_column(String(64))
    sku: Mapped[str] = mapped_column(String(8))
    custom_subdomain: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]


class KeyRow(Owned, Base):
    """One of a resource's two keys: a keyed hash to look it up by, and its ciphertext to show it with."""

    __tablename__ = "keys"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "slot"), CheckConstraint("slot IN (1, 2)", name="slot"))

    slot: Mapped[int] = mapped_column(autoincrement=False)
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
