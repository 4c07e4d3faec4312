"""How many calls the resources of the free tier have made."""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base, Owned


class CallVolumeRow(Owned, Base):
    """The calls of one resource in one month (`YYYY-MM`)."""

    __tablename__ = "call_volumes"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "month"),)

    month: Mapped[str] = mapped_column(String(7))
    calls: Mapped[int]
