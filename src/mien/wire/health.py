"""Probes of the data port: is the process alive, and may it be sent requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

from mien.gateway.exchange import Exchange, Operation, Response

CHECK_SECONDS: Final = 2.0
"""How long a check may take before it counts as failing."""

_FRESH_SECONDS: Final = 1.0
_LATER: Final = ((b"retry-after", b"1"),)


class Readiness:
    """Whether this server may be sent requests.

    Args:
        checks: functions by name that return whether a part works; each may block.
        now: seconds of a clock that never goes back.
    """

    def __init__(self, checks: Mapping[str, Callable[[], bool]] | None = None, now: Callable[[], float] = monotonic):
        self._checks = dict(checks or {})
        self._now = now
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._failing: tuple[str, ...] = ()
        self._looked = float("-inf")
        self.draining = False

    async def failing(self) -> tuple[str, ...]:
        """Return the names of what does not work; `draining` for a server that is about to stop."""
        if self.draining:
            return ("draining",)
        if self._now() - self._looked > _FRESH_SECONDS:
            results = {name: await self._works(name) for name in self._checks}
            self._failing = tuple(name for name, works in results.items() if not works)
            self._looked = self._now()
        return self._failing

    async def _works(self, name: str) -> bool:
        """Run a check unless the last one has not come back yet, and wait for it for a while."""
        task = self._running.get(name)
        if task is None or task.done():
            task = self._running[name] = asyncio.create_task(asyncio.to_thread(self._checks[name]))
        done, _ = await asyncio.wait({task}, timeout=CHECK_SECONDS)
        return bool(done) and task.exception() is None and task.result()

    def operations(self) -> list[Operation]:
        """Return the probes as rows for the router."""
        return [
            Operation("Health - Live", "GET", "/healthz/live", self.live, needs_key=False),
            Operation("Health - Ready", "GET", "/healthz/ready", self.ready, needs_key=False),
        ]

    async def live(self, exchange: Exchange) -> Response:  # noqa: ARG002  a handler takes the exchange
        """Answer: a process that does not should be restarted."""
        return Response(body=b'{"status":"ok"}')

    async def ready(self, exchange: Exchange) -> Response:  # noqa: ARG002  as above
        """Return whether requests may be sent here, 503 if not."""
        failing = await self.failing()
        if failing:
            body = json.dumps({"status": "not ready", "failing": failing}).encode()
            return Response(503, body, headers=_LATER)
        return Response(body=b'{"status":"ready"}')
