"""What the runner of cameras and doors depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from mien.doors.actuators.config import ActuatorConfig
from mien.doors.cameras import Cameras
from mien.doors.decisions import Decisions
from mien.doors.doors import Doors
from mien.doors.evidence import TrackEvidence
from mien.doors.journal import DoorEvents
from mien.doors.openings import Actuator
from mien.doors.types import Camera, Door
from mien.storage import Database
from mien.storage.claims import Claims


class Watching(Protocol):
    """A running camera: `mien.doors.recognition.Watcher`, or a test double."""

    def run(
        self, on_evidence: Callable[[TrackEvidence], None], on_end: Callable[[TrackEvidence], None] | None = None
    ) -> None:
        """Watch until the source ends or `stop` is called; blocks."""

    def stop(self) -> None:
        """Stop `run`; callable from any thread."""

    def best_shot(self, track: str) -> bytes | None:
        """The best face of a recent track as JPEG."""

    def connected(self) -> bool:
        """Whether frames arrive."""


OpenWatcher = Callable[[Camera, str], Watching]
"""Opens a camera by its configuration and address. Raises an exception whose text has no credentials."""
OpenActuator = Callable[[Door, ActuatorConfig], Actuator]
"""Opens an actuator. Raises ActuatorError if it cannot be opened on this server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerParts:
    """The dependencies of the runner.

    Attributes:
        database: the database with the doors.
        cameras: the cameras to run.
        doors: the doors that they watch.
        decisions: receives the evidence.
        events: records lost cameras.
        claims: claims of this server.
        open_watcher: opens cameras.
        open_actuator: opens actuators.
        approved: whether a resource may identify people in video.
        told: called after an event was written, to send it on.
    """

    database: Database
    cameras: Cameras
    doors: Doors
    decisions: Decisions
    events: DoorEvents
    claims: Claims
    open_watcher: OpenWatcher
    open_actuator: OpenActuator
    approved: Callable[[UUID], bool]
    told: Callable[[], None] = lambda: None
