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
"""Name of the condition on quota usage, in percent, as opposed to a metric."""
DRIFT: Final = "Drift"
"""Name of the condition on the number of series of a resource that differ from their baseline."""
RECALL: Final = "IdentityRecall"
"""Name of the condition on the share of people that a search engine finds, in percent of the checked searches."""
DOOR_EVENTS: Final = "DoorEvents"
"""Name of the condition whose webhook receives every event of doors; its threshold is not used."""
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
        name: name of the quota in particular, such as `largePersonGroup.persons`.
        used: how much.
        limit: limit of how much; above 0.
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
    """Default values of a condition; see `Condition` for the parts."""

    threshold: float
    below: bool = False
    minutes: int = 5


USUAL: Final = {
    QUOTA_USE: Usual(80.0),
    DRIFT: Usual(1.0),
    DOOR_EVENTS: Usual(1.0),
    RECALL: Usual(100 * LEAST_RECALL, below=True, minutes=MAX_WINDOW),
}
"""The default conditions for everything that is not a metric; a metric has none, because its threshold depends on the
traffic."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of an alert rule.

    Attributes:
        metric: name of a metric, `QuotaUse`, `Drift`, `IdentityRecall` or `DoorEvents`.
        threshold: the rule fires while the value is at least this (with `below`: at most this).
        below: whether low values are the bad ones.
        minutes: the value is that of the last so many minutes.
        aggregation: the metric's own when None.
        percentile: for `Percentile`.
        operation: operation of this operation only.
        quota: with `QuotaUse`: `rate`, `volume` or `storage`; None for the most used one.
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
        """Check that the condition is valid.

        Raises:
            AlertError: it cannot.
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
        """Create a condition, with the defaults of its metric for missing values.

        Args:
            metric: see `Condition`, as are the others.
            threshold: the usual one when None.
            below: threshold below which the rule fires; None for none.
            minutes: window in minutes; 5 for a metric when None.
            more: the other parts.

        Raises:
            AlertError: it cannot be evaluated, or lacks a threshold.
        """
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
        """Return whether a value makes the rule fire; no value does not."""
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


def worst(uses: Sequence[QuotaUse], condition: Condition, resource_id: UUID | None) -> float | None:
    """Return the highest use, in percent, of the quotas that a condition watches; None if there is none."""
    percents = [
        use.percent for use in uses if condition.quota in {None, use.quota} and resource_id in {None, use.resource_id}
    ]
    return max(percents, default=None)
