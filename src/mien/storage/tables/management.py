"""Tables of the control plane: admin tokens, accepted terms, and the ARM location of resources."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, PrimaryKeyConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base, Owned


class AdminTokenRow(Base):
    """A token of an administrator: its keyed hash, never the token."""

    __tablename__ = "admin_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(16))
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(200))
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    # No foreign key: if the resource is purged, its token must open nothing, not everything.
    resource_id: Mapped[UUID | None]


class PortalSessionRow(Base):
    """A session of the portal that goes on: signing out deletes it, on every server at once."""

    __tablename__ = "portal_sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(String(200))
    until: Mapped[datetime] = mapped_column(index=True)


class SubscriptionTermsRow(Base):
    """An acceptance of the responsible-AI terms for a subscription. The newest applies; older ones remain."""

    __tablename__ = "subscription_terms"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    subscription: Mapped[str] = mapped_column(String(100), index=True)
    accepted_by: Mapped[str] = mapped_column(String(200))
    accepted_at: Mapped[datetime]
    statement: Mapped[str] = mapped_column(Text)


class ArmGroupRow(Base):
    """A resource group that somebody created; `tags` are JSON. Names count in any case, so the key is in lower case."""

    __tablename__ = "arm_groups"
    __table_args__ = (PrimaryKeyConstraint("subscription_key", "name_key"),)

    subscription_key: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(String(90))
    subscription: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(90))
    location: Mapped[str] = mapped_column(String(64))
    tags: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class ArmRow(Owned, Base):
    """A resource's place in ARM, and its properties that Mien does not use but echoes (JSON)."""

    __tablename__ = "arm_accounts"
    __table_args__ = (PrimaryKeyConstraint("resource_id"),)

    subscription: Mapped[str] = mapped_column(String(100))
    resource_group: Mapped[str] = mapped_column(String(90))
    echo: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(String(200))
    changed_by: Mapped[str] = mapped_column(String(200))
    changed_at: Mapped[datetime]
