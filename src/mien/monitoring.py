"""The composition root of monitoring: builds what counts and logs calls and evaluates alert rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from mien.doors.webhooks import completed
from mien.events import AlertMonitor, Deliveries, Exposition, Level, QuotaUse, Recorder, purge_metrics
from mien.events.alerts.webhook import post
from mien.events.recall import RecallCounts
from mien.fetching.fetch import FetchPolicy
from mien.gallery.counts import faces_stored, storage_use
from mien.gallery.drift import Drift
from mien.gateway.call_counter import CallObserver
from mien.gateway.failed_calls import FailedCallObserver
from mien.gateway.gateway import Observer
from mien.gateway.origin import OriginFinder, parse_networks
from mien.gateway.request_log import RequestLog
from mien.gateway.usage import rate_use, volume_use
from mien.services import Services, webhook_addresses
from mien.settings import Settings


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The monitoring of a server.

    Attributes:
        recorder: counts.
        monitor: watches the alert rules.
        deliveries: sends alerts.
        observers: called by the front door with every response.
        services: the services.
        days: how long metrics are kept.
        recall: counts checked answers of search engines.
    """

    recorder: Recorder
    monitor: AlertMonitor
    deliveries: Deliveries
    observers: Sequence[Observer]
    services: Services
    days: int
    recall: RecallCounts

    def start(self) -> None:
        """Start the threads."""
        self.recorder.start()
        self.monitor.start()

    def stop(self) -> None:
        """End the threads; what was counted is written, what is not sent yet is sent after the next start."""
        self.monitor.stop()
        self.recorder.stop()

    def purge(self) -> int:
        """Delete old minutes and old messages; for the retention worker.

        Returns:
            How many rows were deleted.
        """
        old = purge_metrics(self.services.database, self.services.clock, self.days)
        return old + self.deliveries.purge() + self.services.failed_calls.purge() + self.services.drift_counts.purge()

    def exposition(self, levels: Sequence[Level]) -> Exposition:
        """Return the metrics for Prometheus.

        Args:
            levels: the process's own numbers.
        """
        database = self.services.database
        return Exposition(
            self.recorder, lambda: names(self.services), levels, {"mien_faces_stored": lambda: faces_stored(database)}
        )


def open_monitoring(settings: Settings, services: Services) -> Monitoring:
    """Create the monitoring; starts no thread.

    Args:
        settings: how often, how long, and where webhooks may be.
        services: the services.
    """
    database, clock = services.database, services.clock
    recall = RecallCounts(database, clock)
    recorder = Recorder(
        database,
        clock,
        flush_seconds=settings.metrics_seconds,
        gauges={"FacesStored": lambda: faces_stored(database)},
        also=[services.failed_calls.flush, services.drift_counts.flush, recall.flush],
    )
    deliveries = open_deliveries(settings, services)
    monitor = AlertMonitor(
        database,
        services.alerts,
        deliveries,
        services.metrics,
        clock,
        uses=lambda: quota_uses(settings, services),
        names=lambda: names(services),
        seconds=settings.alert_seconds,
        claims=services.claims,
        first=[Drift(database, clock, services.audit, services.claims).look],
    )
    origin = OriginFinder(parse_networks(settings.trusted_proxies))
    observers: list[Observer] = [
        CallObserver(recorder),
        RequestLog(),
        FailedCallObserver(services.failed_calls, origin),
    ]
    return Monitoring(recorder, monitor, deliveries, observers, services, settings.metrics_days, recall)


def open_deliveries(settings: Settings, services: Services) -> Deliveries:
    """Return what sends alerts to webhooks, as the settings allow it."""
    policy = FetchPolicy(
        webhook_addresses(settings),
        total_seconds=10.0,
        ca_file=str(settings.url_ca_file) if settings.url_ca_file else None,
    )

    def send(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return post(url, body, headers, policy)

    return Deliveries(services.database, services.alerts, send, services.clock, completed(services.database))


def quota_uses(settings: Settings, services: Services) -> list[QuotaUse]:
    """Return how much of their quotas all resources use: of storage, and of calls where those are limited."""
    uses = storage_use(services.database)
    if settings.rate_limits != "off":
        now = services.clock.now()
        skus = {resource.id: resource.sku for resource in services.accounts.resources()}
        free, paid = settings.rate_free_per_minute, settings.rate_paid_per_second
        uses += rate_use(services.metrics, skus, free, paid, now)
        uses += volume_use(services.database, skus, settings.free_calls_per_month, now)
    return uses


def names(services: Services) -> dict[UUID, str]:
    """Return the names of the resources."""
    return {resource.id: resource.name for resource in services.accounts.resources()}
