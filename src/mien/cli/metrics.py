"""`mien metrics`: what was counted, by resource, operation and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import AsJson, DataDir, opened, print_json, print_table, resource_id
from mien.cli._times import moment_of, span

if TYPE_CHECKING:
    from mien.events import MetricQuestion, MetricStore, Series


def command(
    name: Annotated[str | None, typer.Argument(help="A metric, such as TotalErrors. (default: all)")] = None,
    resource: Annotated[str | None, typer.Option(help="Only this resource.")] = None,
    operation: Annotated[str | None, typer.Option(help="Only this operation, such as 'Face - Detect'.")] = None,
    since: Annotated[str, typer.Option(help="Start: an age (90m, 6h, 30d) or a date.")] = "1h",
    until: Annotated[str | None, typer.Option(help="End: an age or a date. [default: now]")] = None,
    interval: Annotated[
        str | None, typer.Option(help="Length of the intervals, such as 5m. (default: one interval)")
    ] = None,
    aggregation: Annotated[
        str | None, typer.Option(help="Total, Average, Maximum, Count or Percentile. [default: the metric's own]")
    ] = None,
    percentile: Annotated[float, typer.Option(help="Percentile to use with the aggregation Percentile.")] = 95.0,
    by: Annotated[str | None, typer.Option(help="Split by resource, operation, status or code.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show metrics. Servers write them every few seconds."""
    from mien.events import METRICS, Aggregation, MetricError, MetricQuestion

    with opened(data_dir) as services:
        now = services.clock.now()
        owner = resource_id(services, resource)
        try:
            questions = [
                MetricQuestion(
                    one,
                    moment_of(since, now),
                    now if until is None else moment_of(until, now),
                    resource_id=owner,
                    operation=operation,
                    interval=None if interval is None else span(interval),
                    aggregation=None if aggregation is None else Aggregation(aggregation.capitalize()),
                    percentile=percentile,
                    split=by,  # type: ignore[arg-type]  # whatever was given: the store says what there is
                )
                for one in ([name] if name is not None else METRICS)
            ]
            answers = [(question, _ask(services.metrics, question, lenient=name is None)) for question in questions]
        except MetricError as error:
            raise typer.BadParameter(str(error)) from error
        except ValueError as error:
            raise typer.BadParameter(f"aggregations are {', '.join(Aggregation)}") from error
        names = {str(one.id): one.name for one in services.accounts.resources()} if by == "resource" else {}
    _print(answers, names, by, as_json=as_json)


def _ask(store: MetricStore, question: MetricQuestion, *, lenient: bool) -> list[Series]:
    """Query the metrics; of several metrics, leave out those that cannot be queried in this way."""
    from mien.events import MetricError

    try:
        return store.ask(question)
    except MetricError:
        if lenient and question.name in {"FacesStored", "FaceImagesTrained"}:
            return []
        raise


def _print(
    answers: list[tuple[MetricQuestion, list[Series]]], names: dict[str, str], by: str | None, *, as_json: bool
) -> None:
    from mien.events import METRICS

    if as_json:
        print_json(
            [
                {
                    "metric": question.name,
                    "unit": METRICS[question.name].unit,
                    "aggregation": (question.aggregation or METRICS[question.name].aggregation).value,
                    "series": [
                        {
                            "label": names.get(series.label, series.label),
                            "points": [{"at": point.at, "value": point.value} for point in series.points],
                        }
                        for series in found
                    ],
                }
                for question, found in answers
            ]
        )
        return
    rows = []
    for question, found in answers:
        for series in found:
            label = [names.get(series.label, series.label)] if by else []
            for point in series.points:
                if point.value is not None or question.interval is None:
                    unit = METRICS[question.name].unit
                    rows.append([f"{point.at:%Y-%m-%d %H:%M}", question.name, *label, _number(point.value), unit])
    print_table(["from", "metric", *([by] if by else []), "value", "unit"], rows)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
