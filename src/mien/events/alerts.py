"""Alert rules: what is watched, and who is told.

A rule compares a metric, or the use of a quota, with a threshold. It fires once when the threshold is crossed and not
again before it has cleared, on all servers together.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select

from mien.clock import Clock
from mien.contract.operations import OPERATIONS, operation_named
from mien.events.metrics import METRICS, Aggregation
from mien.events.recall import LEAST_RECALL
from mien.messages import Message, MessageError
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import AlertDeliveryRow, AlertRuleRow

QUOTA_USE: Final = "QuotaUse"
"""Name of the condition on quota usage, in percent, as opposed to a metric."""

DRIFT: Final = "Drift"
"""Name of the condition on how many series of a resource differ from their baseline."""

RECALL: Final = "IdentityRecall"
"""Name of the condition on the share of people that a search engine finds, in percent of the answers checked."""

DOOR_EVENTS: Final = "DoorEvents"
"""Name of the condition whose webhook gets every event of doors; its threshold is not compared with anything."""

QUOTAS: Final = ("rate", "volume", "storage")
MAX_WINDOW: Final = 24 * 60

Event = Literal["fired", "resolved", "test"]


class AlertError(MessageError, ValueError):
    """A rule cannot be made or found; the message says why."""


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """How much of one of a resource's quotas is used.

    Attributes:
        resource_id: whose.
        quota: `rate` (calls), `volume` (calls a month) or `storage`.
        name: of the quota in particular, such as `largePersonGroup.persons`.
        used: how much.
        limit: of how much; above 0.
    """

    resource_id: UUID
    quota: str
    name: str
    used: float
    limit: float

    @property
    def percent(self) -> float:
        """The use in per cent."""
        return 100 * self.used / self.limit


@dataclass(frozen=True, slots=True)
class Usual:
    """What a condition is meant to be where nothing else is said; see `Condition` for the parts."""

    threshold: float
    below: bool = False
    minutes: int = 5


USUAL: Final = {
    QUOTA_USE: Usual(80.0),
    DRIFT: Usual(1.0),
    DOOR_EVENTS: Usual(1.0),
    RECALL: Usual(100 * LEAST_RECALL, below=True, minutes=MAX_WINDOW),
}
"""The usual conditions on what is no metric; a metric has none, since its threshold depends on the traffic."""


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
        operation: of this operation only.
        quota: with `QuotaUse`, `rate`, `volume` or `storage`; None for whichever is used most.
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
        """Check that it can be asked.

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
            raise AlertError("a quota goes with {quota_use}", quota_use=QUOTA_USE)
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
        """Make a condition, with what is usual for its metric where nothing is said.

        Args:
            metric: see `Condition`, as are the others.
            threshold: the usual one when None.
            below: likewise.
            minutes: likewise; 5 for a metric.
            more: the other parts.

        Raises:
            AlertError: it cannot be asked, or lacks a threshold.
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
        """Tell whether a value makes the rule fire; no value does not."""
        if value is None:
            return False
        return value <= self.threshold if self.below else value >= self.threshold

    def to_json(self) -> str:
        """Return the condition as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Condition:
        """Read a condition that `to_json` wrote."""
        fields = json.loads(text)
        aggregation = fields.pop("aggregation")
        return cls(aggregation=None if aggregation is None else Aggregation(aggregation), **fields)


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule as it stands.

    Attributes:
        id: identifies it.
        name: for people.
        resource_id: whose calls or quotas; None for all resources (of quotas: the one that is used most).
        condition: what makes it fire.
        host: where its webhook is; None for a rule that only the log is told of. The address itself may have a
            secret in it and is not shown.
        created_at: when it was made.
        firing: whether it fires.
        value: the value when it began to fire or cleared.
        changed_at: when that was.
    """

    id: UUID
    name: str
    resource_id: UUID | None
    condition: Condition
    host: str | None
    created_at: datetime
    firing: bool = False
    value: float | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to a webhook.

    Attributes:
        id: sent along, so that a receiver knows one that comes twice.
        event: `fired`, `resolved` or `test`.
        state: `pending`, `delivered` or `failed` (given up).
        created_at: when what it tells of happened.
        attempts: how often it was sent.
        outcome: what came of the last attempt.
    """

    id: UUID
    event: str
    state: str
    created_at: datetime
    attempts: int
    outcome: str | None


class AlertRules:
    """The rules on a database.

    Args:
        database: where they are.
        vault: seals addresses and secrets.
        clock: stamps them.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        refuses: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._refuses = refuses

    def create(
        self,
        name: str,
        condition: Condition,
        *,
        resource_id: UUID | None = None,
        url: str | None = None,
        secret: str | None = None,
    ) -> tuple[AlertRule, str | None]:
        """Create a rule.

        Args:
            name: for people, 1 to 100 characters.
            condition: what makes it fire.
            resource_id: of this resource only.
            url: the webhook's; None tells the log only.
            secret: signs what is sent; made when None.

        Returns:
            The rule, and the secret, which is not shown again; None without a webhook.

        Raises:
            AlertError: name, address or secret cannot be used, or there is no such operation.
        """
        operation = condition.operation
        if operation is not None:
            if (known := operation_named(operation)) is None:
                raise AlertError(
                    "there is no operation {operation!r}; {near}", operation=operation[:80], near=_like(operation)
                )
            condition = replace(condition, operation=known)
        if not 1 <= len(name.strip()) <= 100 or not name.isprintable():
            raise AlertError("a rule's name has 1 to 100 printable characters")
        rule_id = uuid4()
        sealed_url = sealed_secret = None
        if url is None:
            secret = None
        else:
            _host(url)
            if refusal := self._refuses(urlsplit(url).hostname or ""):
                refusal = refusal.replace("MIEN_URL_", "MIEN_WEBHOOK_")
                raise AlertError("nobody would be told: the webhook's host {refusal}", refusal=refusal)
            secret = secret or secrets.token_hex(32)
            if len(secret) < 16:
                raise AlertError("a secret has at least 16 characters")
            sealed_url = self._vault.seal(url.encode(), resource_id=None, what=_what(rule_id, "url"))
            sealed_secret = self._vault.seal(secret.encode(), resource_id=None, what=_what(rule_id, "secret"))
        row = AlertRuleRow(
            id=rule_id,
            resource_id=resource_id,
            name=name.strip(),
            condition=condition.to_json(),
            url=sealed_url,
            secret=sealed_secret,
            created_at=self._clock.now(),
            firing=False,
        )
        with self._database.write(EVERY_RESOURCE) as session:
            session.add(row)
        return self._rule(row), secret

    def rules(self, resource_id: UUID | None = None) -> list[AlertRule]:
        """Return the rules, of one resource or all, oldest first."""
        query = select(AlertRuleRow).order_by(AlertRuleRow.created_at, AlertRuleRow.id)
        if resource_id is not None:
            query = query.where(AlertRuleRow.resource_id == resource_id)
        with self._database.read(EVERY_RESOURCE) as session:
            return [self._rule(row) for row in session.scalars(query)]

    def get(self, rule_id: UUID) -> AlertRule:
        """Return a rule.

        Raises:
            AlertError: there is none.
        """
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.get(AlertRuleRow, rule_id)
        if row is None:
            raise AlertError("there is no such rule")
        return self._rule(row)

    def delete(self, rule_id: UUID) -> None:
        """Delete a rule, with what it still had to send.

        Raises:
            AlertError: there is none.
        """
        with self._database.write(EVERY_RESOURCE) as session:
            statement = delete(AlertRuleRow).where(AlertRuleRow.id == rule_id).returning(AlertRuleRow.id)
            if session.execute(statement).first() is None:
                raise AlertError("there is no such rule")

    def deliveries(self, rule_id: UUID, limit: int = 20) -> list[Delivery]:
        """Return the newest messages of a rule, newest first."""
        query = (
            select(AlertDeliveryRow)
            .where(AlertDeliveryRow.rule_id == rule_id)
            .order_by(AlertDeliveryRow.number.desc())
            .limit(limit)
        )
        with self._database.read(EVERY_RESOURCE) as session:
            return [
                Delivery(row.id, row.event, row.state, row.created_at, row.attempts, row.outcome)
                for row in session.scalars(query)
            ]

    def undelivered(self) -> dict[UUID, Delivery]:
        """Return the newest message of each rule whose newest message was tried and not taken, by the rule's id."""
        newest = select(func.max(AlertDeliveryRow.number)).group_by(AlertDeliveryRow.rule_id)
        query = select(AlertDeliveryRow).where(
            AlertDeliveryRow.number.in_(newest), AlertDeliveryRow.state != "delivered", AlertDeliveryRow.attempts > 0
        )
        with self._database.read(EVERY_RESOURCE) as session:
            return {
                row.rule_id: Delivery(row.id, row.event, row.state, row.created_at, row.attempts, row.outcome)
                for row in session.scalars(query)
            }

    def address(self, rule_id: UUID) -> tuple[str, str] | None:
        """Return where a rule's messages go and what signs them; None for a rule that has no webhook, or is gone."""
        with self._database.read(EVERY_RESOURCE) as session:
            row = session.get(AlertRuleRow, rule_id)
        if row is None or row.url is None or row.secret is None:
            return None
        return self._open(row.url, rule_id, "url"), self._open(row.secret, rule_id, "secret")

    def _rule(self, row: AlertRuleRow) -> AlertRule:
        return AlertRule(
            row.id,
            row.name,
            row.resource_id,
            Condition.from_json(row.condition),
            None if row.url is None else _host(self._open(row.url, row.id, "url")),
            row.created_at,
            row.firing,
            row.value,
            row.changed_at,
        )

    def _open(self, sealed: bytes, rule_id: UUID, field: str) -> str:
        return self._vault.open(sealed, resource_id=None, what=_what(rule_id, field)).decode()


def message(rule: AlertRule, event: Event, value: float | None, at: datetime, names: Mapping[UUID, str]) -> str:
    """Return the body of a message as JSON.

    Args:
        rule: which rule.
        event: what happened to it.
        value: the value that made it so.
        at: when.
        names: names of the resources.
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


def worst(uses: Sequence[QuotaUse], condition: Condition, resource_id: UUID | None) -> float | None:
    """Return the highest use, in per cent, of the quotas that a condition watches; None when there is none."""
    percents = [
        use.percent for use in uses if condition.quota in {None, use.quota} and resource_id in {None, use.resource_id}
    ]
    return max(percents, default=None)


def _like(operation: str) -> str:
    """Name the operations that somebody may have meant."""
    near = get_close_matches(operation, sorted(OPERATIONS), n=3, cutoff=0.5) or ["Face - Detect"]
    if len(near) == 1:
        return Message("there is {name}", name=near[0])
    return Message("there are {names}", names=", ".join(near))


def _host(url: str) -> str:
    """The part of a webhook's address that may be shown.

    Raises:
        AlertError: it is no address of a webhook.
    """
    try:
        parts = urlsplit(url)
        host, port, scheme = parts.hostname, parts.port, parts.scheme
    except ValueError as error:
        raise AlertError("the webhook's address is malformed: {reason}", reason=error) from None
    if scheme not in {"http", "https"} or not host or parts.username is not None:
        raise AlertError("a webhook's address begins with http:// or https:// and has no user name in it")
    if len(url) > 2000 or not url.isprintable() or " " in url:
        raise AlertError("a webhook's address has at most 2000 printable characters")
    return f"{scheme}://{host}" + (f":{port}" if port else "")


def _what(rule_id: UUID, field: str) -> str:
    return f"alerts/{rule_id}/{field}"
