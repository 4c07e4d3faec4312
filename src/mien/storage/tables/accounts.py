"""Resources (accounts of kind Face in Azure's terms), their keys, and requests for limited access."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    false,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base, Owned


class ResourceRow(Base):
    """One resource; everything a caller stores belongs to one.

    `tags`, `ip_rules` and `cors_origins` are JSON, an object and two lists. `terms` is JSON: who acknowledged the
    terms, when and how.
    """

    __tablename__ = "resources"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    location: Mapped[str] = mapped_column(String(64))
    sku: Mapped[str] = mapped_column(String(8))
    custom_subdomain: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    tags: Mapped[str] = mapped_column(Text, server_default="{}")
    state: Mapped[str] = mapped_column(String(16), server_default="Succeeded")
    public_network_access: Mapped[bool] = mapped_column(server_default=true())
    default_action: Mapped[str] = mapped_column(String(8), server_default="Allow")
    ip_rules: Mapped[str] = mapped_column(Text, server_default="[]")
    local_auth: Mapped[bool] = mapped_column(server_default=true())
    request_log: Mapped[bool] = mapped_column(server_default=false())
    cors_origins: Mapped[str] = mapped_column(Text, server_default="[]")
    without_flashes: Mapped[str] = mapped_column(String(16), server_default="server")
    terms: Mapped[str | None] = mapped_column(Text)
    deleted_at: Mapped[datetime | None]


class KeyRow(Owned, Base):
    """One of a resource's two keys: a keyed hash to look it up by, and its ciphertext to show it with."""

    __tablename__ = "keys"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "slot"), CheckConstraint("slot IN (1, 2)", name="slot"))

    slot: Mapped[int] = mapped_column(autoincrement=False)
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class AccessRequestRow(Owned, Base):
    """A request for limited access. `features` are names with commas between them."""

    __tablename__ = "access_requests"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "request_id"),
        Index("ix_access_requests_request_id", "request_id", unique=True),
        Index("ix_access_requests_state", "state"),
    )

    request_id: Mapped[UUID]
    features: Mapped[str] = mapped_column(String(200))
    organisation: Mapped[str] = mapped_column(Text)
    contact: Mapped[str] = mapped_column(Text)
    use_case: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(12))
    requested_by: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime]
    reason: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime | None]
    by_requester: Mapped[bool] = mapped_column(Boolean, server_default=false(), default=False)


class RoleAssignmentRow(Base):
    """A role for the tokens with a claim; on one resource, or on all if `resource_id` is null."""

    __tablename__ = "role_assignments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    assignee: Mapped[str] = mapped_column(String(12))
    value: Mapped[str] = mapped_column(String(300))
    role: Mapped[str] = mapped_column(String(64))
    resource_id: Mapped[UUID | None] = mapped_column(ForeignKey("resources.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(200))


class AccountsVersionRow(Base):
    """A row that counts the changes of resources, keys, approvals and role assignments: a cheap check for others."""

    __tablename__ = "accounts_version"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)
