"""What happened: the audit log, and metrics by the minute."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, PrimaryKeyConstraint, String, Text
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


class CallRow(Base):
    """What one kind of answer of one operation came to within one minute, on all servers together.

    Not owned: calls that nobody could be found for are counted too, under the resource id of zeros, and so
    `resource_id` is a plain value. `minute` counts from 1970, UTC. A row of trainings has status 0 and no calls.
    Latency is in microseconds; `b00` … `b16` count the calls by `mien.events.metrics.BOUNDS`, each call once.
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


class GaugeRow(Base):
    """A level that was read in some minute, such as the number of stored faces."""

    __tablename__ = "metric_gauges"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "minute", "name"), Index(None, "minute"))

    resource_id: Mapped[UUID]
    minute: Mapped[int] = mapped_column(BigInteger, autoincrement=False)
    name: Mapped[str] = mapped_column(String(40))
    value: Mapped[int] = mapped_column(BigInteger)
