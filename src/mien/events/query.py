"""Metric queries: one metric over a period, as evenly spaced points, filtered or split by resource or operation."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, func, select, text
from sqlalchemy.orm import InstrumentedAttribute

from mien.events.metrics import BOUNDS, METRICS, Aggregation, Metric, MetricError
from mien.events.recorder import BUCKETS
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.tables import CallRow, GaugeRow

Split = Literal["resource", "operation", "status", "code"]
SPLITS: Final = ("resource", "operation", "status", "code")

MAX_POINTS: Final = 100_000

# Grouped by name: PostgreSQL treats two expressions with parameters as different, even if they read the same.
_PLACE: Final = text("place")
_LABEL: Final = text("label")

_S = TypeVar("_S", bound=Select[Any])


@dataclass(frozen=True, slots=True)
class MetricQuestion:
    """A metrics query.

    Attributes:
        name: name of the metric; see `METRICS`.
        since: first minute.
        until: end of the period, exclusive.
        resource_id: only this resource; None for all.
        operation: only this operation; None for all.
        interval: spacing of the points, in whole minutes; None for one point over the whole period.
        aggregation: None for the metric's default. `Average` is per call (`FacesStored`: of the readings;
            `FaceImagesTrained`: per minute with a training), `Maximum` is the highest value of a minute
            (`Latency`: of a call), `Count` is the number of calls.
        percentile: above 0, at most 100; for `Percentile`.
        split: return one series for each value of this dimension.
    """

    name: str
    since: datetime
    until: datetime
    resource_id: UUID | None = None
    operation: str | None = None
    interval: timedelta | None = None
    aggregation: Aggregation | None = None
    percentile: float = 95.0
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """The value of the interval that begins at `at`; None without data."""

    at: datetime
    value: float | None


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one metric.

    Attributes:
        label: the value of the split dimension: a resource's id, an operation's name, a status or an error code;
            "" without a split, and for responses without an error code.
        points: one per interval, oldest first.
    """

    label: str
    points: Sequence[MetricPoint]


class MetricStore:
    """The counts of all servers on a database; counts reach it seconds after the calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, question: MetricQuestion) -> list[Series]:
        """Answer a query; the series are sorted by label.

        Raises:
            MetricError: the query is not valid.
        """
        metric, aggregation = _check(question)
        grid = _grid(question)
        if metric.name == "FacesStored":
            values = self._levels(question, aggregation, grid)
        elif aggregation is Aggregation.PERCENTILE:
            values = self._percentiles(question, grid)
        else:
            values = self._sums(question, aggregation, grid)
        empty: float | None = 0.0 if aggregation in {Aggregation.TOTAL, Aggregation.COUNT} else None
        places = range(-(-(grid.end - grid.first) // grid.step))
        starts = [datetime.fromtimestamp((grid.first + place * grid.step) * 60, UTC) for place in places]
        labels = [label for label in sorted(values) if any(values[label].values())] if question.split else [""]
        return [
            Series(label, [MetricPoint(at, values[label].get(index, empty)) for index, at in enumerate(starts)])
            for label in labels
        ]

    def value(self, question: MetricQuestion) -> float | None:
        """Return the single value of a query without interval and split."""
        return self.ask(question)[0].points[0].value

    def _sums(self, question: MetricQuestion, aggregation: Aggregation, grid: _Grid) -> dict[str, dict[int, float]]:
        value, samples = _MEASURES[question.name]
        by = _label(question, CallRow)
        if aggregation is Aggregation.MAXIMUM and question.name != "Latency":
            inner = select(CallRow.minute.label("minute"), by, func.sum(value).label("value"))
            sums = self._restrict(inner, question, grid).group_by(CallRow.minute, _LABEL).subquery()
            query = select(_place(sums.c.minute, grid), sums.c.label, func.max(sums.c.value))
            return self._collect(query.group_by(_PLACE, _LABEL))
        if aggregation is Aggregation.MAXIMUM:
            wanted: ColumnElement[Any] = func.max(CallRow.latency_max) / 1000.0
        elif aggregation is Aggregation.AVERAGE:
            wanted = func.sum(value) * 1.0 / func.nullif(func.sum(samples), 0)
        else:
            wanted = func.sum(samples if aggregation is Aggregation.COUNT else value)
        query = select(_place(CallRow.minute, grid), by, wanted)
        return self._collect(self._restrict(query, question, grid).group_by(_PLACE, _LABEL))

    def _percentiles(self, question: MetricQuestion, grid: _Grid) -> dict[str, dict[int, float]]:
        columns = [func.sum(getattr(CallRow, name)) for name in BUCKETS]
        place, by = _place(CallRow.minute, grid), _label(question, CallRow)
        query = self._restrict(select(place, by, func.max(CallRow.latency_max), *columns), question, grid)
        found: dict[str, dict[int, float]] = defaultdict(dict)
        with self._database.read(EVERY_RESOURCE) as session:
            for index, label, longest, *counts in session.execute(query.group_by(_PLACE, _LABEL)):
                estimate = percentile(list(map(int, counts)), question.percentile, float(longest) / 1000)
                if estimate is not None:
                    found[str(label)][int(index)] = estimate
        return found

    def _levels(self, question: MetricQuestion, aggregation: Aggregation, grid: _Grid) -> dict[str, dict[int, float]]:
        if question.operation is not None or question.split not in {None, "resource"}:
            raise MetricError("FacesStored is by resource only")
        inner = select(
            GaugeRow.minute.label("minute"), _label(question, GaugeRow), func.sum(GaugeRow.value).label("value")
        )
        inner = inner.where(GaugeRow.name == question.name)
        inner = _within(inner, GaugeRow, question.resource_id, grid)
        readings = inner.group_by(GaugeRow.minute, _LABEL).subquery()
        merge = func.max if aggregation is Aggregation.MAXIMUM else func.avg
        query = select(_place(readings.c.minute, grid), readings.c.label, merge(readings.c.value))
        return self._collect(query.group_by(_PLACE, _LABEL))

    def _restrict(self, query: _S, question: MetricQuestion, grid: _Grid) -> _S:
        query = _within(query, CallRow, question.resource_id, grid)
        return query if question.operation is None else query.where(CallRow.operation == question.operation)

    def _collect(self, query: Select[Any]) -> dict[str, dict[int, float]]:
        found: dict[str, dict[int, float]] = defaultdict(dict)
        with self._database.read(EVERY_RESOURCE) as session:
            for place, label, value in session.execute(query):
                if value is not None:
                    found[str(label)][int(place)] = float(value)
        return found


def percentile(counts: Sequence[int], wanted: float, longest: float) -> float | None:
    """Estimate a percentile from the counts of the latency buckets.

    Calls are assumed to be spread evenly within a bucket, as in Prometheus' `histogram_quantile`.

    Args:
        counts: number of calls per bucket; one bucket more than `BOUNDS`.
        wanted: the percentile, above 0, at most 100.
        longest: the longest latency, in ms, which limits the estimate.

    Returns:
        Milliseconds; None without calls.
    """
    total = sum(counts)
    if not total:
        return None
    rank = total * wanted / 100
    before = 0
    for number, count in enumerate(counts):
        if count and before + count >= rank:
            low = BOUNDS[number - 1] if number else 0
            high = min(BOUNDS[number], longest) if number < len(BOUNDS) else longest
            return min(longest, low + max(0.0, high - low) * (rank - before) / count)
        before += count
    return longest


def _with_status(lowest: int, highest: int) -> ColumnElement[int]:
    return case((and_(CallRow.status >= lowest, CallRow.status <= highest), CallRow.calls), else_=0)


_MEASURES: Final[Mapping[str, tuple[Any, Any]]] = {
    "TotalCalls": (CallRow.calls, CallRow.calls),
    "SuccessfulCalls": (_with_status(1, 399), _with_status(1, 399)),
    "TotalErrors": (_with_status(400, 999), _with_status(400, 999)),
    "ClientErrors": (_with_status(400, 499), _with_status(400, 499)),
    "ServerErrors": (_with_status(500, 999), _with_status(500, 999)),
    "BlockedCalls": (CallRow.blocked, CallRow.blocked),
    "Latency": (CallRow.latency_sum / 1000.0, CallRow.calls),
    "DataIn": (CallRow.data_in, CallRow.calls),
    "DataOut": (CallRow.data_out, CallRow.calls),
    "FaceTransactions": (CallRow.transactions, case((CallRow.transactions > 0, CallRow.calls), else_=0)),
    "FaceImagesTrained": (CallRow.trained, case((CallRow.trained > 0, 1), else_=0)),
}
"""Columns with the sum and the number of samples."""


def _check(question: MetricQuestion) -> tuple[Metric, Aggregation]:
    metric = METRICS.get(question.name)
    if metric is None:
        raise MetricError(
            "there is no metric {name!r}; there are {metrics}", name=question.name, metrics=", ".join(METRICS)
        )
    aggregation = question.aggregation or metric.aggregation
    if aggregation not in metric.aggregations:
        raise MetricError(
            "{name} has {aggregations}, not {aggregation}",
            name=metric.name,
            aggregations=", ".join(metric.aggregations),
            aggregation=aggregation.value,
        )
    if not 0 < question.percentile <= 100:
        raise MetricError("a percentile is above 0 and at most 100")
    if question.split is not None and question.split not in SPLITS:
        raise MetricError("a metric is split by {splits}", splits=", ".join(SPLITS))
    return metric, aggregation


@dataclass(frozen=True, slots=True)
class _Grid:
    """The minutes `first` to `end` (exclusive), `step` of them per point."""

    first: int
    end: int
    step: int


def _grid(question: MetricQuestion) -> _Grid:
    first = int(question.since.timestamp()) // 60
    end = math.ceil(question.until.timestamp() / 60)
    minutes = end - first
    if minutes <= 0:
        raise MetricError("the time must begin before it ends")
    if question.interval is None:
        return _Grid(first, end, minutes)
    step = question.interval // timedelta(minutes=1)
    if step < 1 or question.interval % timedelta(minutes=1):
        raise MetricError("an interval is a whole number of minutes")
    if minutes > step * MAX_POINTS:
        raise MetricError("these would be more than {most} points: take a longer interval", most=MAX_POINTS)
    return _Grid(first, end, step)


def _place(minute: ColumnElement[Any] | InstrumentedAttribute[int], grid: _Grid) -> ColumnElement[Any]:
    """Return the index of the point that a minute belongs to."""
    return ((minute - grid.first) // grid.step).label(_PLACE.text)


def _label(question: MetricQuestion, table: type[CallRow] | type[GaugeRow]) -> ColumnElement[Any]:
    names = {"resource": "resource_id", "operation": "operation", "status": "status", "code": "code"}
    if question.split is None:
        return cast("", String).label(_LABEL.text)
    column: InstrumentedAttribute[Any] = getattr(table, names[question.split])
    return column.label(_LABEL.text)


def _within(query: _S, table: type[CallRow] | type[GaugeRow], resource_id: UUID | None, grid: _Grid) -> _S:
    query = query.where(table.minute >= grid.first, table.minute < grid.end)
    return query if resource_id is None else query.where(table.resource_id == resource_id)
