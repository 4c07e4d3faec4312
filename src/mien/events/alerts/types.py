"""Alert rules, and what was sent for them, as they are listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mien.events.alerts.conditions import Condition


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
