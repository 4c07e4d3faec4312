"""What the portal asks of a camera that runs: `mien.doors.recognition.Watcher`, which needs PyAV, gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mien.doors.evidence import TrackEvidence
from mien.video.health import Health


class Picture(Protocol):
    """The last analysed frame, as `mien.video.camera.Picture`."""

    @property
    def size(self) -> tuple[int, int]:
        """Its width and height in pixels."""
        ...

    @property
    def taken_at(self) -> datetime:
        """Time of the picture, UTC."""
        ...

    @property
    def boxes(self) -> Mapping[int, tuple[float, float, float, float]]:
        """The faces that are followed, by number of their track."""
        ...

    def jpeg(self, quality: int = 75) -> bytes:
        """The picture as a JPEG, without boxes."""
        ...


class Watched(Protocol):
    """A running camera, as `mien.doors.recognition.Watcher`."""

    @property
    def problem(self) -> str | None:
        """Why faces cannot be searched for now."""
        ...

    @property
    def left_out(self) -> str | None:
        """Which of several groups are left out now, and why."""
        ...

    def health(self) -> Health:
        """How it does."""
        ...

    def picture(self) -> Picture | None:
        """The last analysed frame."""
        ...

    def latest(self) -> tuple[TrackEvidence, ...]:
        """The evidence of the tracks that go on."""
        ...


WatchersOf = Callable[[UUID], Mapping[UUID, Watched]]
"""Gives the cameras of a resource that run on this server, by their ids."""
