"""What happened, and who is told: the audit log and the metrics.

Main types: `AuditLog`, `Recorder` (counts calls), `MetricStore` (answers a `Question` about them), `Exposition` (for
Prometheus).

Example:
    ```
    audit = AuditLog(database, clock)
    audit.record(actor="cli:anna", action="key.regenerate", resource_id=resource.id, details={"which": 1})
    assert audit.verify().broken is None

    day = Question("TotalErrors", since, until, interval=timedelta(hours=1), split="code")
    for series in MetricStore(database).ask(day):
        print(series.label, [point.value for point in series.points])
    ```
"""

from mien.events.audit import AuditEntry, AuditLog, AuditValueError, Verification
from mien.events.exposition import Exposition, Level
from mien.events.metrics import METRICS, Aggregation, Metric, MetricError
from mien.events.observer import CallObserver
from mien.events.query import MetricStore, Point, Question, Series
from mien.events.recorder import Recorder, purge_metrics

__all__ = [
    "METRICS",
    "Aggregation",
    "AuditEntry",
    "AuditLog",
    "AuditValueError",
    "CallObserver",
    "Exposition",
    "Level",
    "Metric",
    "MetricError",
    "MetricStore",
    "Point",
    "Question",
    "Recorder",
    "Series",
    "Verification",
    "purge_metrics",
]
