"""Counts calls in a Redis that several servers share; imported only if needed, because that takes 0.3 s."""

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
"""Time limit for Redis; a slower answer counts as none."""


class SharedCounts:
    """Sliding windows of calls.

    Args:
        url: `redis://`, `rediss://` (TLS) or `valkey://`.
    """

    def __init__(self, url: str) -> None:
        self._connections = _connections(url)
        self._window = MovingWindowRateLimiter(_storage(self._connections))

    async def hit(self, item: RateLimitItem, resource: str) -> float | None:
        """Count a call; return the seconds to wait if it exceeds the limit.

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
    """Return a pool of connections to Redis or Valkey, which are opened on demand."""
    scheme, separator, rest = url.partition("://")
    scheme = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
    return ConnectionPool.from_url(
        f"{scheme}{separator}{rest}",
        max_connections=1000,
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),  # once, for a connection that the server has closed
    )


def _storage(connections: ConnectionPool) -> RedisStorage:
    # The library passes unknown options to the client, although its annotation does not say so.
    options: dict[str, Any] = {"connection_pool": connections}
    return RedisStorage("async+redis://", implementation="redispy", key_prefix="mien", **options)
