"""`mien alert`: rules on metrics and quotas, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli._administration import (
    As,
    AsJson,
    DataDir,
    actor,
    fail,
    moment,
    opened,
    print_facts,
    print_json,
    print_table,
    resource_id,
)
from mien.cli._ids import short, whole_id

if TYPE_CHECKING:
    from mien.events import AlertRule
    from mien.services import Services

app = typer.Typer(help="Send alerts when a metric or quota usage crosses a threshold.", no_args_is_help=True)

Rule = Annotated[str, typer.Argument(help="The rule's id, or its beginning.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the rule.")],
    metric: Annotated[
        str,
        typer.Option(
            help="A metric, such as ServerErrors; QuotaUse or IdentityRecall (per cent); Drift (series); DoorEvents "
            "(every event of a door, to --webhook)."
        ),
    ],
    above: Annotated[float | None, typer.Option(help="Fire at or above this value. [QuotaUse: 80, Drift: 1]")] = None,
    below: Annotated[float | None, typer.Option(help="Fire at or below this value. [IdentityRecall: 99.9]")] = None,
    *,
    resource: Annotated[str | None, typer.Option(help="Only this resource. (default: all)")] = None,
    webhook: Annotated[str | None, typer.Option(help="Webhook URL. (default: write to the log only)")] = None,
    minutes: Annotated[
        int | None, typer.Option(help="Evaluation window in minutes. [IdentityRecall: 1440, others: 5]")
    ] = None,
    aggregation: Annotated[str | None, typer.Option(help="Total, Average, Maximum, Count or Percentile.")] = None,
    percentile: Annotated[float, typer.Option(help="Percentile to use with the aggregation Percentile.")] = 95.0,
    operation: Annotated[str | None, typer.Option(help="Only this operation, such as 'Face - Detect'.")] = None,
    quota: Annotated[
        str | None, typer.Option(help="With QuotaUse: rate, volume or storage. (default: the fullest)")
    ] = None,
    as_name: As = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Create a rule. The secret that signs the webhook's messages is shown once."""
    from mien.events import AlertError, Condition
    from mien.events.alerts.conditions import USUAL
    from mien.events.metrics import Aggregation

    if (above is None and below is None and metric not in USUAL) or (above is not None and below is not None):
        raise typer.BadParameter("give either --above or --below")
    if aggregation is not None and aggregation.capitalize() not in set(Aggregation):
        raise typer.BadParameter(f"aggregations are {', '.join(Aggregation)}")
    with _opened(data_dir) as services:
        try:
            condition = Condition.of(
                metric,
                threshold=below if above is None else above,
                below=None if above is None and below is None else above is None,
                minutes=minutes,
                aggregation=None if aggregation is None else Aggregation(aggregation.capitalize()),
                percentile=percentile,
                operation=operation,
                quota=quota,
            )
        except AlertError as error:
            raise typer.BadParameter(str(error)) from error
        owner = resource_id(services, resource)
        rule, secret = services.alerts.create(name, condition, resource_id=owner, url=webhook)
        _record(services, as_name, "create", rule)
    if as_json:
        print_json({"rule": rule, "secret": secret})
        return
    print_facts([("id", rule.id), ("fires", _words(rule)), ("webhook", rule.host), ("secret", secret)])


@app.command("list")
def list_rules(
    resource: Annotated[str | None, typer.Option(help="Only this resource.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show the rules and their states."""
    with _opened(data_dir) as services:
        rules = services.alerts.rules(resource_id(services, resource))
        names = {one.id: one.name for one in services.accounts.resources()}
    if as_json:
        print_json(rules)
        return
    rows = [
        [
            short(rule.id),
            rule.name,
            "all" if rule.resource_id is None else names.get(rule.resource_id, rule.resource_id),
            _words(rule),
            rule.host,
            f"firing since {moment(rule.changed_at)}" if rule.firing else "quiet",
        ]
        for rule in rules
    ]
    print_table(["id", "name", "resource", "fires", "webhook", "state"], rows)


@app.command()
def show(rule_id: Rule, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show a rule and its recent messages."""
    with _opened(data_dir) as services:
        rule = _rule(services, rule_id)
        deliveries = services.alerts.deliveries(rule.id)
    if as_json:
        print_json({"rule": rule, "deliveries": deliveries})
        return
    print_facts([("name", rule.name), ("fires", _words(rule)), ("webhook", rule.host), ("firing", rule.firing)])
    rows = [[moment(one.created_at), one.event, one.state, one.attempts, one.outcome] for one in deliveries]
    print_table(["when", "event", "state", "attempts", "outcome"], rows)


@app.command()
def delete(rule_id: Rule, as_name: As = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Delete a rule and its unsent messages."""
    with _opened(data_dir) as services:
        rule = _rule(services, rule_id)
        services.alerts.delete(rule.id)
        _record(services, as_name, "delete", rule)
    if as_json:
        print_json({"deleted": rule.id})
    else:
        typer.echo(f"the rule {rule.name!r} is deleted")


@app.command("test")
def send_test(rule_id: Rule, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Send a test message to a rule's webhook; if delivery fails, print the reason and exit with 1."""
    from mien.events.alerts.monitor import try_out
    from mien.monitoring import open_deliveries
    from mien.settings import Settings

    settings = Settings(data_dir=data_dir.absolute()) if data_dir else Settings()
    with _opened(data_dir) as services:
        rule = _rule(services, rule_id)
        problem = try_out(services.alerts, open_deliveries(settings, services), services.clock, rule.id)
    if as_json:
        print_json({"delivered": problem is None, "reason": problem})
    else:
        typer.echo("the receiver accepted it" if problem is None else f"delivery failed: {problem}")
    if problem is not None:
        raise typer.Exit(1)


@contextmanager
def _opened(data_dir: Path | None) -> Iterator[Services]:
    from mien.events import AlertError

    with opened(data_dir) as services:
        try:
            yield services
        except AlertError as error:
            fail(str(error))


def _rule(services: Services, text: str) -> AlertRule:
    known = ((one.id, one.name) for one in services.alerts.rules(None))
    return services.alerts.get(whole_id(text, known, "rule"))


def _record(services: Services, as_name: str | None, verb: str, rule: AlertRule) -> None:
    details = {"rule": str(rule.id), "name": rule.name, "fires": _words(rule), "webhook": rule.host}
    services.audit.record(actor=actor(as_name), action=f"alert.{verb}", resource_id=rule.resource_id, details=details)


def _words(rule: AlertRule) -> str:
    from mien.events.alerts.conditions import DOOR_EVENTS

    condition = rule.condition
    if condition.metric == DOOR_EVENTS:
        return "for every event of a door"
    parts = [condition.metric]
    if condition.quota is not None:
        parts.append(f"of {condition.quota}")
    if condition.operation is not None:
        parts.append(f"of {condition.operation}")
    if condition.aggregation is not None:
        parts.append(f"({condition.aggregation.value})")
    parts.append(f"{'≤' if condition.below else '≥'} {condition.threshold:g}")
    if condition.metric not in {"QuotaUse", "Drift"}:
        parts.append(f"in {condition.minutes} min")
    return " ".join(parts)
