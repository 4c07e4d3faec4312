"""Dependencies of the liveness channel, and its limit on concurrent clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol
from uuid import UUID

from mien.liveness.guidance import TargetArea
from mien.liveness.ports import FrameJudge
from mien.liveness.recording import FrameLimits
from mien.liveness.reports import ClientPolicy
from mien.liveness.service import Liveness
from mien.vision.ports import Engine
from mien.workers import WorkerPool

Count = Callable[[UUID, str, float, int], None]
"""Told of an attempt's end: resource, error name ("" for a decision), seconds, bytes."""


class ConnectedClient(Protocol):
    """A client that is connected, as the limit of connections counts it."""

    @property
    def address(self) -> str:
        """The client's address."""
        ...

    async def replaced(self) -> None:
        """Give way to another connection of the same session."""
        ...


@dataclass(frozen=True, slots=True)
class ChannelContext:
    """Dependencies of the runs.

    Attributes:
        liveness: sessions and attempts.
        judge: judges attempts.
        finder: finds the faces of positioning frames.
        workers: the worker pool that evaluates attempts.
        glances: the worker pool for positioning frames and database queries; separate, so that positioning never delays
            requests.
        limits: how much a client may send.
        place: required position of the face.
        policy: the requirements on clients.
        concurrent: clients at the same time; half as many of one address.
        now: seconds of a monotonic clock, for the times of frames.
        count: called with every attempt that has ended.
        open: by token, the run that is going on; shared by all runs.
    """

    liveness: Liveness
    judge: FrameJudge
    finder: Engine
    workers: WorkerPool
    glances: WorkerPool
    limits: FrameLimits = field(default_factory=FrameLimits)
    place: TargetArea = field(default_factory=TargetArea)
    policy: ClientPolicy = field(default_factory=ClientPolicy)
    concurrent: int = 64
    now: Callable[[], float] = monotonic
    count: Count | None = None
    open: dict[str, ConnectedClient] = field(default_factory=dict)

    def has_place(self, token: str, address: str) -> bool:
        """Return whether another client may start; a client that takes its own place again always may."""
        if token in self.open:
            return True
        of_address = sum(run.address == address for run in self.open.values())
        return len(self.open) < self.concurrent and of_address < max(1, self.concurrent // 2)
