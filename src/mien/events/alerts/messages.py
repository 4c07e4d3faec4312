"""The body of webhook messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from mien.events.alerts.conditions import QUOTA_USE, RECALL
from mien.events.alerts.types import AlertRule
from mien.events.metrics import METRICS

Event = Literal["fired", "resolved", "test"]


def message(rule: AlertRule, event: Event, value: float | None, at: datetime, names: Mapping[UUID, str]) -> str:
    """Return the body of a message as JSON.

    Args:
        rule: the rule.
        event: the reported change.
        value: the value that caused the change.
        at: time of the change.
        names: names of the resources by id.
    """
    condition = rule.condition
    metric = METRICS.get(condition.metric)
    resource = None
    if rule.resource_id is not None:
        resource = {"id": str(rule.resource_id), "name": names.get(rule.resource_id)}
    fields = {
        "id": str(uuid4()),
        "event": event,
        "at": at.isoformat(timespec="seconds"),
        "rule": {"id": str(rule.id), "name": rule.name},
        "resource": resource,
        "metric": condition.metric,
        "quota": condition.quota,
        "operation": condition.operation,
        "aggregation": None if metric is None else (condition.aggregation or metric.aggregation).value,
        "unit": metric.unit if metric else "Percent" if condition.metric in {QUOTA_USE, RECALL} else "Count",
        "minutes": condition.minutes,
        "comparison": "below" if condition.below else "above",
        "threshold": condition.threshold,
        "value": value,
    }
    return json.dumps(fields)
