"""Events of doors for webhooks: written with the event, and sent and signed like alerts.

A stored message does not contain the person: the event is read again when the message is sent, so that names disappear
from messages with their persons, as they do from events. The rest is stored for servers of an earlier version, which
send messages as they are stored.
"""

from __future__ import annotations

import json
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.doors.events import Event, EventKind, events_of_rows
from mien.doors.reasons import Code
from mien.events.alerts.conditions import DOOR_EVENTS, Condition
from mien.events.alerts.deliveries import Complete
from mien.storage import Database
from mien.storage.tables import AlertDeliveryRow, AlertRuleRow, DoorEventRow

_EVENT: Final = "door"
_NOBODY: Final = {"personId": None, "person": None, "place": None}


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
            "door": event.to_json() | _NOBODY,
        }
        session.add(
            AlertDeliveryRow(
                id=delivery,
                rule_id=rule.id,
                event=_EVENT,
                body=json.dumps(body),
                state="pending",
                created_at=event.at,
                due_at=event.at,
                attempts=0,
            )
        )


def completed(database: Database) -> Complete:
    """Return what puts the present state of events into the messages about them."""

    def complete(kind: str, body: str) -> str:
        if kind != _EVENT:
            return body
        message = json.loads(body)
        with database.read(UUID(message["resource"]["id"])) as session:
            found = session.scalars(select(DoorEventRow).where(DoorEventRow.number == message["door"]["number"]))
            events = events_of_rows(session, list(found))
        return json.dumps(message | {"door": events[0].to_json() if events else message["door"] | _NOBODY})

    return complete


def announced(event: Event) -> bool:
    """Return whether an event is sent to others.

    A silent alarm is sent in any case, an event of a stranger only if the door announces them, and that somebody waits
    for a second person never.
    """
    if event.duress:
        return True
    if event.kind is EventKind.STRANGER:
        return event.details.get("announce") is True
    return event.code != Code.SECOND_PERSON_MISSING.value
