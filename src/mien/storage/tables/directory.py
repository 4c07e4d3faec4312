"""Dynamic person groups, asynchronous operations, v1.0 snapshots (see `mien.gallery.api_snapshots`)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import AnyText, Base, OrderedText, Owned


class DynamicGroupRow(Owned, Base):
    """A dynamic person group. `version` is another one after every change of its persons."""

    __tablename__ = "dynamic_groups"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "group_id"),)

    group_id: Mapped[str] = mapped_column(OrderedText(64))
    name: Mapped[str] = mapped_column(AnyText)
    user_data: Mapped[str | None] = mapped_column(AnyText)
    version: Mapped[UUID]


class DynamicGroupMemberRow(Owned, Base):
    """A person of the directory in a dynamic group."""

    __tablename__ = "dynamic_group_members"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "group_id", "person_id"),
        ForeignKeyConstraint(
            ["resource_id", "group_id"],
            ["dynamic_groups.resource_id", "dynamic_groups.group_id"],
            name="fk_dynamic_group_members_group",
            ondelete="CASCADE",
        ),
        Index("ix_dynamic_group_members_person", "resource_id", "person_id", "group_id"),
    )

    group_id: Mapped[str] = mapped_column(OrderedText(64))
    person_id: Mapped[UUID]


class OperationRow(Owned, Base):
    """The result of an asynchronous write, stored until it expires."""

    __tablename__ = "operations"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "operation_id"),)

    operation_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(String(12))
    created_at: Mapped[datetime]
    action_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    message: Mapped[str | None] = mapped_column(String(1000))
    resource_location: Mapped[str | None] = mapped_column(String(200))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class TransferRow(Owned, Base):
    """A v1.0 snapshot; the copy itself is a collection of kind `transfer` of the same resource, under the same id.

    `apply_scope` is the ids of the subscriptions and resources that may apply it, in lower case, separated by spaces.
    """

    __tablename__ = "transfers"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "transfer_id"), Index("ix_transfers_id", "transfer_id"))

    transfer_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(20))
    apply_scope: Mapped[str] = mapped_column(Text)
    user_data: Mapped[str | None] = mapped_column(AnyText)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class TransferUseRow(Owned, Base):
    """A v1.0 snapshot that was taken or applied, counted for the quota of a day or month."""

    __tablename__ = "transfer_uses"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "use_id"), Index("ix_transfer_uses_used_at", "used_at"))

    use_id: Mapped[UUID]
    action: Mapped[str] = mapped_column(String(8))
    used_at: Mapped[datetime]
