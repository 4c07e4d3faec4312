"""The audit log, metrics, alerts and webhooks.

Main types: `AuditLog`, `Recorder` (counts calls), `MetricStore` (answers a `MetricQuestion` about them), `Exposition`
(for Prometheus), `AlertRules` and `AlertMonitor`.

Example:
    ```
    audit = AuditLog(database, clock, vault)
    audit.record(actor="cli:anna", action="key.regenerate", resource_id=resource.id, details={"which": 1})
    assert audit.verify().broken is None

    day = MetricQuestion("TotalErrors", since, until, interval=timedelta(hours=1), split="code")
    for series in MetricStore(database).ask(day):
        print(series.label, [point.value for point in series.points])
    ```
"""

from mien.events.alerts.conditions import AlertError, Condition, QuotaUse
from mien.events.alerts.deliveries import Deliveries
from mien.events.alerts.monitor import AlertMonitor
from mien.events.alerts.rules import AlertRules
from mien.events.alerts.types import AlertRule
from mien.events.audit import AuditLog, AuditValueError
from mien.events.audit_chain import AuditEntry, ChainVerification
from mien.events.exposition import Exposition
from mien.events.levels import Level
from mien.events.metrics import METRICS, Aggregation, Metric, MetricError
from mien.events.query import MetricPoint, MetricQuestion, MetricStore, Series
from mien.events.recorder import Recorder, purge_metrics

__all__ = [
    "METRICS",
    "Aggregation",
    "AlertError",
    "AlertMonitor",
    "AlertRule",
    "AlertRules",
    "AuditEntry",
    "AuditLog",
    "AuditValueError",
    "ChainVerification",
    "Condition",
    "Deliveries",
    "Exposition",
    "Level",
    "Metric",
    "MetricError",
    "MetricPoint",
    "MetricQuestion",
    "MetricStore",
    "QuotaUse",
    "Recorder",
    "Series",
    "purge_metrics",
]
