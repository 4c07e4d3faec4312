"""Counts of calls in a Redis that several servers share; imported only if there is one, for that takes 0.3 s."""

from __future__ import annotations

from time import time
from typing import Any, Final

from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

_ANSWER_SECONDS: Final = 0.5
"""How long Redis may take; what is slower is as good as away."""


class SharedCounts:
    """Moving windows of calls.

    Args:
        url: `redis://`, `rediss://` (TLS) or `valkey://`.
    """

    def __init__(self, url: str) -> None:
        self._connections = _connections(url)
        self._window = MovingWindowRateLimiter(_storage(self._connections))

    async def hit(self, item: RateLimitItem, resource: str) -> float | None:
        """Count a call, and return how many seconds to wait when it was one too many.

        Raises:
            OSError: Redis does not answer.
        """
        try:
            if await self._window.hit(item, resource):
                return None
            return (await self._window.get_window_stats(item, resource)).reset_time - time()
        except RedisError as error:
            raise ConnectionError(type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.aclose()


def _connections(url: str) -> ConnectionPool:
    """Return connections to Redis, or to Valkey, which speaks the same protocol; they are opened as calls come."""
    scheme, separator, rest = url.partition("://")
    scheme = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
    return ConnectionPool.from_url(
        f"{scheme}{separator}{rest}",
        max_connections=1000,
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),  # once: a connection that the server closed meanwhile
    )


def _storage(connections: ConnectionPool) -> RedisStorage:
    # The library passes on to the client what it does not know; its annotation is narrower than that.
    options: dict[str, Any] = {"connection_pool": connections}
    return RedisStorage("async+redis://", implementation="redispy", key_prefix="mien", **options)
