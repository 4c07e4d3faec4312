"""Alert rules and webhook messages as they are listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mien.events.alerts.conditions import Condition


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alert rule with its state.

    Attributes:
        id: id of the rule.
        name: display name.
        resource_id: the evaluated resource; None for all (for quotas: the most used one).
        condition: when the rule fires.
        host: host of its webhook; None for a rule that only writes to the log. The URL itself may contain a secret
            and is not shown.
        created_at: time of its creation.
        firing: whether the condition is met.
        value: the value at the last change of `firing`.
        changed_at: time of the last change of `firing`.
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
        id: sent with the message, so that receivers can recognise duplicates.
        event: `fired`, `resolved` or `test`.
        state: `pending`, `delivered` or `failed` (given up).
        created_at: time of the reported event.
        attempts: number of attempts to send it.
        outcome: result of the last attempt.
    """

    id: UUID
    event: str
    state: str
    created_at: datetime
    attempts: int
    outcome: str | None
