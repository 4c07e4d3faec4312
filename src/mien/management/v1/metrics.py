"""Routes for metric queries and for Prometheus."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from mien.accounts import Accounts
from mien.clock import Clock
from mien.events import METRICS, Aggregation, Exposition, MetricQuestion, MetricStore
from mien.events.query import Split
from mien.management.errors import not_found
from mien.management.roles import Permission
from mien.management.routing import ANY_METERS, METERS, AnyMeter, Shown, resource_filter
from mien.management.v1.fields import Moment, ResourceName, resource_id


class MetricSeen(Shown):
    """A metric that there is."""

    name: str
    display: str
    unit: str
    aggregation: Aggregation
    aggregations: list[Aggregation]
    description: str


class MetricList(Shown):
    """All metrics."""

    value: list[MetricSeen]


class PointSeen(Shown):
    """The value of the interval that begins at a moment; null when there is nothing to make it of."""

    at: datetime
    value: float | None


class SeriesSeen(Shown):
    """Points, oldest first."""

    label: str
    points: list[PointSeen]


class Answer(Shown):
    """The answer to a question."""

    metric: str
    unit: str
    aggregation: Aggregation
    since: datetime
    until: datetime
    series: list[SeriesSeen]


def routes(metrics: MetricStore, accounts: Accounts, clock: Clock) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/metrics", tags=["metrics"])

    @router.get("/definitions", dependencies=ANY_METERS)
    def list_metrics() -> MetricList:
        """List the metrics."""
        return MetricList(value=[MetricSeen.model_validate(one) for one in METRICS.values()])

    @router.get("")
    def ask(
        caller: AnyMeter,
        *,
        name: Annotated[str, Query(max_length=40, description="Of a metric, such as TotalCalls.")],
        since: Annotated[Moment | None, Query(description="The last hour when it is not said.")] = None,
        until: Annotated[Moment | None, Query()] = None,
        resource: Annotated[ResourceName | None, Query()] = None,
        operation: Annotated[str | None, Query(max_length=100)] = None,
        minutes: Annotated[int | None, Query(ge=1, le=527_040, description="Distance of the points.")] = None,
        aggregation: Annotated[Aggregation | None, Query()] = None,
        percentile: Annotated[float, Query(gt=0, le=100)] = 95.0,
        split: Annotated[Split | None, Query(description="One series for each value of this.")] = None,
    ) -> Answer:
        """Answer a question about one metric, as one point or as points at even distances."""
        wanted = None if resource is None else resource_id(accounts, resource)
        end = until or clock.now()
        question = MetricQuestion(
            name,
            since or end - timedelta(hours=1),
            end,
            resource_id=resource_filter(caller, Permission.METRICS, wanted, resource),
            operation=operation,
            interval=None if minutes is None else timedelta(minutes=minutes),
            aggregation=aggregation,
            percentile=percentile,
            split=split,
        )
        series = metrics.ask(question)
        metric = METRICS[name]
        return Answer(
            metric=name,
            unit=metric.unit,
            aggregation=aggregation or metric.aggregation,
            since=question.since,
            until=question.until,
            series=[SeriesSeen.model_validate(one) for one in series],
        )

    return router


def prometheus(exposition: Exposition | None) -> APIRouter:
    """Return the route that Prometheus scrapes."""
    router = APIRouter(tags=["metrics"])

    @router.get(
        "/metrics",
        dependencies=METERS,
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
    )
    def scrape(accept: Annotated[str, Header(max_length=1000)] = "") -> Response:
        """Return this process's counts in Prometheus' text format."""
        if exposition is None:
            raise not_found("The exposition of this server")
        page, media_type = exposition.render(accept)
        return Response(page, headers={"content-type": media_type})

    return router
