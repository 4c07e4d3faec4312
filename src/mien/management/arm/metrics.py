"""Routes for an account's `Microsoft.Insights` metrics and its usages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from mien.accounts import Resource, Sku
from mien.clock import YEARS
from mien.events import METRICS, Aggregation, Metric, MetricQuestion, MetricStore, Series
from mien.events.query import Split
from mien.management.arm.bodies import KIND
from mien.management.arm.filing import ArmLocation
from mien.management.arm.routing import (
    ACCOUNT,
    IN_SUBSCRIPTION,
    AccountName,
    Answer,
    Arm,
    Group,
    Location,
    Subscription,
    arm_router,
)
from mien.management.arm.shapes import TYPE, account_id
from mien.management.errors import ManagementError
from mien.management.routing import METERS, AnyMeter

INSIGHTS: Final = ACCOUNT + "/providers/Microsoft.Insights"

_INTERVALS: Final = {
    "PT1M": 1,
    "PT5M": 5,
    "PT15M": 15,
    "PT30M": 30,
    "PT1H": 60,
    "PT6H": 360,
    "PT12H": 720,
    "P1D": 1440,
}
_WHOLE: Final = "FULL"
_MAX_POINTS: Final = 20_000
_CLAUSE: Final = re.compile(r"\s*(\w+)\s+eq\s+'([^']{0,200})'\s*", re.IGNORECASE)
_DIMENSIONS: Final[dict[str, Split]] = {"operationname": "operation", "statuscode": "status"}
_AGGREGATIONS: Final = {one.value.lower(): one for one in Aggregation if one is not Aggregation.PERCENTILE}

Text = Annotated[str | None, Query(max_length=1000)]


def routes(arm: Arm, metrics: MetricStore, free_calls: int) -> APIRouter:
    """Return the routes.

    Args:
        arm: finds accounts.
        metrics: answers metric queries.
        free_calls: calls per month of the free tier; 0 for unlimited.
    """
    router = arm_router("metrics")

    @router.get(INSIGHTS + "/metricDefinitions", dependencies=METERS)
    def list_definitions(subscription: Subscription, group: Group, account: AccountName) -> Answer:
        """List the metrics of an account."""
        resource, place = arm.find(subscription, group, account)
        return {"value": [_definition(metric, account_id(place, resource.name)) for metric in METRICS.values()]}

    @router.get(INSIGHTS + "/metrics", dependencies=METERS)
    def list_values(
        subscription: Subscription,
        group: Group,
        account: AccountName,
        *,
        timespan: Text = None,
        interval: Text = None,
        metricnames: Text = None,
        aggregation: Text = None,
        filter_: Annotated[str | None, Query(alias="$filter", max_length=1000)] = None,
    ) -> Answer:
        """Return the values of metrics, as points at even distances."""
        resource, place = arm.find(subscription, group, account)
        since, until = _timespan(timespan, arm.clock.now())
        grain, distance = _interval(interval, since, until)
        operation, split = _filter(filter_, resource)
        wanted = [_metric(name) for name in metricnames.split(",")] if metricnames else list(METRICS.values())
        kinds = [_aggregation(name) for name in aggregation.split(",")] if aggregation else []
        values = []
        for metric in wanted:
            answers = [
                (
                    kind,
                    metrics.ask(
                        MetricQuestion(
                            metric.name,
                            since,
                            until,
                            resource_id=resource.id,
                            operation=operation,
                            interval=distance,
                            aggregation=kind,
                            split=split,
                        )
                    ),
                )
                for kind in kinds or [metric.aggregation]
                if kind in metric.aggregations
            ]
            values.append(_values(metric, answers, split, account_id(place, resource.name)))
        return {
            "cost": 0,
            "timespan": f"{_stamp(since)}/{_stamp(until)}",
            "interval": grain,
            "namespace": TYPE,
            "resourceregion": resource.location,
            "value": values,
        }

    @router.get(ACCOUNT + "/usages", dependencies=METERS)
    def list_usages(subscription: Subscription, group: Group, account: AccountName) -> Answer:
        """Return how much of its monthly calls an account has used."""
        return {"value": [_usage(arm, metrics, arm.find(subscription, group, account), free_calls)]}

    @router.get(IN_SUBSCRIPTION + "/locations/{location}/usages")
    def list_usages_of_location(subscription: Subscription, location: Location, actor: AnyMeter) -> Answer:
        """Return how many accounts there are of how many there may be in a location."""
        short = location.replace(" ", "").lower()
        filed = [one for one, _ in arm.living(actor, subscription) if one.location == short]
        free = sum(one.sku is Sku.FREE for one in filed)
        rules = arm.accounts.rules
        return {
            "value": [
                _count("AccountCount.Face.F0", free, rules.free_resources),
                _count("AccountCount.Face.S0", len(filed) - free, rules.paid_resources or 10),
            ]
        }

    return router


def _definition(metric: Metric, owner: str) -> Answer:
    kinds = [kind.value for kind in metric.aggregations if kind is not Aggregation.PERCENTILE]
    dimensions = () if metric.name == "FacesStored" else ("ApiName", "OperationName", "Region", "StatusCode")
    return {
        "id": f"{owner}/providers/Microsoft.Insights/metricDefinitions/{metric.name}",
        "resourceId": owner,
        "namespace": TYPE,
        "name": _name(metric),
        "displayDescription": metric.description,
        "unit": metric.unit,
        "primaryAggregationType": metric.aggregation.value,
        "supportedAggregationTypes": kinds,
        "metricAvailabilities": [{"timeGrain": grain, "retention": "P93D"} for grain in _INTERVALS],
        "dimensions": [{"value": name, "localizedValue": name} for name in dimensions],
    }


def _name(metric: Metric) -> Answer:
    return {"value": metric.name, "localizedValue": metric.display}


def _values(metric: Metric, answers: list[tuple[Aggregation, list[Series]]], split: Split | None, owner: str) -> Answer:
    rows: dict[str, dict[datetime, dict[str, Any]]] = {}
    for kind, series in answers:
        for one in series:
            points = rows.setdefault(one.label, {})
            for point in one.points:
                told = points.setdefault(point.at, {"timeStamp": _stamp(point.at)})
                if point.value is not None:
                    told[kind.value.lower()] = point.value
    dimension = next((name for name, by in _DIMENSIONS.items() if by == split), "")
    named = {"value": dimension, "localizedValue": dimension}
    return {
        "id": f"{owner}/providers/Microsoft.Insights/metrics/{metric.name}",
        "type": "Microsoft.Insights/metrics",
        "name": _name(metric),
        "displayDescription": metric.description,
        "unit": metric.unit,
        "timeseries": [
            {
                "metadatavalues": [{"name": named, "value": label}] if split else [],
                "data": list(points.values()),
            }
            for label, points in rows.items()
        ],
        "errorCode": "Success",
    }


def _usage(arm: Arm, metrics: MetricStore, filed: tuple[Resource, ArmLocation], free_calls: int) -> Answer:
    now = arm.clock.now().astimezone(UTC)
    begin = datetime(now.year, now.month, 1, tzinfo=UTC)
    end = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
    until = now + timedelta(minutes=1)
    used = metrics.value(MetricQuestion("FaceTransactions", begin, until, resource_id=filed[0].id)) or 0.0
    told: Answer = {
        "name": {"value": "Face.Transactions", "localizedValue": "Face.Transactions"},
        "unit": "Count",
        "status": "Included",
        "currentValue": used,
        "quotaPeriod": f"{(end - begin).days}.00:00:00",
        "nextResetTime": _stamp(end),
    }
    if filed[0].sku is Sku.FREE and free_calls:
        told |= {"limit": float(free_calls), "status": "Blocked" if used >= free_calls else "Included"}
    return told


def _count(name: str, used: int, limit: int) -> Answer:
    words = {"value": name, "localizedValue": name}
    return {"name": words, "unit": "Count", "currentValue": float(used), "limit": float(limit)}


def _timespan(text: str | None, now: datetime) -> tuple[datetime, datetime]:
    """Parse `START/END`; by default the last hour."""
    if not text:
        return now - timedelta(hours=1), now
    try:
        since, until = (datetime.fromisoformat(part.strip().replace(" ", "+")) for part in text.split("/"))
        since, until = (at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC) for at in (since, until))
    except (ValueError, OverflowError):
        since = until = now
    if since.year not in YEARS or until.year not in YEARS or since >= until:
        raise _bad("timespan", "must be two moments in ISO 8601 with a slash between them, the earlier one first")
    return since, until


def _interval(text: str | None, since: datetime, until: datetime) -> tuple[str, timedelta | None]:
    grain = (text or "PT1M").upper()
    if grain == _WHOLE:
        return grain, None
    minutes = _INTERVALS.get(grain)
    if minutes is None:
        raise _bad("interval", f"must be one of {', '.join(_INTERVALS)}, {_WHOLE}")
    if (until - since) / timedelta(minutes=minutes) > _MAX_POINTS:
        raise _bad("interval", f"makes more than {_MAX_POINTS} points of the timespan")
    return grain, timedelta(minutes=minutes)


def _metric(name: str) -> Metric:
    found = next((metric for metric in METRICS.values() if metric.name.lower() == name.strip().lower()), None)
    if found is None:
        raise _bad("metricnames", f"names no metric of an account: there are {', '.join(METRICS)}")
    return found


def _aggregation(name: str) -> Aggregation:
    found = _AGGREGATIONS.get(name.strip().lower())
    if found is None:
        raise _bad("aggregation", f"must be of {', '.join(one.value for one in _AGGREGATIONS.values())}")
    return found


def _filter(text: str | None, resource: Resource) -> tuple[str | None, Split | None]:
    """Parse `Dimension eq 'value' and …`; the value `*` returns one series per value."""
    operation: str | None = None
    split: Split | None = None
    for clause in re.split(r"\band\b", text, flags=re.IGNORECASE) if text else ():
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise _bad("$filter", "must be Dimension eq 'value', several with 'and' between them")
        name, value = match[1].lower(), match[2]
        if name in _DIMENSIONS and value == "*" and split is None:
            split = _DIMENSIONS[name]
        elif name == "operationname" and value != "*":
            operation = value
        elif (name, value.lower()) not in {
            ("apiname", "*"),
            ("apiname", KIND.lower()),
            ("region", "*"),
            ("region", resource.location),
        }:
            raise _bad("$filter", "may name one of OperationName and StatusCode as '*', and an OperationName")
    return operation, split


def _bad(parameter: str, text: str) -> ManagementError:
    return ManagementError(400, "BadRequest", f"The parameter '{parameter}' {text}.", target=parameter)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
