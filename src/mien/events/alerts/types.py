"""Alert rules and their messages, for lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mien.events.alerts.conditions import Condition


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule with its state.

    Attributes:
        id: identifies it.
        name: for people.
        resource_id: the resource whose calls or quotas are evaluated; None for all resources (for quotas: the most used
            one).
        condition: the condition of the rule.
        host: host of its webhook; None for a rule that only writes to the log. The address itself may contain a secret
            and is not shown.
        created_at: time of its creation.
        firing: whether it fires.
        value: the value when it began to fire or cleared.
        changed_at: time of that change.
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
        id: id that is sent along, so that a receiver can recognise duplicates.
        event: `fired`, `resolved` or `test`.
        state: `pending`, `delivered` or `failed` (given up).
        created_at: time of the event that it reports.
        attempts: how often it was sent.
        outcome: the outcome of the last attempt.
    """

    id: UUID
    event: str
    state: str
    created_at: datetime
    attempts: int
    outcome: str | None
