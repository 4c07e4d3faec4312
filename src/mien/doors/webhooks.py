"""Events of doors for webhooks: written with the event, and sent and signed like alerts."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.doors.events import Event, Kind
from mien.doors.reasons import Code
from mien.events.alerts.conditions import DOOR_EVENTS, Condition
from mien.storage.tables import AlertDeliveryRow, AlertRuleRow


def deliver(session: Session, event: Event, resource_id: UUID) -> None:
    """Write a message for every alert rule on `DoorEvents` that has a webhook; a listener of `DoorEvents`.

    Events of strangers are left out unless the door announces strangers.
    """
    if not announced(event):
        return
    rows = session.scalars(select(AlertRuleRow).where(AlertRuleRow.url.is_not(None)))
    for rule in rows:
        watched = rule.resource_id in {None, resource_id}
        if not watched or Condition.from_json(rule.condition).metric != DOOR_EVENTS:
            continue
        delivery = uuid4()
        body = {
            "id": str(delivery),
            "event": f"door.{event.kind.value}",
            "rule": {"id": str(rule.id), "name": rule.name},
            "resource": {"id": str(resource_id)},
            "door": event.to_json(),
        }
        session.add(
            AlertDeliveryRow(
                id=delivery,
                rule_id=rule.id,
                event="door",
                body=json.dumps(body),
                state="pending",
                created_at=event.at,
                due_at=event.at,
                attempts=0,
            )
        )


def announced(event: Event) -> bool:
    """Return whether an event is sent to others: events of strangers only if the door announces them."""
    if event.kind is Kind.STRANGER:
        return event.details.get("announce") is True
    return event.code != Code.SECOND_PERSON_MISSING.value
