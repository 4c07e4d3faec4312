"""An actuator and an event of tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from mien.doors.events import Event, EventKind
from mien.doors.openings import ActuatorError


class Recorder:
    """An actuator that notes what it is told.

    Args:
        looks: called with each event before it is noted.
    """

    def __init__(self, looks: Callable[[Event], None] = lambda _: None) -> None:
        self.opened: list[int] = []
        self.fails = False
        self.closed = False
        self._looks = looks

    def open(self, event: Event, until: float) -> str:
        self._looks(event)
        self.opened.append(event.number)
        if self.fails:
            raise ActuatorError("the relay did not answer")
        return "recorded"

    def close(self) -> None:
        self.closed = True


def granted_event() -> Event:
    """Return a decision by which a door is to open."""
    return Event(
        number=1,
        event_id=uuid4(),
        at=datetime.now(UTC),
        kind=EventKind.DECISION,
        code="granted",
        granted=True,
        duress=False,
        door_id=None,
        camera=None,
        track=None,
        direction=None,
        rule_id=None,
        person=None,
        person_id=None,
        details={},
        act=None,
        acted_at=None,
        expires_at=None,
        act_note=None,
        has_picture=False,
        review=None,
        reviewed_by=None,
    )
