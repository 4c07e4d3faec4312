"""Liveness and readiness probes of the data port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

from mien.gateway.exchange import Exchange, Operation, Response

CHECK_SECONDS: Final = 2.0
"""Time limit of a check, after which it counts as failed."""

_FRESH_SECONDS: Final = 1.0
_LATER: Final = ((b"retry-after", b"1"),)


class Readiness:
    """Whether this server is ready for requests.

    Args:
        checks: functions by name that return whether a component works; they may block.
        now: monotonic clock, in seconds.
    """

    def __init__(self, checks: Mapping[str, Callable[[], bool]] | None = None, now: Callable[[], float] = monotonic):
        self._checks = dict(checks or {})
        self._now = now
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._failing: tuple[str, ...] = ()
        self._looked = float("-inf")
        self.draining = False

    async def failing(self) -> tuple[str, ...]:
        """Return the names of the failed checks; `draining` if the server is about to stop."""
        if self.draining:
            return ("draining",)
        if self._now() - self._looked > _FRESH_SECONDS:
            results = {name: await self._works(name) for name in self._checks}
            self._failing = tuple(name for name, works in results.items() if not works)
            self._looked = self._now()
        return self._failing

    async def _works(self, name: str) -> bool:
        """Run a check, unless its last run has not finished, and wait for the result for a limited time."""
        task = self._running.get(name)
        if task is None or task.done():
            task = self._running[name] = asyncio.create_task(asyncio.to_thread(self._checks[name]))
        done, _ = await asyncio.wait({task}, timeout=CHECK_SECONDS)
        return bool(done) and task.exception() is None and task.result()

    def operations(self) -> list[Operation]:
        """Return the operations of the probes."""
        return [
            Operation("Health - Live", "GET", "/healthz/live", self.live, needs_key=False),
            Operation("Health - Ready", "GET", "/healthz/ready", self.ready, needs_key=False),
        ]

    async def live(self, exchange: Exchange) -> Response:  # noqa: ARG002  part of the handler's signature
        """Return 200; a process that does not answer should be restarted."""
        return Response(body=b'{"status":"ok"}')

    async def ready(self, exchange: Exchange) -> Response:  # noqa: ARG002  as above
        """Return 200 if the server is ready for requests, else 503."""
        failing = await self.failing()
        if failing:
            body = json.dumps({"status": "not ready", "failing": failing}).encode()
            return Response(503, body, headers=_LATER)
        return Response(body=b'{"status":"ready"}')
