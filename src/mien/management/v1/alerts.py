"""Routes for alert rules and their webhook messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from mien.accounts import Accounts
from mien.events import Aggregation, AlertError, AlertRule, AlertRules, Condition
from mien.events.alerts.conditions import QUOTA_USE
from mien.management.errors import not_found
from mien.management.login import Actor
from mien.management.roles import Permission
from mien.management.routing import AnyManager, AnyReader, Journal, Shown, Strict, resource_filter
from mien.management.v1.fields import ResourceName, find

TryOut = Callable[[UUID], str | None]
"""Sends a test message of a rule; returns the error, or None if the receiver accepted it."""


class ConditionBody(Strict):
    """The condition of a rule; a rule without one watches all quotas, from 80 %.

    What is left out is as usual: a use of 80 %, one series that moved, a recall of at most 99.9 % over a day. A metric
    needs a threshold; it fires above it, over 5 minutes.
    """

    metric: Annotated[
        str, Field(max_length=40, description="Name of a metric, QuotaUse, Drift, IdentityRecall or DoorEvents.")
    ] = QUOTA_USE
    threshold: float | None = None
    below: bool | None = None
    minutes: Annotated[int | None, Field(ge=1, le=1440)] = None
    aggregation: Aggregation | None = None
    percentile: Annotated[float, Field(gt=0, le=100)] = 95.0
    operation: Annotated[str | None, Field(max_length=100)] = None
    quota: Annotated[str | None, Field(max_length=20)] = None


class ConditionSeen(Shown):
    """The condition of an alert rule."""

    metric: str
    threshold: float
    below: bool
    minutes: int
    aggregation: Aggregation | None
    percentile: float
    operation: str | None
    quota: str | None


class RuleWanted(Strict):
    """A rule to be made."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    resource: ResourceName | None = None
    condition: ConditionBody = Field(default_factory=ConditionBody)
    url: Annotated[str | None, Field(max_length=2000, description="Webhook; without, the log alone is told.")] = None
    secret: Annotated[str | None, Field(max_length=200, description="Signs messages; made when absent.")] = None


class RuleSeen(Shown):
    """A rule as it stands; of the webhook only the host, since its address may have a secret in it."""

    id: UUID
    name: str
    resource_id: UUID | None
    condition: ConditionSeen
    host: str | None
    created_at: datetime
    firing: bool
    value: float | None
    changed_at: datetime | None


class RuleMade(RuleSeen):
    """A rule that was just made, with the secret that signs its messages, which is shown only now."""

    secret: str | None


class RuleList(Shown):
    """Rules, oldest first."""

    value: list[RuleSeen]


class DeliverySeen(Shown):
    """A message to a webhook."""

    id: UUID
    event: str
    state: str
    created_at: datetime
    attempts: int
    outcome: str | None


class DeliveryList(Shown):
    """Messages, newest first."""

    value: list[DeliverySeen]


class Tried(Shown):
    """The result of a test message."""

    delivered: bool
    problem: str | None


def routes(alerts: AlertRules, accounts: Accounts, journal: Journal, try_out: TryOut) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/mien/v1/alert-rules", tags=["alerts"])

    def found(rule_id: UUID, actor: Actor, permission: Permission = Permission.MANAGE) -> AlertRule:
        """Return a rule that the caller may see; a rule for the whole server needs a role on the whole server."""
        try:
            rule = alerts.get(rule_id)
        except AlertError:
            rule = None
        if rule is None or not actor.sees(rule.resource_id):
            raise not_found(f"The alert rule {rule_id}")
        actor.require(permission, "this", rule.resource_id)
        return rule

    @router.get("")
    def list_rules(actor: AnyReader, resource: Annotated[ResourceName | None, Query()] = None) -> RuleList:
        """List the rules of the resources that the caller sees."""
        owner = (
            None if resource is None else resource_filter(actor, Permission.SEE, find(accounts, resource).id, resource)
        )
        rules = (one for one in alerts.rules(owner) if actor.may(Permission.SEE, one.resource_id))
        return RuleList(value=[RuleSeen.model_validate(one) for one in rules])

    @router.post("", status_code=201)
    def create_rule(body: RuleWanted, actor: AnyManager) -> RuleMade:
        """Create a rule."""
        owner = None if body.resource is None else find(accounts, body.resource).id
        if owner is None:
            actor.require(Permission.MANAGE, "a rule for the whole server")
        else:
            resource_filter(actor, Permission.MANAGE, owner, body.resource)
        condition = Condition.of(**body.condition.model_dump())
        rule, secret = alerts.create(body.name, condition, resource_id=owner, url=body.url, secret=body.secret)
        journal.did(
            actor, "alert.create", owner, rule=str(rule.id), name=rule.name, metric=condition.metric, to=rule.host
        )
        return RuleMade(**RuleSeen.model_validate(rule).model_dump(), secret=secret)

    @router.get("/{rule_id}")
    def get_rule(rule_id: UUID, actor: AnyReader) -> RuleSeen:
        """Return a rule."""
        return RuleSeen.model_validate(found(rule_id, actor, Permission.SEE))

    @router.delete("/{rule_id}", status_code=204)
    def delete_rule(rule_id: UUID, actor: AnyManager) -> None:
        """Delete a rule, with what it still had to send."""
        rule = found(rule_id, actor)
        alerts.delete(rule_id)
        journal.did(actor, "alert.delete", rule.resource_id, rule=str(rule_id), name=rule.name)

    @router.get("/{rule_id}/deliveries")
    def list_deliveries(
        rule_id: UUID, actor: AnyReader, limit: Annotated[int, Query(ge=1, le=500)] = 20
    ) -> DeliveryList:
        """List the newest messages of a rule."""
        found(rule_id, actor, Permission.SEE)
        return DeliveryList(value=[DeliverySeen.model_validate(one) for one in alerts.deliveries(rule_id, limit)])

    @router.post("/{rule_id}/test")
    def test_rule(rule_id: UUID, actor: AnyManager) -> Tried:
        """Send a test message of a rule now, and say whether the receiver took it."""
        rule = found(rule_id, actor)
        problem = try_out(rule_id)
        journal.did(actor, "alert.test", rule.resource_id, rule=str(rule_id), delivered=problem is None)
        return Tried(delivered=problem is None, problem=problem)

    return router
