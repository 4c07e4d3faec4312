"""Tables of the audit log, metrics per minute, and alerts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import AnyText, Base


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


class AuditHeadRow(Base):
    """The end of the audit log: the last entry's number and hash, sealed with the log's key. There is one row."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
    seal: Mapped[bytes] = mapped_column(LargeBinary(32))


class CallRow(Base):
    """The counts of one kind of response of one operation within one minute, over all servers.

    Not owned: calls without a known resource are counted too, under the resource id of zeros, so `resource_id` is a
    plain value. `minute` counts from 1970, UTC. A row of trainings has status 0 and no calls. Latency is in
    microseconds; `b00` … `b16` count the calls by `mien.events.metrics.BOUNDS`, each call once.
    """

    __tablename__ = "metric_calls"
    __table_args__ = (
        PrimaryKeyConstraint("resource_id", "minute", "operation", "status", "code"),
        Index(None, "minute"),
    )

    resource_id: Mapped[UUID]
    minute: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    operation: Mapped[str] = mapped_column(String(80))
    status: Mapped[int] = mapped_column(autoincrement=False)
    code: Mapped[str] = mapped_column(String(64))
    calls: Mapped[int] = mapped_column(BigInteger)
    blocked: Mapped[int] = mapped_column(BigInteger)
    data_in: Mapped[int] = mapped_column(BigInteger)
    data_out: Mapped[int] = mapped_column(BigInteger)
    transactions: Mapped[int] = mapped_column(BigInteger)
    trained: Mapped[int] = mapped_column(BigInteger)
    latency_sum: Mapped[int] = mapped_column(BigInteger)
    latency_max: Mapped[int] = mapped_column(BigInteger)
    b00: Mapped[int] = mapped_column(BigInteger)
    b01: Mapped[int] = mapped_column(BigInteger)
    b02: Mapped[int] = mapped_column(BigInteger)
    b03: Mapped[int] = mapped_column(BigInteger)
    b04: Mapped[int] = mapped_column(BigInteger)
    b05: Mapped[int] = mapped_column(BigInteger)
    b06: Mapped[int] = mapped_column(BigInteger)
    b07: Mapped[int] = mapped_column(BigInteger)
    b08: Mapped[int] = mapped_column(BigInteger)
    b09: Mapped[int] = mapped_column(BigInteger)
    b10: Mapped[int] = mapped_column(BigInteger)
    b11: Mapped[int] = mapped_column(BigInteger)
    b12: Mapped[int] = mapped_column(BigInteger)
    b13: Mapped[int] = mapped_column(BigInteger)
    b14: Mapped[int] = mapped_column(BigInteger)
    b15: Mapped[int] = mapped_column(BigInteger)
    b16: Mapped[int] = mapped_column(BigInteger)


class FailedCallRow(Base):
    """A call with an error response; without a resource if it could not be determined, as with a wrong key."""

    __tablename__ = "failed_calls"
    __table_args__ = (Index("ix_failed_calls_resource_id_id", "resource_id", "id"), Index("ix_failed_calls_at", "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    resource_id: Mapped[UUID | None] = mapped_column(ForeignKey("resources.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    operation: Mapped[str] = mapped_column(String(80))
    method: Mapped[str] = mapped_column(String(10))
    status: Mapped[int]
    code: Mapped[str] = mapped_column(String(64))
    message: Mapped[str] = mapped_column(AnyText)
    hint: Mapped[str] = mapped_column(AnyText)
    address: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(64))
    milliseconds: Mapped[int]


class GaugeRow(Base):
    """A level that was read in some minute, such as the number of stored faces, or a count of all servers in it."""

    __tablename__ = "metric_gauges"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "minute", "name"), Index(None, "minute"))

    resource_id: Mapped[UUID]
    minute: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    name: Mapped[str] = mapped_column(String(40))
    value: Mapped[int] = mapped_column(BigInteger)


class AlertRuleRow(Base):
    """An alert rule; a rule without a resource watches all of them together.

    `url` and `secret` are encrypted: addresses of webhooks often contain a secret. `firing` is the last reported state;
    `checked_at` is the time of the last check by any server.
    """

    __tablename__ = "alert_rules"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    resource_id: Mapped[UUID | None] = mapped_column(ForeignKey("resources.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    condition: Mapped[str] = mapped_column(Text)
    url: Mapped[bytes | None] = mapped_column(LargeBinary)
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    firing: Mapped[bool]
    value: Mapped[float | None]
    changed_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]


class AlertDeliveryRow(Base):
    """A message for a webhook; the server that holds the claim sends it."""

    __tablename__ = "alert_deliveries"
    __table_args__ = (Index(None, "rule_id", "number"), Index(None, "state", "due_at"))

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True)
    rule_id: Mapped[UUID] = mapped_column(ForeignKey("alert_rules.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(10))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    attempts: Mapped[int]
    outcome: Mapped[str | None] = mapped_column(String(300))
