"""The interface of a running camera; `mien.doors.recognition.Watcher`, which needs PyAV, implements it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mien.doors.evidence import TrackEvidence
from mien.video.health import Health


class CameraPicture(Protocol):
    """The last analysed frame; see `mien.video.camera.Picture`."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    @property
    def taken_at(self) -> datetime:
        """Time of the frame, UTC."""
        ...

    @property
    def boxes(self) -> Mapping[int, tuple[float, float, float, float]]:
        """The boxes of tracked faces, by track number."""
        ...

    def jpeg(self, quality: int = 75) -> bytes:
        """The frame as a JPEG, without boxes."""
        ...


class RunningCamera(Protocol):
    """A running camera; see `mien.doors.recognition.Watcher`."""

    @property
    def problem(self) -> str | None:
        """Why faces cannot be searched now; None if they can."""
        ...

    @property
    def left_out(self) -> str | None:
        """The groups that are not searched now, and why; None if all are."""
        ...

    def health(self) -> Health:
        """Return the health of the stream."""
        ...

    def picture(self) -> CameraPicture | None:
        """Return the last analysed frame; None before the first one."""
        ...

    def latest(self) -> tuple[TrackEvidence, ...]:
        """Return the evidence of the current tracks."""
        ...


WatchersOf = Callable[[UUID], Mapping[UUID, RunningCamera]]
"""Returns the cameras of a resource that run on this server, by id."""
