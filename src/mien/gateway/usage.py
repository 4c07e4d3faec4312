"""Usage of the tiers' rate and volume limits, for alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from mien.accounts import Sku
from mien.events import MetricQuestion, MetricStore, QuotaUse
from mien.events.metrics import Aggregation
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import CallVolumeRow

WINDOW: Final = timedelta(minutes=5)


def rate_use(
    metrics: MetricStore, skus: Mapping[UUID, Sku], free_per_minute: int, paid_per_second: int, now: datetime
) -> list[QuotaUse]:
    """Return the rate usage of each resource: the calls of its busiest minute of the last five, and the limit.

    Rates per second are evaluated per minute too; the metric BlockedCalls shows short peaks.

    Args:
        metrics: the counts.
        skus: the tier of each resource.
        free_per_minute: calls per minute that F0 allows; 0 for unlimited.
        paid_per_second: calls per second that S0 and E0 allow; 0 for unlimited.
        now: end of the five minutes.
    """
    question = MetricQuestion("TotalCalls", now - WINDOW, now, aggregation=Aggregation.MAXIMUM, split="resource")
    found = []
    for series in metrics.ask(question):
        sku = skus.get(UUID(series.label))
        limit = free_per_minute if sku is Sku.FREE else 60 * paid_per_second
        calls = series.points[0].value
        if sku is not None and limit and calls is not None:
            found.append(QuotaUse(UUID(series.label), "rate", "callsPerMinute", calls, limit))
    return found


def volume_use(database: Database, skus: Mapping[UUID, Sku], limit: int, now: datetime) -> list[QuotaUse]:
    """Return the usage of the monthly limit by the resources of the free tier.

    Args:
        database: the database with the counts of calls.
        skus: the tier of each resource.
        limit: calls per month; 0 for unlimited.
        now: any time in the month.
    """
    query = select(CallVolumeRow.resource_id, CallVolumeRow.calls).where(CallVolumeRow.month == now.strftime("%Y-%m"))
    with database.read(EVERY_RESOURCE) as session:
        rows = session.execute(query).all() if limit else []
    return [
        QuotaUse(resource_id, "volume", "callsPerMonth", calls, limit)
        for resource_id, calls in rows
        if skus.get(resource_id) is Sku.FREE
    ]
