"""Conditions of alert rules: the watched value, and when a rule fires."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from mien.events.metrics import METRICS, Aggregation
from mien.events.recall import LEAST_RECALL
from mien.messages import MessageError

QUOTA_USE: Final = "QuotaUse"
"""Name of the condition on the use of quotas, in percent."""
DRIFT: Final = "Drift"
"""Name of the condition on the number of series of a resource that differ from their baseline."""
RECALL: Final = "IdentityRecall"
"""Name of the condition on the share of people that a search engine finds, in percent of the checked searches."""
DOOR_EVENTS: Final = "DoorEvents"
"""Name of the condition whose webhook receives every door event; its threshold is not used."""
QUOTAS: Final = ("rate", "volume", "storage")
MAX_WINDOW: Final = 24 * 60


class AlertError(MessageError, ValueError):
    """A rule cannot be created or found; the message says why."""


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """The use of one of a resource's quotas.

    Attributes:
        resource_id: id of the resource.
        quota: `rate` (calls), `volume` (calls a month) or `storage`.
        name: full name of the quota, such as `largePersonGroup.persons`.
        used: the amount used, in calls or stored items.
        limit: the allowed amount, above 0.
    """

    resource_id: UUID
    quota: str
    name: str
    used: float
    limit: float

    @property
    def percent(self) -> float:
        """The use in percent."""
        return 100 * self.used / self.limit


@dataclass(frozen=True, slots=True)
class Usual:
    """Default values of a condition; see `Condition` for the fields."""

    threshold: float
    below: bool = False
    minutes: int = 5


USUAL: Final = {
    QUOTA_USE: Usual(80.0),
    DRIFT: Usual(1.0),
    DOOR_EVENTS: Usual(1.0),
    RECALL: Usual(100 * LEAST_RECALL, below=True, minutes=MAX_WINDOW),
}
"""Defaults of the conditions that are not metrics. The threshold of a metric depends on the traffic, so it has none."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of an alert rule.

    Attributes:
        metric: name of a metric, `QuotaUse`, `Drift`, `IdentityRecall` or `DoorEvents`.
        threshold: the rule fires while the value is at least this (with `below`: at most this).
        below: whether the rule fires on low values.
        minutes: length of the evaluated window, which ends now.
        aggregation: None for the metric's default.
        percentile: which one, for the aggregation `Percentile`; above 0, at most 100.
        operation: count only calls of this operation; None for all.
        quota: for `QuotaUse`: `rate`, `volume` or `storage`; None for the most used one.
    """

    metric: str
    threshold: float
    below: bool = False
    minutes: int = 5
    aggregation: Aggregation | None = None
    percentile: float = 95.0
    operation: str | None = None
    quota: str | None = None

    def __post_init__(self) -> None:
        """Validate the condition.

        Raises:
            AlertError: the condition is not valid.
        """
        metric = METRICS.get(self.metric)
        if metric is None and self.metric not in USUAL:
            names = ", ".join([*METRICS, QUOTA_USE, DRIFT, RECALL])
            raise AlertError(
                "there is no metric {metric!r}; there are {names} and {door_events}",
                metric=self.metric,
                names=names,
                door_events=DOOR_EVENTS,
            )
        if metric is not None and self.aggregation not in {None, *metric.aggregations}:
            raise AlertError("{name} has {aggregations}", name=metric.name, aggregations=", ".join(metric.aggregations))
        if metric is not None and self.quota is not None:
            raise AlertError("a quota needs {quota_use}", quota_use=QUOTA_USE)
        if self.quota not in {None, *QUOTAS}:
            raise AlertError("quotas are {quotas}", quotas=", ".join(QUOTAS))
        if self.operation is not None and self.metric in {QUOTA_USE, DRIFT, RECALL, "FacesStored"}:
            raise AlertError("{metric} is not counted by operation", metric=self.metric)
        if not 1 <= self.minutes <= MAX_WINDOW:
            raise AlertError("the minutes are 1 to {most}", most=MAX_WINDOW)
        if not 0 < self.percentile <= 100:
            raise AlertError("a percentile is above 0 and at most 100")
        if not -1e15 < self.threshold < 1e15:
            raise AlertError("the threshold is not a number to compare with")

    @classmethod
    def of(
        cls,
        metric: str,
        *,
        threshold: float | None = None,
        below: bool | None = None,
        minutes: int | None = None,
        **more: Any,
    ) -> Condition:
        """Create a condition, with the defaults of its metric for values that are None.

        Args:
            metric: see `Condition`.
            threshold: None for the default.
            below: whether the rule fires on low values; None for the default.
            minutes: length of the window; None for the default (5 for a metric).
            more: other fields of `Condition`.

        Raises:
            AlertError: the condition is not valid, or a metric was given without a threshold.
        """
        unused = (threshold, below, minutes, *(more.get(name) for name in ("aggregation", "operation", "quota")))
        if metric == DOOR_EVENTS and any(value is not None for value in unused):
            raise AlertError("{metric} sends every event of a door; it takes no other settings", metric=metric)
        usual = USUAL.get(metric)
        if threshold is None and usual is None and metric in METRICS:
            raise AlertError("{metric} needs a threshold", metric=metric)
        usual = usual or Usual(0.0)
        return cls(
            metric,
            usual.threshold if threshold is None else threshold,
            usual.below if below is None else below,
            usual.minutes if minutes is None else minutes,
            **more,
        )

    def is_met(self, value: float | None) -> bool:
        """Return whether a value makes the rule fire; None does not."""
        if value is None:
            return False
        return value <= self.threshold if self.below else value >= self.threshold

    def to_json(self) -> str:
        """Return the condition as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Condition:
        """Parse the output of `to_json`."""
        fields = json.loads(text)
        aggregation = fields.pop("aggregation")
        return cls(aggregation=None if aggregation is None else Aggregation(aggregation), **fields)


def highest_use(uses: Sequence[QuotaUse], condition: Condition, resource_id: UUID | None) -> float | None:
    """Return the highest use, in percent, of the quotas that a condition watches; None if there is none."""
    percents = [
        use.percent for use in uses if condition.quota in {None, use.quota} and resource_id in {None, use.resource_id}
    ]
    return max(percents, default=None)
