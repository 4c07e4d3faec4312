"""Tables of drift: counts by day, starts of baselines, and the latest findings. No template, no person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from mien.storage.base import Base, Owned


class DriftCountRow(Owned, Base):
    """How many values of a series fell into a bin on a day, over all servers.

    `source` is a camera's name, or empty for calls of the API. `day` counts from 1970, UTC. Bins: `mien.events.drift`.
    """

    __tablename__ = "drift_counts"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "source", "series", "day", "bin"),)

    source: Mapped[str] = mapped_column(String(64))
    series: Mapped[str] = mapped_column(String(16))
    day: Mapped[int] = mapped_column(autoincrement=False)
    bin: Mapped[int] = mapped_column(autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)


class DriftBaselineRow(Owned, Base):
    """The first day of the baseline of a source; earlier days are not compared."""

    __tablename__ = "drift_baselines"
    __table_args__ = (PrimaryKeyConstraint("resource_id", "source"),)

    source: Mapped[str] = mapped_column(String(64))
    first_day: Mapped[int]
    set_by: Mapped[str] = mapped_column(String(200))
    set_at: Mapped[datetime]


class DriftStateRow(Owned, Base):
    """The latest check of a resource: the week (day of its Monday) and how many of its series have moved."""

    __tablename__ = "drift_states"
    __table_args__ = (PrimaryKeyConstraint("resource_id"),)

    week: Mapped[int]
    moved: Mapped[int]
    looked_at: Mapped[datetime]
