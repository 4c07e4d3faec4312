"""The Prometheus endpoint: the counts of this process since its start, and its current levels.

Each process exports its own counts; Prometheus adds them up and detects restarts. Labels are names of resources,
operations, statuses and error codes, never text from a caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from threading import Lock
from typing import TYPE_CHECKING, Any

from mien.events.levels import Gauges, Level, Names
from mien.events.recorder import Recorder

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Exposition:
    """Renders the metrics in Prometheus' text formats; also an ASGI application.

    Args:
        recorder: the counts.
        names: returns the names of the resources by id.
        levels: values of the process itself, such as the length of its queue.
        gauges: values per resource, by metric name.
    """

    def __init__(
        self,
        recorder: Recorder,
        names: Names,
        levels: Iterable[Level] = (),
        gauges: Gauges | None = None,
    ) -> None:
        self._recorder = recorder
        self._names = names
        self._levels = tuple(levels)
        self._gauges = dict(gauges or {})
        self._registry: CollectorRegistry | None = None
        self._lock = Lock()

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the page and its media type; blocks, because it reads names from the database.

        Args:
            accept: the request's `Accept` header, which selects the format.
        """
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415  not needed at start-up

        from mien.events.families import make_registry  # noqa: PLC0415  likewise

        with self._lock:
            if self._registry is None:
                self._registry = make_registry(self._recorder, self._names, self._levels, self._gauges)
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer an HTTP request with the page."""
        del receive
        accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        body, media_type = await asyncio.to_thread(self.render, accept.decode("latin-1"))
        headers = [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
