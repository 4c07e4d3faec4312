"""Take back the presence of a decision whose door stayed shut, or that was about somebody else.

Presence changes with the decision, so that two doors of an area never let the same person in twice. If the actuator
then fails, or the decision expires, the person is where they were before, and anti-passback must not hold against them.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.doors.events import Act
from mien.doors.types import Direction
from mien.storage.tables import DoorEventRow, DoorPresenceRow

SHUT = (Act.FAILED, Act.EXPIRED)
"""States of an actuator after which the door counts as not opened."""


def presence_details(area: str, before: datetime | None, now: datetime) -> dict[str, Any]:
    """Return what an event keeps of the presence that it changes.

    Args:
        area: the area behind the door.
        before: since when the person was inside; None if they were outside.
        now: the moment of the decision.
    """
    return {"area": area, "before": None if before is None else before.isoformat(), "at": now.isoformat()}


def take_back(session: Session, row: DoorEventRow) -> None:
    """Restore the presence from before a decision, unless it has changed since; within a writing session.

    If the decision was about two persons, the presence of the first is restored too, and hold-off does not count it.
    """
    if (first := json.loads(row.details).get("partnerEvent")) is not None:
        partner = session.scalar(select(DoorEventRow).where(DoorEventRow.number == first))
        if partner is not None and partner.act == Act.USED.value:
            partner.act = Act.EXPIRED.value
            restore(session, partner)
    restore(session, row)


def restore(session: Session, row: DoorEventRow) -> None:
    """Restore the presence of an event's person from before the event, unless it has changed since."""
    kept = json.loads(row.details).get("presence")
    if kept is None or row.collection is None or row.person_id is None:  # nothing was changed, or the person is erased
        return
    before = None if kept["before"] is None else datetime.fromisoformat(kept["before"])
    key = (row.resource_id, kept["area"], row.collection, row.person_id)
    found = session.get(DoorPresenceRow, key)
    if row.direction == Direction.ENTRY.value:
        if found is None or found.since != datetime.fromisoformat(kept["at"]):
            return
        if before is None:
            session.delete(found)
        else:
            found.since = before
    elif found is None and before is not None:
        resource_id, area, collection, person_id = key
        session.add(
            DoorPresenceRow(
                resource_id=resource_id, area=area, collection=collection, person_id=person_id, since=before
            )
        )
    session.flush()
