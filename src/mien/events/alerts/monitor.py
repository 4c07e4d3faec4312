"""Evaluates the alert rules every few seconds and reports each change once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import or_, update

from mien.clock import Clock
from mien.events.alerts.conditions import DOOR_EVENTS, DRIFT, QUOTA_USE, RECALL, QuotaUse, highest_use
from mien.events.alerts.deliveries import FIRST_PAUSE, Deliveries
from mien.events.alerts.messages import Event, message
from mien.events.alerts.rules import AlertRules
from mien.events.alerts.types import AlertRule
from mien.events.drift import moved_series
from mien.events.query import MetricQuestion, MetricStore
from mien.events.recall import recall_percent
from mien.storage import EVERY_RESOURCE, Database
from mien.storage.claims import ClaimLostError, Claims, Held
from mien.storage.faults import log_failure
from mien.storage.tables import AlertDeliveryRow, AlertRuleRow

_SHARE: Final = 0.8  # of a round: a server that is slightly early can still claim the rule

_log = structlog.get_logger("mien.alerts")


class AlertMonitor:
    """Evaluates rules and sends messages in two threads, so that a slow receiver does not delay evaluation.

    Several servers can share a database: each evaluation of a rule is claimed by one of them.

    Args:
        database: the database with rules and messages.
        rules: the rules.
        deliveries: sends the messages.
        metrics: the metrics that the rules evaluate.
        clock: the clock.
        uses: returns the use of all resources' quotas.
        names: returns the names of the resources by id.
        seconds: pause between two rounds.
        claims: claims of this process; created when None.
        first: functions to call before each round, such as drift detection.
    """

    def __init__(
        self,
        database: Database,
        rules: AlertRules,
        deliveries: Deliveries,
        metrics: MetricStore,
        clock: Clock,
        *,
        uses: Callable[[], Sequence[QuotaUse]] = list,
        names: Callable[[], Mapping[UUID, str]] = dict,
        seconds: float = 15.0,
        claims: Claims | None = None,
        first: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._first = tuple(first)
        self._claims = claims or Claims(database)
        self._database = database
        self._rules = rules
        self._deliveries = deliveries
        self._metrics = metrics
        self._clock = clock
        self._uses = uses
        self._names = names
        self._seconds = seconds
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []

    def evaluate(self) -> None:
        """Evaluate the due rules and queue their messages; only one server at a time does this."""
        with self._claims.hold("alerts") as held:
            if held is not None:
                self._evaluate_held(held)

    def _evaluate_held(self, held: Held) -> None:
        # Every event of a door is sent with the event, not when a value is reached.
        rules = [rule for rule in self._rules.rules() if rule.condition.metric != DOOR_EVENTS]
        uses = list(self._uses()) if any(rule.condition.metric == QUOTA_USE for rule in rules) else []
        for rule in rules:
            try:
                self._evaluate(rule, uses, held)
            except ClaimLostError:
                return
            except Exception as error:  # the other rules continue
                log_failure(_log, "a rule could not be evaluated", error, rule=str(rule.id))
        self._wake.set()

    def send(self) -> None:
        """Send the due messages."""
        self._deliveries.send_due(self._stop.is_set)

    def _evaluate(self, rule: AlertRule, uses: Sequence[QuotaUse], held: Held) -> None:
        now = self._clock.now()
        free = or_(
            AlertRuleRow.checked_at.is_(None),
            AlertRuleRow.checked_at <= now - timedelta(seconds=self._seconds * _SHARE),
            AlertRuleRow.checked_at > now + timedelta(seconds=self._seconds),  # set by a clock that was ahead
        )
        claim = (
            update(AlertRuleRow)
            .where(AlertRuleRow.id == rule.id, free)
            .values(checked_at=now)
            .returning(AlertRuleRow.firing)
        )
        with self._database.write(EVERY_RESOURCE) as session:
            claimed = session.execute(claim).first()
        if claimed is None:
            return
        value = self._value(rule, uses)
        met = rule.condition.is_met(value)
        if met == claimed.firing:
            return
        event: Event = "fired" if met else "resolved"
        body = message(rule, event, value, now, self._names())
        change = (
            update(AlertRuleRow)
            .where(AlertRuleRow.id == rule.id, AlertRuleRow.firing == claimed.firing, AlertRuleRow.checked_at == now)
            .values(firing=met, value=value, changed_at=now)
            .returning(AlertRuleRow.id)
        )
        with self._database.write(EVERY_RESOURCE) as session:
            held.fence(session)
            if session.execute(change).first() is None:  # another server has evaluated it since, with newer data
                return
            if rule.host is not None:
                session.add(
                    AlertDeliveryRow(
                        id=UUID(json.loads(body)["id"]),
                        rule_id=rule.id,
                        event=event,
                        body=body,
                        state="pending",
                        created_at=now,
                        due_at=now,
                        attempts=0,
                    )
                )
        said = json.loads(body)
        _log.warning(f"alert {event}", **{name: said[name] for name in ("rule", "resource", "metric", "value")})

    def _value(self, rule: AlertRule, uses: Sequence[QuotaUse]) -> float | None:
        condition = rule.condition
        if condition.metric == DRIFT:
            return moved_series(self._database, rule.resource_id)
        if condition.metric == QUOTA_USE:
            return highest_use(uses, condition, rule.resource_id)
        now = self._clock.now()
        since = now - timedelta(minutes=condition.minutes)
        if condition.metric == RECALL:
            return recall_percent(self._database, rule.resource_id, since, now)
        return self._metrics.value(
            MetricQuestion(
                condition.metric,
                since,
                now,
                resource_id=rule.resource_id,
                operation=condition.operation,
                aggregation=condition.aggregation,
                percentile=condition.percentile,
            )
        )

    def start(self) -> None:
        """Start the threads; messages left by an earlier process are sent first."""
        for name, work in (("evaluate", self._keep_evaluating), ("send", self._keep_sending)):
            thread = threading.Thread(target=work, name=f"mien-alerts-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Finish the current work and stop; unsent messages are sent after the next start."""
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()

    def _keep_evaluating(self) -> None:
        while not self._stop.wait(self._seconds):
            for work in (*self._first, self.evaluate):
                self._try(work)

    def _keep_sending(self) -> None:
        while not self._stop.is_set():
            self._try(self.send)
            self._wake.wait(min(self._seconds, FIRST_PAUSE.total_seconds()))
            self._wake.clear()

    @staticmethod
    def _try(work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # the next round tries again
            log_failure(_log, "alerts could not be evaluated or sent", error)


def try_out(rules: AlertRules, deliveries: Deliveries, clock: Clock, rule_id: UUID) -> str | None:
    """Send a test message for a rule now.

    Returns:
        The error; None if the receiver accepted it.

    Raises:
        AlertError: there is no such rule.
    """
    rule = rules.get(rule_id)
    body = message(rule, "test", rule.value, clock.now(), {})
    return deliveries.attempt(rule_id, UUID(json.loads(body)["id"]), "test", body)
