"""Actuators of tests."""

from __future__ import annotations

from collections.abc import Callable

from mien.doors.events import Event
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
